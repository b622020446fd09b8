"""Holding out: the same rows always, none of them twice, as many of each class as its share."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from models.guarantees.conformal import rows_needed
from training.data.dataset import Split
from training.data.splitting import Parts, assign, divide, held_out, share_of
from training.errors import DataError


def rows(count: int, classes: int = 3) -> Split:
    return Split(torch.arange(count).float().unsqueeze(1), torch.arange(count) % classes)


def values(split: Split) -> list[float]:
    return split.inputs.flatten().tolist()


def test_every_row_is_in_one_split_and_classes_keep_their_shares() -> None:
    splits = divide(Parts(rows(300)), "here")
    assert sorted(value for split in splits for value in values(split)) == [float(i) for i in range(300)]
    assert [len(split.inputs) for split in splits] == [pytest.approx(n, abs=3) for n in (192, 24, 24, 60)]
    for split in splits:
        counts = split.targets.bincount()
        assert counts.max() - counts.min() <= 2


def test_a_seed_chooses_other_rows_and_the_same_seed_the_same() -> None:
    assert torch.equal(held_out(rows(100), 0.2), held_out(rows(100), 0.2, seed=0))
    assert not torch.equal(held_out(rows(100), 0.2), held_out(rows(100), 0.2, seed=1))


def test_a_class_of_one_row_is_trained_on() -> None:
    targets = torch.zeros(200, dtype=torch.long)
    targets[17] = 1
    for seed in range(5):
        assert 17 not in held_out(Split(rows(200).inputs, targets), 0.5, seed=seed)


def test_parts_that_were_held_out_already_stay_what_they_are() -> None:
    train, validation, test = rows(50), Split(rows(20).inputs + 100, rows(20).targets), rows(5)
    splits = divide(Parts(train, validation, test), "here")
    assert values(splits.train) == values(train)
    assert values(splits.test) == values(test)
    assert sorted(values(splits.validation) + values(splits.calibration)) == values(validation)


def test_without_a_test_part_the_validation_part_is_the_test() -> None:
    splits = divide(Parts(rows(50), rows(7)), "here")
    assert values(splits.test) == values(rows(7))
    assert len(splits.validation.inputs) + len(splits.calibration.inputs) == pytest.approx(10, abs=1)


@pytest.mark.parametrize("count", [100, 120, 250, 1000])
@pytest.mark.parametrize("classes", [3, 0])
def test_a_small_table_calibrates_on_rows_enough_for_a_level_of_95_percent(count: int, classes: int) -> None:
    table = rows(count) if classes else Split(rows(count).inputs, rows(count).inputs)
    parts = assign(Parts(table), "here", is_table=True)
    assert len(parts.calibration) >= rows_needed(0.95)
    assert len(parts.train) >= count // 2
    if count == 1000:
        assert [len(part) for part in parts] == [len(part) for part in assign(Parts(table), "here")]


def test_too_few_rows_are_refused() -> None:
    said = "^here: 6 rows of 3 classes are too few to train, validate, calibrate and test with; 20 of each are enough$"
    with pytest.raises(DataError, match=said):
        divide(Parts(rows(6)), "here")


def test_a_share_is_a_part_of_every_larger_one_whatever_the_seed() -> None:
    split = rows(97)
    for seed in (0, 5, 2**64 - 1):
        shares = [set(share_of(split, proportion, seed).tolist()) for proportion in (0.001, 0.25, 0.3, 0.5, 0.9, 1.0)]
        assert [len(share) for share in shares] == [1, 24, 29, 48, 87, 97]
        assert all(small < large for small, large in pairwise(shares))
    assert torch.equal(share_of(split, 0.5, 5), share_of(split, 0.5, 5))
    assert not torch.equal(share_of(split, 0.5, 5), share_of(split, 0.5, 6))


def test_a_share_has_its_share_of_every_class() -> None:
    labels = torch.tensor([0] * 80 + [1] * 12 + [2] * 8)
    chosen = share_of(Split(torch.arange(100.0)[:, None], labels), 0.25, 0)
    assert labels[chosen].bincount().tolist() == [20, 3, 2]
