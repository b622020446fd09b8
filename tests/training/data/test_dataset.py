"""Splits and their statistics."""

from __future__ import annotations

import pytest
import torch

from training.data import dataset
from training.data.dataset import Split, image_spec, moments


def test_rows_widens_bytes_a_batch_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    split = Split(torch.full((5, 1, 2, 2), 200, dtype=torch.uint8), torch.ones(5, 2, 2, dtype=torch.uint8))
    batch = split.rows(slice(2))
    assert (batch.inputs.dtype, batch.targets.dtype) == (torch.float32, torch.int64)
    assert split.widened_if_small().inputs.dtype == torch.float32
    monkeypatch.setattr(dataset, "LARGE", 20)
    assert split.widened_if_small() is split


def test_statistics_of_bytes_are_those_of_their_values() -> None:
    pixels = torch.arange(96, dtype=torch.uint8).reshape(2, 3, 4, 4)
    counted, summed = image_spec(pixels, 0.0, 255.0), image_spec(pixels.float(), 0.0, 255.0)
    assert counted.mean == pytest.approx(summed.mean)
    assert counted.scale == pytest.approx(summed.scale)
    assert image_spec(torch.full((2, 1, 2, 2), 7, dtype=torch.uint8), 0.0, 255.0).scale == (1.0,)


def test_constant_columns_have_scale_one_and_absent_steps_do_not_count() -> None:
    mean, scale = moments(torch.tensor([[[1.0, 0.1], [3.0, 0.1]], [[5.0, 0.1], [torch.nan, torch.nan]]]))
    assert mean == pytest.approx((3.0, 0.1))
    assert scale == pytest.approx((2.0, 1.0))
