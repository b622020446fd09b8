"""From a prediction's arrays to the bytes of its answer."""

from __future__ import annotations

import io
import math
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from starlette.responses import Response

from service.backends.predictor_jobs import Prediction
from service.backends.torch_statistics import conformal_set, epistemic_covariance, mixture_quantile, prediction_set
from service.handlers import pictures
from service.http.negotiation import JSON, NPZ, PNG
from service.runtime.registry import ServedPredictor
from service.schemas.prediction import PredictOptions


def predict_answer(
    served: ServedPredictor, options: PredictOptions, seed: int, prediction: Prediction, media: str
) -> Response:
    """The answer to one prediction, as JSON, as arrays, or a segmentation as a picture."""
    if media == PNG:
        return Response(_picture(served, seed, prediction), media_type=PNG)
    entries = metadata(served, seed, prediction) | statistics(served, options, prediction)
    if media == NPZ:
        return Response(npz(entries), media_type=NPZ)
    return Response(msgspec.json.encode(to_lists(entries)), media_type=JSON)


def _picture(served: ServedPredictor, seed: int, prediction: Prediction) -> bytes:
    mean, entropy = prediction.statistics["mean"], prediction.statistics["predictive_entropy"]
    assert mean is not None  # every task reports both
    assert entropy is not None
    size = served.spec.outputs.size
    notes = metadata(served, seed, prediction)
    return pictures.segmentation(mean.argmax(-1), entropy / math.log(size), size, **notes)


def metadata(served: ServedPredictor, seed: int, prediction: Prediction) -> dict[str, Any]:
    """What was answered, by which model and with which draws."""
    outputs = served.spec.outputs
    return {
        "model": served.manifest.name,
        "version": str(served.manifest.version),
        "task": outputs.task,
        "method": served.manifest.method,
        "seed": seed,
        "samples": prediction.samples,
        "stop_reason": prediction.stop_reason,
        "targets" if outputs.outcome == "regression" else "classes": list(outputs.names),
    }


def statistics(served: ServedPredictor, options: PredictOptions, prediction: Prediction) -> dict[str, Any]:
    """What the options ask for, an entry a row; null where it is not known."""
    columns: dict[str, Any] = {}
    outputs = served.spec.outputs
    mean = prediction.statistics["mean"]
    assert mean is not None  # every task reports it
    if outputs.outcome == "classification":
        columns["label"] = np.array(outputs.names)[mean.argmax(-1)].tolist()
    elif outputs.outcome == "multilabel":
        columns["label"] = _named(mean >= 0.5, outputs.names)
    columns |= {
        name: column
        for name, column in prediction.statistics.items()
        if options.outputs is None or name in options.outputs
    }
    if options.interval is not None:
        columns |= _sets(served, options.interval, prediction, mean)
    columns |= decisions(served, prediction)
    drawn = prediction.draw_means if prediction.samples else None
    if options.draws:
        columns["draws"] = drawn
    if options.covariance:
        columns["covariance"] = None if drawn is None else epistemic_covariance(drawn)
    return columns


def decisions(served: ServedPredictor, prediction: Prediction) -> dict[str, list[Any] | None]:
    """How little is known about each row, and whether that is little enough to answer; null if it is not known."""
    calibration = served.manifest.calibration
    score = prediction.ood_score
    if score is None:
        return {"ood_score": None, "decision": None}
    if calibration is None:
        return {"ood_score": score.tolist(), "decision": None}
    return {
        "ood_score": score.tolist(),
        "decision": ["accept" if s <= calibration.threshold else "abstain" for s in score],
    }


def conformal_score(served: ServedPredictor, level: float, samples: int) -> float | None:
    """The score that holds this level, if the model was calibrated and draws are asked for.

    Raises:
        LevelError: if there were too few calibration rows for it.
    """
    calibration = served.manifest.calibration
    if calibration is None or not calibration.scores or not samples:
        return None
    return calibration.score_quantile(level)


def _sets(served: ServedPredictor, level: float, prediction: Prediction, mean: NDArray[np.float64]) -> dict[str, Any]:
    """Intervals or sets of a level: conformal ones if the model was calibrated, else those that it believes in."""
    outputs = served.spec.outputs
    score = conformal_score(served, level, prediction.samples)
    kind = {"interval_method": "credible" if score is None else "conformal"}
    if outputs.outcome == "classification":
        members = prediction_set(mean, level) if score is None else conformal_set(mean, score)
        return kind | {"prediction_set": _named(members, outputs.names)}
    if score is None:
        return kind | _interval(level, prediction)
    variance = prediction.statistics["total_variance"]
    assert variance is not None  # there were draws
    width = score * np.sqrt(variance)
    return kind | {"interval": {"level": level, "lower": mean - width, "upper": mean + width}}


def _named(members: NDArray[np.bool_], names: tuple[str, ...]) -> list[Any]:
    """Memberships ``(..., C)`` as nested lists of the members' names."""
    if members.ndim == 1:
        return [name for name, member in zip(names, members, strict=True) if member]
    return [_named(part, names) for part in members]


def _interval(level: float, prediction: Prediction) -> dict[str, Any]:
    means, variances = prediction.draw_means, prediction.draw_variances
    assert means is not None  # the job asked for them
    assert variances is not None
    tail = (1 - level) / 2
    return {
        "interval": {
            "level": level,
            "lower": mixture_quantile(means, variances, tail),
            "upper": mixture_quantile(means, variances, 1 - tail),
        }
    }


def to_lists(value: Any) -> Any:
    """Arrays as nested lists, at any depth of dictionaries."""
    if isinstance(value, dict):
        return {name: to_lists(item) for name, item in value.items()}
    return value.tolist() if isinstance(value, np.ndarray) else value


def _joined(named: list[Any]) -> Any:
    """Innermost lists of names as one text each, for arrays cannot be ragged."""
    if all(isinstance(item, str) for item in named):
        return ",".join(named)
    return [_joined(part) for part in named]


def arrays(entries: dict[str, Any]) -> dict[str, NDArray[Any]]:
    """Every entry that is not null as an array; text is unicode arrays, ``interval`` is three entries."""
    flat: dict[str, NDArray[Any]] = {}
    for name, entry in entries.items():
        if isinstance(entry, dict):
            flat |= {f"{name}_{part}": np.asarray(value) for part, value in entry.items()}
        elif name == "prediction_set" or (name == "label" and entries["task"] == "multilabel"):
            flat[name] = np.array(_joined(entry))
        elif entry is not None:
            flat[name] = np.asarray(entry)
    return flat


def npz(entries: dict[str, Any]) -> bytes:
    """:func:`arrays` as the archive that NumPy reads."""
    file = io.BytesIO()
    np.savez(file, **arrays(entries))  # type: ignore[arg-type]
    return file.getvalue()
