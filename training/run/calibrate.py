"""Calibration after the weights: the training rows as a reference, and what the model says of rows it never saw."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.guarantees.calibration import CLASS, GROUP, SEED, CalibrationRows
from models.guarantees.conformal import CLASS_SCORES, class_scores, deviation_scores, label_scores
from models.guarantees.risk import RiskCurves, scores_needed
from models.prediction.evidence import of_answer
from models.prediction.predictor import Predictor
from models.prediction.reference import Reference
from models.prediction.regression import Regression
from models.prediction.uncertainty import Uncertainty
from models.specs import VOID
from training.data import Split

DRAWS = (0, 1, 2, 3, 4, 5, 6, 8, 10, 14, 20, 30, 50, 100, 200)
"""Numbers of draws that are calibrated. Scores depend on the number most where it is small, as their bias is 1 / S."""
MOST_MIXED = 20
"""Largest number that is calibrated with many seeds as well: with more draws the seed hardly matters."""
_FEW_MIXED = 5
"""The same where draws take their time."""
_SEEDS = 50
"""Number of these seeds, each for its part of the rows."""
MOST_ROWS = 5000
"""Number of calibration rows that are kept: a quantile of as many is known to half a point."""
_REFERENCE_ROWS = 5000
_USUAL_DRAWS = 50
_MOST_BYTES = 2**34
"""Bytes of activations, over all rows and draws, up to which more than the usual number of draws are calibrated."""
_BLOCK, _SMALL_BLOCK = 1000, 200
"""Most rows that are looked at together, by the seed that all have and by one of their own."""
_MOST_OUTCOMES = 2**23
"""Probabilities, or targets, that are looked at together."""
_MOST_CATEGORIES = 20
"""Largest number of categories of a column that rows are grouped by."""
_PARTS = 128
"""Number of thresholds that stand for the outcomes of a row with many."""
_MOST_THRESHOLDS = 2**26
"""Number of such thresholds that are kept at once: of a model with many classes, fewer rows are looked at."""


def fit_reference(model: Predictor, train: Split) -> None:
    """Give a trained model its reference: what its training rows look like to it.

    Args:
        model: A trained predictor, which is changed.
        train: Rows that it was trained on; 5000 of them are looked at.
    """
    count = min(len(train.inputs), _REFERENCE_ROWS)
    chosen = torch.arange(count) * len(train.inputs) // count
    blocks = [train.rows(block) for block in torch.split(chosen, _BLOCK)]
    observed = [model.observe(block.inputs)[1:] for block in blocks]
    features, inputs = (torch.cat(parts) for parts in zip(*observed, strict=True))
    classified = model.outputs.task == "classification" and not model.positions
    labels = torch.cat([block.targets for block in blocks]).to(features.device) if classified else None
    model.reference = Reference.fit(features, inputs, labels, model.outputs.size if classified else 0)


def calibrate(model: Predictor, calibration: Split) -> CalibrationRows | None:
    """Return what a trained model says of calibration rows, after several numbers of draws; ``None`` without rows."""
    rows = min(len(calibration.inputs), MOST_ROWS)
    if not rows:
        return None
    cheap = rows * DRAWS[-1] * model.row_bytes <= _MOST_BYTES
    numbers = _numbers_of_draws(model, cheap=cheap)
    most_mixed = min(MOST_MIXED if cheap else _FEW_MIXED, numbers[-1] - 1)
    mixed = tuple(number for number in numbers if 1 <= number <= most_mixed)
    if _has_many_outcomes(model):
        rows = min(rows, _MOST_THRESHOLDS // (_PARTS * len(numbers) * (model.outputs.size + 1)))
    chosen = torch.arange(rows) * len(calibration.inputs) // rows
    outcomes = math.prod(model.positions) * model.outputs.size
    fitting = max(1, min(_MOST_OUTCOMES // outcomes, model.most_rows))
    # The same draws for all rows are made once for many of them; the others once for each part of the rows.
    wide = [calibration.rows(block) for block in torch.split(chosen, min(_BLOCK, fitting))]
    common = _join([_describe_draws(model, block, numbers, SEED) for block in wide])
    observed = _join([_observe(model, block) for block in wide])
    blocks = torch.split(chosen, max(1, min(_SMALL_BLOCK, rows // _SEEDS, fitting)))
    others = [_describe_draws(model, calibration.rows(block), mixed, seed) for seed, block in enumerate(blocks, 1)]
    arrays = _append(common, _join(others), len(mixed)) | observed
    groups, names = _group(model, calibration, chosen)
    return CalibrationRows(
        numbers,
        _of_kind(arrays, "evidence"),
        _of_kind(arrays, "scores"),
        arrays.get("doubt"),
        arrays.get("loss"),
        groups,
        names,
        RiskCurves.fit(arrays["needed"]) if "needed" in arrays else None,
        mixed,
    )


def _group(
    model: Predictor, calibration: Split, chosen: Tensor
) -> tuple[dict[str, NDArray[np.int64]], dict[str, tuple[str, ...]]]:
    """Return the group of each row and the groups' names: by class, and by each column of few categories."""
    groups: dict[str, NDArray[np.int64]] = {}
    names: dict[str, tuple[str, ...]] = {}
    if _has_many_outcomes(model):
        return groups, names
    if model.outputs.task == "classification":
        groups[CLASS], names[CLASS] = calibration.targets[chosen].long().numpy(), model.outputs.names
    if model.inputs.table is not None and model.inputs.kind == "table":
        found = model.inputs.table.categories_of(calibration.inputs[chosen].numpy())
        for column, _ in model.inputs.table.one_hots:
            if len(column.categories) <= _MOST_CATEGORIES:
                name = f"{GROUP}{column.name}"
                groups[name], names[name] = found[column.name], column.categories
    return groups, names


def _has_many_outcomes(model: Predictor) -> bool:
    return bool(model.positions) or model.outputs.task == "multilabel"


def _numbers_of_draws(model: Predictor, *, cheap: bool) -> tuple[int, ...]:
    """Return the numbers of draws to calibrate: those that the model has, and that are worth their time."""
    most = model.available_samples(DRAWS[-1] if cheap else _USUAL_DRAWS)
    return tuple(sorted({min(number, most) for number in DRAWS}))


def _of_kind(arrays: dict[str, NDArray[np.float32]], kind: str) -> dict[str, NDArray[np.float32]]:
    return {name.partition("/")[2]: values for name, values in arrays.items() if name.startswith(f"{kind}/")}


def _observe(model: Predictor, split: Split) -> dict[str, NDArray[np.float32]]:
    """Return arrays ``(1, B)`` of what does not depend on the draws, by their names."""
    observed = model.observed_evidence(split.inputs)
    return {f"evidence/{name}": values.cpu().float().numpy()[None] for name, values in observed.items()}


def _join(parts: Sequence[dict[str, NDArray[np.float32]]]) -> dict[str, NDArray[np.float32]]:
    return {name: np.concatenate([part[name] for part in parts], -1) for name in parts[0]}


def _append(
    arrays: dict[str, NDArray[np.float32]], others: dict[str, NDArray[np.float32]], number: int
) -> dict[str, NDArray[np.float32]]:
    """Return arrays with a number of others after them, ``(K, ..., B)``; NaN where there is no other."""
    joined = {}
    for name, values in arrays.items():  # of two members, one alone says nothing epistemic
        nothing = np.full((number, *values.shape[1:]), np.nan, np.float32)
        joined[name] = np.concatenate([values, others.get(name, nothing)])
    return joined


def _describe_draws(
    model: Predictor, split: Split, numbers: tuple[int, ...], seed: int
) -> dict[str, NDArray[np.float32]]:
    described: dict[str, list[Tensor]] = {}
    for answer in model.predict_nested(split.inputs, numbers, seed):
        found = {f"evidence/{name}": values for name, values in of_answer(answer, model.outputs).items()}
        for name, values in (found | _judge(model, answer, split.targets)).items():
            described.setdefault(name, []).append(values.cpu().float())
    return {name: _stack(values, len(numbers)) for name, values in described.items()}


def _stack(values: list[Tensor], numbers: int) -> NDArray[np.float32]:
    """Return values after each number of draws, ``(K, B)``; NaN for the first ones, which had too few for any."""
    missing = [torch.full_like(values[0], torch.nan)] * (numbers - len(values))
    stacked: NDArray[np.float32] = torch.stack(missing + values).numpy()
    return stacked


def _judge(model: Predictor, answer: Uncertainty, targets: Tensor) -> dict[str, Tensor]:
    """Return scores, doubt and loss of rows with one outcome each, ``(B,)``; of others the thresholds they need."""
    targets = targets.to(answer.mean.device)
    if _has_many_outcomes(model):
        return {"needed": _needed(model, answer, targets)}
    if model.outputs.task == "classification":
        wrong = answer.mean.argmax(-1) != targets
        scores = {f"scores/{kind}": class_scores(answer.mean, targets, kind) for kind in CLASS_SCORES}
        return {**scores, "doubt": 1 - answer.mean.amax(-1), "loss": wrong.float()}
    assert isinstance(model.likelihood, Regression)  # as there is no other task
    found = deviation_scores(model.likelihood, answer, targets)
    found = {f"scores/{kind}": values for kind, values in found.items()}
    if len(model.outputs.names) == 1:
        error = (answer.mean - targets).abs()[:, 0]
        found |= {"doubt": answer.variance[:, 0].sqrt(), "loss": error}
    return found


def _needed(model: Predictor, answer: Uncertainty, targets: Tensor) -> Tensor:
    """Return the thresholds that rows with many outcomes need, ``(G, parts, B)``: by class, and for all together."""
    if isinstance(model.likelihood, Regression):
        scores = deviation_scores(model.likelihood, answer, targets)["deviation"].flatten(1)
        pairs = [(scores, ~scores.isnan())]
    elif model.outputs.task == "multilabel":
        by_label = (len(targets), -1, model.outputs.size)
        scores, wanted = label_scores(answer.mean).reshape(by_label), (targets == 1).reshape(by_label)
        pairs = [(scores[..., label], wanted[..., label]) for label in range(model.outputs.size)]
        pairs.append((scores.flatten(1), wanted.flatten(1)))
    else:
        labels = model.outputs.standardise(targets)
        scores, labels = class_scores(answer.mean, labels).flatten(1), labels.flatten(1)
        pairs = [(scores, labels == index) for index in range(model.outputs.size)]
        pairs.append((scores, labels != VOID))
    return torch.stack([scores_needed(scores, wanted, _PARTS).T for scores, wanted in pairs])
