"""From a prediction's arrays to the bytes of its answer."""

from __future__ import annotations

import io
from typing import Any

import msgspec
import numpy as np
import torch
from starlette.responses import Response

from models.uncertainty import epistemic_covariance, mixture_quantile, prediction_set
from service.backends.torch_predictor import Prediction
from service.negotiation import JSON, NPZ
from service.registry import ServedPredictor
from service.schemas import PredictOptions


def predict_answer(
    served: ServedPredictor, options: PredictOptions, seed: int, prediction: Prediction, media: str
) -> Response:
    """The answer to one prediction, as JSON or as arrays."""
    head = _head(served, seed, prediction)
    columns = _columns(served, options, prediction)
    if media == NPZ:
        return Response(_npz({**head, **columns}), media_type=NPZ)
    return Response(msgspec.json.encode({**head, **_listed(columns)}), media_type=JSON)


def _head(served: ServedPredictor, seed: int, prediction: Prediction) -> dict[str, Any]:
    outputs = served.spec.outputs
    return {
        "model": served.manifest.name,
        "version": str(served.manifest.version),
        "task": outputs.task,
        "method": served.manifest.method,
        "seed": seed,
        "samples": prediction.samples,
        "stop_reason": prediction.stop_reason,
        "classes" if outputs.task == "classification" else "targets": list(outputs.names),
    }


def _columns(served: ServedPredictor, options: PredictOptions, prediction: Prediction) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    classification = served.spec.outputs.task == "classification"
    mean = prediction.columns["mean"]
    assert mean is not None  # every task reports it
    if classification:
        columns["label"] = [served.spec.outputs.names[c] for c in mean.argmax(-1)]
    columns |= {
        name: column
        for name, column in prediction.columns.items()
        if options.outputs is None or name in options.outputs
    }
    if options.interval is not None:
        columns |= _sets(served, options.interval, mean) if classification else _interval(options.interval, prediction)
    if options.draws:
        columns["draws"] = prediction.draw_means
    if options.covariance:
        columns["covariance"] = epistemic_covariance(torch.from_numpy(prediction.draw_means)).numpy()
    return columns


def _sets(served: ServedPredictor, level: float, mean: Any) -> dict[str, Any]:
    names = np.array(served.spec.outputs.names)
    members = prediction_set(torch.from_numpy(mean), level).numpy()
    return {"prediction_set": [names[row].tolist() for row in members]}


def _interval(level: float, prediction: Prediction) -> dict[str, Any]:
    means, variances = torch.from_numpy(prediction.draw_means), torch.from_numpy(prediction.draw_variances)
    tail = (1 - level) / 2
    return {
        "interval": {
            "level": level,
            "lower": mixture_quantile(means, variances, tail).numpy(),
            "upper": mixture_quantile(means, variances, 1 - tail).numpy(),
        }
    }


def _listed(value: Any) -> Any:
    """Arrays as nested lists, at any depth of dictionaries."""
    if isinstance(value, dict):
        return {name: _listed(item) for name, item in value.items()}
    return value.tolist() if isinstance(value, np.ndarray) else value


def _npz(entries: dict[str, Any]) -> bytes:
    """Every entry that is not null as an array; text is unicode arrays, ``interval`` is three entries."""
    flat: dict[str, Any] = {}
    for name, entry in entries.items():
        if isinstance(entry, dict):
            flat |= {f"{name}_{part}": value for part, value in entry.items()}
        elif name == "prediction_set":
            flat[name] = np.array([",".join(row) for row in entry])
        elif entry is not None:
            flat[name] = np.asarray(entry)
    file = io.BytesIO()
    np.savez(file, **flat)
    return file.getvalue()
