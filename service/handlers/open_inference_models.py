"""Models as the Open Inference Protocol and its extensions describe them: tensors, configuration and statistics.

References:
    https://github.com/triton-inference-server/server/tree/main/docs/protocol: extension_model_configuration.md and
    extension_statistics.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.specs import InputSpec
from service.handlers.prediction import most_samples
from service.runtime.registry import ServedPredictor
from service.runtime.usage import Usage
from service.schemas.prediction import PredictOptions
from service.settings import Settings

INPUT = "inputs"
"""Name of the one tensor that a model takes."""

_CONFIG_TYPES = {"BYTES": "TYPE_STRING"}
_NANOSECONDS = 1_000_000_000
_SHAPES = {
    "mean": "an output",
    "aleatoric_variance": "an output",
    "epistemic_variance": "an output",
    "total_variance": "an output",
    "predictive_entropy": "a position",
    "expected_entropy": "a position",
    "mutual_information": "a position",
    "standard_error": "an output",
}
"""What every statistic has one number for."""
_OF_DRAWS = ("epistemic_variance", "total_variance", "mutual_information", "standard_error")
"""Statistics that a model of one function does not have."""


def metadata(served: ServedPredictor, versions: list[str]) -> dict[str, Any]:
    """Return the tensors that a model takes and answers, with -1 for the number of rows.

    Intervals come on top where a request asks for them.
    """
    outputs = served.spec.outputs
    each = [-1, *served.backend.positions]
    has_draws = served.backend.max_samples is None or served.backend.max_samples > 1
    known = [name for name in _SHAPES if has_draws or name not in _OF_DRAWS]
    tensors = [
        {"name": name, "datatype": "FP64", "shape": each + [outputs.size] * (_SHAPES[name] == "an output")}
        for name in known
    ]
    if outputs.outcome != "regression":
        tensors.insert(0, {"name": "label", "datatype": "BYTES", "shape": each})
    if served.calibration is not None:
        tensors.append({"name": "ood_score", "datatype": "FP64", "shape": [-1]})
        tensors += [{"name": name, "datatype": "BYTES", "shape": [-1]} for name in ("decision", "alarms")]
    return {
        "name": served.manifest.name,
        "versions": versions,
        "platform": f"credence_{served.backend.name}",
        "inputs": _inputs(served.inputs),
        "outputs": tensors,
    }


def _inputs(spec: InputSpec) -> list[dict[str, Any]]:
    """Return the tensors that a model takes: one of numbers, or one for each input, or column with other values.

    A table of numbers takes a tensor for each column too.
    """
    if spec.parts:
        return [_input(name, part) for name, part in spec.parts.items()]
    if spec.table is None or spec.kind != "table" or spec.table.is_numeric:
        return [_input(INPUT, spec)]
    return [
        {"name": column.name, "datatype": "FP64" if column.kind == "number" else "BYTES", "shape": [-1, 1]}
        for column in spec.table.columns
    ]


def _input(name: str, spec: InputSpec) -> dict[str, Any]:
    return {"name": name, "datatype": "INT64" if spec.kind == "tokens" else "FP32", "shape": [-1, *spec.shape]}


def configuration(served: ServedPredictor, settings: Settings) -> dict[str, Any]:
    """Return what a model is to Triton's tools: its tensors without the axis of rows, and how requests are batched."""
    described, device = metadata(served, []), served.backend.device
    default_draws: int = PredictOptions.model_fields["samples"].default
    affordable = int(settings.max_work / (default_draws * served.backend.work_weight))
    while (
        affordable > 1 and most_samples(served.backend.cost, affordable, settings.max_request_seconds) < default_draws
    ):
        affordable = affordable * 9 // 10
    return {
        "name": described["name"],
        "platform": described["platform"],
        "backend": "credence",
        "version_policy": {"all": {}},
        "max_batch_size": max(1, min(settings.max_rows, affordable)),
        "input": [_config_of(tensor) for tensor in described["inputs"]],
        "output": [_config_of(tensor) for tensor in described["outputs"]],
        "instance_group": [
            {"name": device, "kind": "KIND_GPU" if device.startswith("cuda") else "KIND_CPU", "count": 1}
        ],
        "dynamic_batching": {
            "default_queue_policy": {
                "timeout_action": "REJECT",
                "default_timeout_microseconds": int(settings.deadline_seconds * 1_000_000),
                "allow_timeout_override": True,
                "max_queue_size": settings.max_queue_requests,
            }
        },
        "model_transaction_policy": {"decoupled": False},
    }


def _config_of(tensor: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration of a tensor; one number a row is written as Triton writes it, reshaped from ``[1]``."""
    datatype, dims = tensor["datatype"], tensor["shape"][1:]
    written = {"name": tensor["name"], "data_type": _CONFIG_TYPES.get(datatype, f"TYPE_{datatype}")}
    return written | ({"dims": dims} if dims else {"dims": [1], "reshape": {"shape": []}})


def model_statistics(served: ServedPredictor, usage: Usage) -> dict[str, Any]:
    """Return what a model has done since the service started.

    The time on the device is not split: ``compute_infer`` holds all of it.
    """
    answered = {"count": usage.answers, "ns": 0}
    return {
        "name": served.manifest.name,
        "version": str(served.manifest.version),
        "last_inference": usage.last_milliseconds,
        "inference_count": usage.rows,
        "execution_count": sum(usage.batches.values()),
        "inference_stats": {
            "success": _duration(usage.answers, usage.queue_seconds + usage.compute_seconds),
            "fail": _duration(usage.failures, usage.failure_seconds),
            "queue": _duration(usage.answers, usage.queue_seconds),
            "compute_input": answered,
            "compute_infer": _duration(usage.answers, usage.compute_seconds),
            "compute_output": answered,
        },
        "batch_stats": [
            {
                "batch_size": size,
                "compute_input": {"count": count, "ns": 0},
                "compute_infer": _duration(count, usage.batch_seconds[size]),
                "compute_output": {"count": count, "ns": 0},
            }
            for size, count in sorted(usage.batches.items())
        ],
    }


def _duration(count: int, seconds: float) -> dict[str, int]:
    return {"count": count, "ns": round(seconds * _NANOSECONDS)}
