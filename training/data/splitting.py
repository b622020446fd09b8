"""Splitting: the rows themselves decide which are held out, so the same file is split the same way everywhere."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from training.data.dataset import Split, Splits
from training.data.file_rows import FileRows, join_rows
from training.errors import DataError

TEST_SHARE = 0.2
HELD_OUT = "held-out fifth"
"""Name of the rows of a test split that was split off here."""
HELD_OUT_SHARE = 0.2
"""Share of the rows that are not the test's: half of it validates, half calibrates."""
_FEWEST_CALIBRATING = 22
"""Number of rows of a table that calibrate, at least: a conformal interval of 95 % takes 19."""
_LEAST_PART = 4
"""Part of the rows that are not the test's, a quarter, up to which a small table's calibrate."""


@dataclass(frozen=True)
class Parts:
    """Rows as a data set comes with them: all in ``train``, or with parts that are held out already."""

    train: Split
    validation: Split | None = None
    test: Split | None = None


def name_test_rows(parts: Container[str]) -> str:
    """Return the name of the rows that :func:`assign` takes for the test split, so that nobody takes them for another.

    >>> name_test_rows({"train", "validation"})
    'validation split (there is no test split)'

    Args:
        parts: Names of the parts that the data come with: ``train``, perhaps ``validation`` and ``test``.
    """
    if "test" in parts:
        return "test split"
    return "validation split (there is no test split)" if "validation" in parts else HELD_OUT


class Rows(NamedTuple):
    """Numbers of the rows of each split, where those of all parts are counted through: train, validation, test."""

    train: Tensor
    validation: Tensor
    calibration: Tensor
    test: Tensor


def divide(parts: Parts, place: str, held_out_share: float = HELD_OUT_SHARE, *, whole: bool = False) -> Splits:
    """Hold out what is not held out yet; see :func:`assign`.

    Args:
        parts: Rows as the data set comes with them.
        place: Name of the data in the message.
        held_out_share: Share of the remaining rows to hold out.
        whole: Whether all rows are in every split instead.

    Raises:
        DataError: if there are too few rows.
    """
    if whole:
        every = [part for part in (parts.train, parts.validation, parts.test) if part is not None]
        joined = Split(*(join_rows(tensors) for tensors in zip(*every, strict=True))).widened_if_small()
        return Splits(joined, joined, joined, joined)
    rows = assign(parts, place, held_out_share)
    return Splits(*(_take(parts, numbers).widened_if_small() for numbers in rows))


def assign(parts: Parts, place: str, held_out_share: float = HELD_OUT_SHARE, *, is_table: bool = False) -> Rows:
    """Decide which rows are held out, where that is not decided yet.

    Without a test part a fifth of all rows becomes it; a validation part without a test part *is* the test part,
    since metrics must come from rows that decided nothing. Without a validation part a share of the remaining rows
    is held out; one half of what is held out validates, the other calibrates.

    Args:
        parts: Rows as the data set comes with them.
        place: Name of the data in the message.
        held_out_share: Share of the remaining rows to hold out.
        is_table: Whether the rows are a table's. Every feature that varies then varies among the training rows too: a
            category of one row is trained on, as a class of one row always is. And small tables calibrate on more
            rows than they validate on, so that an interval of 95 % can be promised.

    Raises:
        DataError: if there are too few rows.
    """
    train, held_out, test = _numbered(parts)
    validating_share = 0.5
    if test is None:
        test, held_out = held_out, None
    if test is None:
        train, test = train.split_off(TEST_SHARE, keep_varying=is_table)
    if held_out is None:
        if is_table:
            held_out_share, validating_share = _shares_of_small_table(len(train.numbers), held_out_share)
        train, held_out = train.split_off(held_out_share, keep_varying=is_table)
    calibration, validation = held_out.split_off(validating_share, keep_every_class=False)
    splits = train, validation, calibration, test
    if not all(len(split.numbers) for split in splits):
        rows = sum(len(part.inputs) for part in (parts.train, parts.validation, parts.test) if part is not None)
        classes = f" of {len(set(train.split.targets.tolist()))} classes" if _has_classes(train.split.targets) else ""
        few = f"{rows} rows{classes} are too few to train, validate, calibrate and test with"
        raise DataError(f"{place}: {few}; {'20 of each' if classes else '20'} are enough")
    return Rows(*(split.numbers for split in splits))


def _shares_of_small_table(rows: int, held_out_share: float) -> tuple[float, float]:
    """Return the share of the rows to hold out, and the share of these that validates."""
    usual, calibrating = rows * held_out_share / 2, min(_FEWEST_CALIBRATING, rows / _LEAST_PART)
    if usual >= calibrating:
        return held_out_share, 0.5
    return (usual + calibrating) / rows, usual / (usual + calibrating)


def hold_out_last(train: Tensor, test: Tensor, place: str) -> Rows:
    """Hold out the last fifth of the training rows of a published split, whose order is random already.

    Args:
        train: Numbers of the rows to train with.
        test: Numbers of the rows to test with.
        place: Name of the split in the message.

    Raises:
        DataError: if there are too few rows.
    """
    count = round(len(train) * HELD_OUT_SHARE)
    start = len(train) - count
    middle = start + count // 2
    if count < 2 or not len(test):
        raise DataError(f"{place}: {len(train)} training rows are too few to hold some out")
    return Rows(train[:start], train[start:middle], train[middle:], test)


def held_out(split: Split, share: float, *, seed: int = 0, keep_every_class: bool = True) -> Tensor:
    """Return the indices of the rows to hold out, in ascending order.

    Rows are ordered by class and by a hash of the seed and their content, and every ``1 / share``-th of that order is
    held out: as many of each class as its share. The first of each class stays.

    Args:
        split: All rows.
        share: Share of the rows to hold out, 0 to 1.
        seed: Seed of the hash.
        keep_every_class: False if the first row of each class may be held out too.
    """
    classes = split.targets.tolist() if _has_classes(split.targets) else [0] * len(split.inputs)
    digests = _digests(split, seed)
    order = sorted(range(len(classes)), key=lambda row: (classes[row], digests[row], row))
    if keep_every_class and _has_classes(split.targets):
        order = [row for place, row in enumerate(order) if place and classes[row] == classes[order[place - 1]]]
    taken = [row for place, row in enumerate(order) if math.floor((place + 1) * share) > math.floor(place * share)]
    return torch.tensor(sorted(taken), dtype=torch.long)


def share_of(split: Split, proportion: float, seed: int) -> Tensor:
    """Return the indices of a share of the rows in ascending order; a larger share has all rows of a smaller one.

    There is at least one row, and of each class as many as its share, as nearly as possible. A hash of the seed and
    the rows' content decides which.

    Args:
        split: All rows.
        proportion: Share of the rows, above 0 and at most 1.
        seed: Seed of the hash.
    """
    classes = split.targets.tolist() if _has_classes(split.targets) else [0] * len(split.inputs)
    digests, sizes = _digests(split, seed), Counter(classes)
    before: Counter[int] = Counter()
    place: dict[int, float] = {}
    for row in sorted(range(len(classes)), key=lambda row: (digests[row], row)):
        place[row] = (before[classes[row]] + 0.5) / sizes[classes[row]]
        before[classes[row]] += 1
    order = sorted(place, key=lambda row: (place[row], row))
    return torch.tensor(sorted(order[: max(1, round(proportion * len(order)))]), dtype=torch.long)


@dataclass(frozen=True)
class _Numbered:
    """Rows with their numbers."""

    split: Split
    numbers: Tensor

    def split_off(
        self, share: float, *, keep_every_class: bool = True, keep_varying: bool = False
    ) -> tuple[_Numbered, _Numbered]:
        chosen = held_out(self.split, share, keep_every_class=keep_every_class)
        rest = torch.ones(len(self.split.inputs), dtype=torch.bool)
        rest[chosen] = False
        if keep_varying:
            rest[_needed_to_vary(self.split.inputs, rest)] = True
        return self._rows(rest), self._rows(~rest)

    def _rows(self, mask: Tensor) -> _Numbered:
        return _Numbered(Split(self.split.inputs[mask], self.split.targets[mask]), self.numbers[mask])


def _needed_to_vary(inputs: Tensor, rest: Tensor) -> list[int]:
    """Return a row for each feature that varies, but not among the rest: the first that differs from it."""
    rows = inputs.flatten(1).nan_to_num()
    differs = rows != rows[rest][:1]
    lost = differs.any(0) & ~differs[rest].any(0)
    return sorted(set(differs[:, lost].int().argmax(0).tolist()))


def _numbered(parts: Parts) -> tuple[_Numbered, _Numbered | None, _Numbered | None]:
    """Return the parts with their rows counted through."""
    numbered, start = [], 0
    for part in (parts.train, parts.validation, parts.test):
        count = 0 if part is None else len(part.inputs)
        numbered.append(None if part is None else _Numbered(part, torch.arange(start, start + count)))
        start += count
    train, validation, test = numbered
    assert train is not None  # there is always a training part
    return train, validation, test


def _take(parts: Parts, numbers: Tensor) -> Split:
    """Return the rows of these numbers, which are all of one part."""
    found = next(part for part in _numbered(parts) if part is not None and bool((part.numbers == numbers[0]).any()))
    chosen = numbers - found.numbers[0]
    return Split(found.split.inputs[chosen], found.split.targets[chosen])


def _has_classes(targets: Tensor) -> bool:
    return targets.ndim == 1 and not targets.is_floating_point()


def _digests(split: Split, seed: int) -> Sequence[bytes]:
    key = seed.to_bytes(8, "little")
    return [
        hashlib.blake2b(x + y, key=key, digest_size=8).digest()
        for x, y in zip(_contents(split.inputs), _contents(split.targets), strict=True)
    ]


def _contents(rows: Tensor) -> Iterable[bytes]:
    """Return the bytes of every row, or their digests where reading them again would take long."""
    if isinstance(rows, FileRows):
        return rows.digests
    return (np.ascontiguousarray(row.numpy()).tobytes() for row in rows)
