"""Splitting: the rows themselves decide which are held out, so the same file is split the same way everywhere."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from training.data.dataset import Split, Splits
from training.data.file_rows import FileRows
from training.errors import DataError

TEST_SHARE = 0.2
HELD_OUT_SHARE = 0.2
"""Share of the rows that are not the test's: half of it validates, half calibrates."""


@dataclass(frozen=True)
class Parts:
    """Rows as a data set comes with them: all in ``train``, or with parts that are held out already."""

    train: Split
    validation: Split | None = None
    test: Split | None = None


def divide(parts: Parts, place: str, held_out_share: float = HELD_OUT_SHARE) -> Splits:
    """Hold out what is not held out yet.

    Without a test part a fifth of all rows becomes it; a validation part without a test part *is* the test part,
    since metrics must come from rows that decided nothing. Without a validation part a share of the remaining rows
    is held out; one half of what is held out validates, the other calibrates.

    Args:
        parts: Rows as the data set comes with them.
        place: Name of the data in the message.
        held_out_share: Share of the remaining rows to hold out.

    Raises:
        DataError: if there are too few rows.
    """
    train, held_out, test = parts.train, parts.validation, parts.test
    if test is None:
        test, held_out = held_out, None
    if test is None:
        train, test = _split_off(train, TEST_SHARE)
    if held_out is None:
        train, held_out = _split_off(train, held_out_share)
    calibration, validation = _split_off(held_out, 0.5, keep_every_class=False)
    splits = Splits(*(split.widened_if_small() for split in (train, validation, calibration, test)))
    if not all(len(split.inputs) for split in splits):
        rows = sum(len(part.inputs) for part in (parts.train, parts.validation, parts.test) if part is not None)
        classes = f" of {len(set(train.targets.tolist()))} classes" if _has_classes(train.targets) else ""
        raise DataError(f"{place}: {rows} rows{classes} are too few to train, validate, calibrate and test with")
    return splits


def hold_out_last(train: Split, test: Split, place: str) -> Splits:
    """Hold out the last fifth of the training rows of a published split, whose order is random already.

    Raises:
        DataError: if there are too few rows.
    """
    count = round(len(train.inputs) * HELD_OUT_SHARE)
    start = len(train.inputs) - count
    middle = start + count // 2
    if count < 2 or not len(test.inputs):
        raise DataError(f"{place}: {len(train.inputs)} training rows are too few to hold some out")
    validation, calibration = train.rows(slice(start, middle)), train.rows(slice(middle, None))
    return Splits(train.rows(slice(start)), validation, calibration, test)


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


def _split_off(split: Split, share: float, *, keep_every_class: bool = True) -> tuple[Split, Split]:
    chosen = held_out(split, share, keep_every_class=keep_every_class)
    rest = torch.ones(len(split.inputs), dtype=torch.bool)
    rest[chosen] = False
    return Split(split.inputs[rest], split.targets[rest]), Split(split.inputs[chosen], split.targets[chosen])


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
