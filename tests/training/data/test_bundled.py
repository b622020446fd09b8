"""The bundled data: splits that never change and never overlap, and statistics of the training split alone."""

from __future__ import annotations

import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from training import data
from training.data.bundled import curve_deviation, curve_mean
from training.errors import DataError


@pytest.mark.parametrize("name", sorted(data.BUNDLED))
def test_every_split_has_raw_rows_of_the_specified_shape(name: str) -> None:
    dataset = data.load(name)
    for split in (dataset.train, dataset.validation, dataset.calibration, dataset.test):
        assert torch.equal(dataset.inputs.rows(split.inputs), split.inputs)
        assert len(split.inputs) == len(split.targets) > 0
        assert split.inputs.dtype == torch.float32


@pytest.mark.parametrize("name", sorted(data.BUNDLED))
def test_statistics_come_from_the_training_split(name: str) -> None:
    dataset = data.load(name)
    standardised = dataset.inputs.standardise(dataset.train.inputs)
    columns = standardised.reshape(-1, len(dataset.inputs.mean))
    assert columns.mean(0).abs().max() < 1e-4
    assert (columns.std(0) - 1).abs().max() < 1e-3
    if dataset.outputs is not None and dataset.outputs.task == "regression":
        assert dataset.outputs.mean == pytest.approx(dataset.train.targets.double().mean(0).tolist())
        assert dataset.outputs.scale == pytest.approx(dataset.train.targets.double().std(0).tolist())


def test_the_digits_test_split_is_the_one_that_was_promised() -> None:
    images, labels = load_digits(return_X_y=True)
    _, promised, _, promised_labels = train_test_split(images, labels, test_size=0.2, stratify=labels, random_state=0)
    test = data.load("digits").test
    assert torch.equal(test.inputs.flatten(1).double(), torch.from_numpy(promised))
    assert torch.equal(test.targets, torch.from_numpy(promised_labels))


@pytest.mark.parametrize("name", sorted(data.BUNDLED))
def test_splits_are_the_same_every_time_and_share_no_row(name: str) -> None:
    first, second = data.load(name), data.load(name)
    for split in ("train", "validation", "calibration", "test"):
        assert torch.equal(getattr(first, split).inputs, getattr(second, split).inputs)
    splits = first.train, first.validation, first.calibration, first.test
    rows = torch.cat(
        [torch.cat([split.inputs.flatten(1), split.targets.reshape(len(split.inputs), -1)], 1) for split in splits]
    )
    assert len(rows.unique(dim=0)) == len(rows)


def test_the_curve_is_noise_of_the_stated_deviation_around_the_stated_mean() -> None:
    x, y = data.load("curve").train
    residual = (y - curve_mean(x)) / curve_deviation(x)
    assert float(residual.mean()) == pytest.approx(0, abs=0.1)
    assert float(residual.std()) == pytest.approx(1, abs=0.05)
    assert curve_deviation(torch.tensor([0.0, 0.5])).tolist() == pytest.approx([0.02, 0.1])


def test_an_unknown_name_is_answered_with_those_that_exist() -> None:
    with pytest.raises(
        DataError,
        match="no data set 'cifar'; there are: curve, dense_curve, diabetes, digits, mnist, oscillation, scenes",
    ):
        data.load("cifar")


def test_a_directory_for_bundled_data_is_refused(tmp_path) -> None:
    with pytest.raises(DataError, match="leave --data-dir out"):
        data.load("digits", tmp_path)
    with pytest.raises(DataError, match="is not a directory"):
        data.load("digits", tmp_path / "missing")
