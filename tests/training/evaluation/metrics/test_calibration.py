"""Calibration errors: small for labels drawn from the stated probabilities, large for the overconfident."""

from __future__ import annotations

import pytest
import torch

from training.evaluation.metrics import calibration


@pytest.fixture(scope="module")
def calibrated() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    probs = (2 * torch.randn(20_000, 5, generator=generator, dtype=torch.float64)).softmax(-1)
    return probs, torch.multinomial(probs, 1, generator=generator).squeeze(1)


def test_labels_drawn_from_the_probabilities_are_calibrated(calibrated) -> None:
    assert calibration.ece(*calibrated) < 0.01
    assert calibration.adaptive_ece(*calibrated) < 0.015


def test_the_brier_score_of_calibrated_probabilities_is_their_expected_one(calibrated) -> None:
    probs, _ = calibrated
    expected = float((probs * (1 - probs)).sum(-1).mean())
    assert calibration.brier(*calibrated) == pytest.approx(expected, abs=0.01)


def test_overconfidence_is_seen(calibrated) -> None:
    probs, labels = calibrated
    sharp = probs.pow(4) / probs.pow(4).sum(-1, keepdim=True)
    gap = float(sharp.amax(-1).mean() - (sharp.argmax(-1) == labels).double().mean())
    assert calibration.ece(sharp, labels) == pytest.approx(gap, abs=0.01)
    assert calibration.adaptive_ece(sharp, labels) == pytest.approx(gap, abs=0.01)


def test_the_perfect_and_the_confidently_wrong() -> None:
    sure, labels = torch.eye(3, dtype=torch.float64), torch.tensor([0, 1, 2])
    for figure, right, wrong in ((calibration.ece, 0, 1), (calibration.adaptive_ece, 0, 1), (calibration.brier, 0, 2)):
        assert figure(sure, labels) == pytest.approx(right, abs=1e-6)
        assert figure(sure, labels.roll(1)) == pytest.approx(wrong, abs=1e-6)


def test_bins_of_equal_width_give_the_error_of_torchmetrics(calibrated) -> None:
    bins = calibration.equal_width_bins(*calibrated)
    error = (bins.rows * (bins.accuracy - bins.confidence).abs()).sum() / bins.rows.sum()
    assert float(error) == pytest.approx(calibration.ece(*calibrated), abs=1e-6)


def test_bins_of_equal_mass_are_equal_and_ordered(calibrated) -> None:
    bins = calibration.equal_mass_bins(*calibrated)
    assert int(bins.rows.sum()) == 20_000
    assert int(bins.rows.max() - bins.rows.min()) <= 1
    assert bool((bins.confidence.diff() > 0).all())


def test_fewer_rows_than_bins_leave_no_empty_bin() -> None:
    probs, labels = torch.tensor([[0.8, 0.2], [0.3, 0.7]]), torch.tensor([0, 0])
    assert calibration.equal_mass_bins(probs, labels).rows.tolist() == [1, 1]
    assert calibration.adaptive_ece(probs, labels) == pytest.approx((0.2 + 0.7) / 2)
