"""Folders of images: by class, or each with a mask of its pixels' classes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from models.specs import OutputSpec
from training.data.columns import ordered
from training.data.dataset import Dataset, Split, Splits, image_spec
from training.data.options import Options
from training.data.pictures import Look, common_look, folders, listed, named, read, read_labels
from training.data.splitting import Parts, divide
from training.data.tables import VALIDATION_NAMES
from training.errors import DataError

VOID_BY_DEFAULT = (11, 255)
"""255 is void wherever it is found. 11 is, as in CamVid, where it is the largest other label and no name is given."""

_PARTS = ("train", *VALIDATION_NAMES, "test")
_MASKS = "annot"
_HELD_OUT_SHARE = 0.1
"""Share of pictures with masks that is held out: each has thousands of labels, so a few are enough."""


def by_class(folder: Path, name: str, options: Options) -> Dataset:
    """Load ``CLASS/*.png``, or ``train/CLASS/*.png`` with ``test`` and perhaps ``val`` beside ``train``."""
    roots = _parts_of(folder) or {"train": folder}
    listings = {part: {path.name: listed(path, folder) for path in folders(root)} for part, root in roots.items()}
    classes = ordered(listings["train"])
    if len(classes) < 2:
        raise DataError(
            f"{named(roots['train'], folder)} has {len(classes)} folders of pictures; at least two classes are needed,"
            " each a folder of its own"
        )
    for part, pictures in listings.items():
        if unknown := sorted(pictures.keys() - set(classes)):
            raise DataError(
                f"{named(roots[part] / unknown[0], folder)}: the class {unknown[0]!r} is in {part} only; classes of"
                f" train are: {', '.join(classes)}"
            )
    paths = {part: [path for label in classes for path in p.get(label, [])] for part, p in listings.items()}
    if empty := [part for part, listing in paths.items() if not listing]:
        raise DataError(f"{named(roots[empty[0]], folder)} has no folder of pictures")
    look = common_look([path for listing in paths.values() for path in listing], folder, options.size)
    read_parts = {
        part: Split(read(listing, folder, look), torch.tensor([classes.index(path.parent.name) for path in listing]))
        for part, listing in paths.items()
    }
    return _dataset(name, divide(Parts(**read_parts), folder.name), OutputSpec("classification", classes))


def with_masks(folder: Path, name: str, options: Options) -> Dataset:
    """Load CamVid's layout: pictures in ``train``, masks of the same names in ``trainannot``; so ``val``, ``test``."""
    roots = _parts_of(folder, with_masks=True)
    if "train" not in roots:
        raise DataError(f"{folder.name} has no folder train with its masks in train{_MASKS}")
    pairs = {part: _pairs(root, folder) for part, root in roots.items()}
    look = common_look([image for listing in pairs.values() for image, _ in listing], folder, options.size)
    masks = {
        part: [read_labels(mask, folder, look.size, image) for image, mask in listing]
        for part, listing in pairs.items()
    }
    names, void = _classes(folder, masks["train"], options.ignore)
    index, ignore = _index(names, void, options.ignore)
    parts = {part: _labelled(pairs[part], masks[part], index, folder, look) for part in roots}
    outputs = OutputSpec("segmentation", tuple(names.values()), ignore=ignore)
    return _dataset(name, divide(Parts(**parts), folder.name, _HELD_OUT_SHARE), outputs)


def has_masks(folder: Path) -> bool:
    """Return whether any part has masks beside it."""
    return any((folder / f"{part}{_MASKS}").is_dir() for part in _PARTS)


def has_classes(folder: Path) -> bool:
    """Return whether pictures are in folders of their classes, or at least meant to be."""
    return folder.is_dir() and any(True for _ in folders(folder))


def class_names(folder: Path) -> tuple[str, ...] | None:
    """Return the lines of ``classes.txt``, if there is one: names by label, from 0."""
    path = folder / "classes.txt"
    if not path.is_file():
        return None
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"{named(path, folder)} is not text in UTF-8: byte {error.start} is not valid") from error
    names = tuple(line.strip() for line in lines if line.strip())
    if len(names) < 2 or len(set(names)) != len(names):
        raise DataError(f"{named(path, folder)} names {len(names)} classes, {len(set(names))} of them different")
    return names


def _parts_of(folder: Path, with_masks: bool = False) -> dict[str, Path]:
    """Return the folders of the parts that the data set comes with; none without a ``train``."""
    roots = {part: folder / part for part in _PARTS if (folder / part).is_dir()}
    if with_masks:
        for part in _PARTS:
            if (folder / f"{part}{_MASKS}").is_dir() != (part in roots):
                there, lacks = (f"{part}{_MASKS}", part) if part not in roots else (part, f"{part}{_MASKS}")
                raise DataError(
                    f"{folder.name}/{there} is there without {folder.name}/{lacks}; pictures and masks go together"
                )
    if "train" not in roots:
        return {}
    validation = [part for part in VALIDATION_NAMES if part in roots]
    if len(validation) > 1:
        raise DataError(f"{folder.name} has both {validation[0]} and {validation[1]}; one of them is allowed")
    return {"validation" if part in VALIDATION_NAMES else part: path for part, path in roots.items()}


def _pairs(images: Path, folder: Path) -> list[tuple[Path, Path]]:
    masks = images.with_name(f"{images.name}{_MASKS}")
    by_stem = {path.stem: path for path in listed(images, folder)}
    masks_by_stem = {path.stem: path for path in listed(masks, folder, (".png",))}
    for stem in sorted(by_stem.keys() ^ masks_by_stem.keys()):
        if stem in by_stem:
            raise DataError(f"{named(by_stem[stem], folder)} has no mask {named(masks / stem, folder)}.png")
        raise DataError(f"{named(masks_by_stem[stem], folder)} is a mask without a picture in {named(images, folder)}")
    return [(path, masks_by_stem[stem]) for stem, path in by_stem.items()]


def _classes(
    folder: Path, masks: Sequence[NDArray[np.uint8]], ignore: int | None
) -> tuple[dict[int, str], frozenset[int]]:
    """Return names by label, and the labels that are void."""
    listed_names = class_names(folder)
    largest = max((int(mask[mask < 255].max(initial=0)) for mask in masks), default=0)
    void = {ignore} if ignore is not None else {255}
    if listed_names is None and ignore is None and largest == VOID_BY_DEFAULT[0]:
        void.add(largest)
    if listed_names is None:
        _check_no_gap(folder, masks, largest, void)
    labels = [
        label
        for label in range(len(listed_names) if listed_names else largest + 1)
        if listed_names or label not in void
    ]
    names = dict(zip(labels, listed_names or map(str, labels), strict=True))
    names = {label: text for label, text in names.items() if label not in void}
    if len(names) < 2:
        raise DataError(
            f"{folder.name}: its masks have {len(names)} class besides the void, {', '.join(map(str, sorted(void)))};"
            " at least two are needed, numbered from 0"
        )
    return names, frozenset(void)


def _check_no_gap(folder: Path, masks: Sequence[NDArray[np.uint8]], largest: int, void: set[int]) -> None:
    """Raise if a number below the largest label is in no training mask: a class that is tested only, or a slip."""
    present = set().union(*(np.unique(mask).tolist() for mask in masks), void)
    if missing := sorted(set(range(largest)) - present):
        raise DataError(
            f"{folder.name}: a training mask has the label {largest}, but none has {missing[0]}; number the classes"
            " from 0, or name all of them, a line each, in classes.txt"
        )


def _index(names: dict[int, str], void: frozenset[int], ignore: int | None) -> tuple[NDArray[np.int16], int]:
    """Return what each label becomes (-1: it is not allowed), and the number that stands for void ones."""
    void_label = ignore if ignore is not None else min(void)
    ignored = void_label if void_label >= len(names) else 255
    index = np.full(256, -1, np.int16)
    index[list(names)] = range(len(names))
    index[[label for label in void if label < 256]] = ignored
    return index, ignored


def _labelled(
    pairs: list[tuple[Path, Path]],
    masks: list[NDArray[np.uint8]],
    index: NDArray[np.int16],
    folder: Path,
    look: Look,
) -> Split:
    for (_, path), mask in zip(pairs, masks, strict=True):
        if len(unknown := np.unique(mask[index[mask] < 0])):
            allowed = np.flatnonzero(index >= 0)
            raise DataError(
                f"{named(path, folder)} has the label {unknown[0]}; labels are {_ranges(allowed.tolist())}, the void"
                " included: those of the training masks, of classes.txt, and --ignore"
            )
    targets = torch.from_numpy(index[np.stack(masks)].astype(np.uint8))
    return Split(read([image for image, _ in pairs], folder, look), targets)


def _ranges(numbers: Sequence[int]) -> str:
    """Shorten whole numbers in ascending order.

    >>> _ranges([0, 1, 2, 3, 255])
    '0 to 3, 255'
    """
    starts = [n for n in numbers if n - 1 not in numbers]
    ends = [n for n in numbers if n + 1 not in numbers]
    return ", ".join(str(a) if a == b else f"{a} to {b}" for a, b in zip(starts, ends, strict=True))


def _dataset(name: str, splits: Splits, outputs: OutputSpec) -> Dataset:
    inputs = image_spec(splits.train.inputs, 0.0, 255.0)
    return Dataset(name, inputs, outputs, *splits)
