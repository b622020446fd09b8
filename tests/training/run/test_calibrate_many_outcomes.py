"""Rows with many outcomes are calibrated by the share of these that is missed, and what is kept can be read again."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from random_models import DROPOUT, LSTM, MLP, PIXELS, SCENES, SEGNET, TABLE, TARGET, TUNES
from torch import Tensor

from models.catalogue import Component
from models.checkpoints.checkpoint import PredictorSpec
from models.guarantees.calibration import read
from models.guarantees.conformal import conformal_set, label_set
from models.prediction.predictor import Predictor
from models.prediction.uncertainty import Uncertainty
from models.specs import VOID, OutputSpec
from training.data import Split
from training.run.calibrate import SEED, calibrate

ROWS = 240
LEVEL = 0.8


def build(spec: PredictorSpec) -> Predictor:
    torch.manual_seed(0)
    return spec.build().eval()


def pixels() -> tuple[Predictor, Split]:
    """A segmentation, with some void pixels."""
    model, rows = (
        build(PredictorSpec(SEGNET, DROPOUT, Component("categorical"), SCENES, PIXELS)),
        torch.rand(ROWS, 1, 9, 12),
    )
    labels = torch.multinomial(model.predict(rows, 5, 1).mean.float().flatten(0, -2), 1).view(ROWS, 9, 12)
    labels[:, 0, :3] = VOID
    return model, Split(rows, labels)


def labels_of_steps() -> tuple[Predictor, Split]:
    notes = OutputSpec("multilabel", ("c", "d", "e", "f"))
    model, rows = build(PredictorSpec(LSTM, DROPOUT, Component("bernoulli"), TUNES, notes)), torch.rand(ROWS, 6, 4)
    return model, Split(rows, torch.bernoulli(model.predict(rows, 5, 1).mean.float()))


def labels() -> tuple[Predictor, Split]:
    kinds = OutputSpec("multilabel", ("a", "b"))
    model, rows = build(PredictorSpec(MLP, DROPOUT, Component("bernoulli"), TABLE, kinds)), 3 * torch.rand(ROWS, 3)
    return model, Split(rows, torch.bernoulli(model.predict(rows, 5, 1).mean.float()))


def targets_of_steps() -> tuple[Predictor, Split]:
    """A regression at every step; the last steps of some were not observed."""
    likelihood = Component("heteroscedastic_gaussian")
    model, rows = build(PredictorSpec(LSTM, DROPOUT, likelihood, TUNES, TARGET)), torch.rand(ROWS, 6, 4)
    targets = 150 + 70 * torch.randn(ROWS, 6, 1)
    targets[::3, 4:] = torch.nan
    return model, Split(rows, targets)


def missed(model: Predictor, answer: Uncertainty, targets: Tensor, bound: float | Tensor) -> Tensor:
    """The share of each row's outcomes that sets or intervals of a bound miss, ``(B, groups)``: by class, if any."""
    if model.outputs.outcome == "regression":
        low, high = model.likelihood.around(answer.mean, answer.variance, bound)
        wanted, held = ~targets.isnan(), (low <= targets) & (targets <= high)
    elif model.outputs.outcome == "multilabel":
        wanted, held = targets == 1, label_set(answer.mean, bound)
    else:
        wanted, held = targets.unsqueeze(-1) == torch.arange(model.outputs.size), conformal_set(answer.mean, bound)
    wanted, lost = (mask.double().reshape(len(targets), -1, mask.shape[-1]) for mask in (wanted, wanted & ~held))
    return lost.sum(1) / wanted.sum(1)


@pytest.mark.parametrize("case", [pixels, labels_of_steps, labels, targets_of_steps])
def test_fresh_rows_miss_no_larger_share_in_any_class(case: Callable[[], tuple[Predictor, Split]]) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model, split = case()
    half = ROWS // 2
    calibration = calibrate(model, split.rows(slice(half)))
    assert calibration is not None
    kept = read(calibration.serialise(), calibration.summary())
    assert kept.risk is not None
    assert not kept.scores
    classes = model.outputs.size if model.outputs.outcome != "regression" else 0
    assert kept.hold_by_class(LEVEL) == bool(classes)
    fresh = split.rows(slice(half, ROWS))
    for samples in (0, 1, 5, 50):
        answer, position = model.predict(fresh.inputs, samples, SEED), kept.position(samples)
        bounds = [kept.risk.threshold(position, group, LEVEL) for group in range(classes)] or [
            kept.risk.threshold(position, -1, LEVEL)
        ]
        shares = missed(model, answer, fresh.targets, torch.tensor(bounds, dtype=torch.float64)).nanmean(0)
        assert float(shares.max()) <= 1 - LEVEL + 0.08, samples
    if model.outputs.outcome == "regression":
        assert float(shares.max()) > 1 - LEVEL - 0.08
    assert np.isfinite(kept.risk.thresholds[..., :-1]).all()
