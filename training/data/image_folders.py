"""Folders of images: by class, or each with a mask of its pixels' classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.pictures import ENDINGS
from models.specs import OutputSpec
from training.data import masks, pictures
from training.data.columns import ordered
from training.data.dataset import Dataset, Split, image_spec
from training.data.file_rows import FileRows
from training.data.options import Options
from training.data.pictures import CommonForm, check_visible, common_form, folders, listed, named, read
from training.data.splitting import HELD_OUT_SHARE, Parts, divide, name_test_rows
from training.data.tables import VALIDATION_NAMES
from training.errors import DataError

_PARTS = ("train", *VALIDATION_NAMES, "test")
_ANNOTATED = "annot"
_IMAGES = ("images", "image", "imgs")
_MASKS = ("masks", "mask", "labels", "annotations")
_HELD_OUT_SHARE = 0.1
"""Share of pictures with masks that is held out: each has thousands of labels, so a few are enough."""


def by_class(folder: Path, name: str, options: Options) -> Dataset:
    """Load ``CLASS/*.png``, or ``train/CLASS/*.png`` with ``test`` and perhaps ``val`` beside ``train``."""
    roots = _parts_of({part: folder / part for part in _PARTS if (folder / part).is_dir()}, folder) or {"train": folder}
    listings = {part: {path.name: listed(path, folder) for path in folders(root)} for part, root in roots.items()}
    classes = ordered(listings["train"])
    if len(classes) < (1 if options.whole else 2):
        raise DataError(
            f"{named(roots['train'], folder)} has {len(classes)} folders of pictures; at least two classes are needed,"
            " each a folder of its own"
        )
    for part, found in listings.items():
        if unknown := sorted(found.keys() - set(classes)):
            raise DataError(
                f"{named(roots[part] / unknown[0], folder)}: the class {unknown[0]!r} is in {part} only; classes of"
                f" train are: {', '.join(classes)}"
            )
    paths = {part: [path for label in classes for path in p.get(label, [])] for part, p in listings.items()}
    if empty := [part for part, listing in paths.items() if not listing]:
        raise DataError(f"{named(roots[empty[0]], folder)} has no folder of pictures")
    labels = {
        part: torch.tensor([classes.index(path.parent.name) for path in listing]) for part, listing in paths.items()
    }
    form = common_form([path for listing in paths.values() for path in listing], folder, options)
    return _dataset(folder, name, paths, labels, OutputSpec("classification", classes), form, whole=options.whole)


def with_masks(folder: Path, name: str, options: Options) -> Dataset:
    """Load pictures with masks of the same names, in any of the layouts that :func:`mask_folders` finds."""
    found = mask_folders(folder)
    pairs = {part: _pairs(images, annotated, folder) for part, (images, annotated) in found.items()}
    paths = {part: list(listing) for part, listing in pairs.items()}
    form = common_form([path for listing in paths.values() for path in listing], folder, options)
    coloured = masks.are_coloured([mask for listing in pairs.values() for mask in listing.values()], folder, options)
    read_codes = partial(masks.read_codes, root=folder, size=form.size, coloured=coloured)
    counts: Counter[int] = Counter()
    for image, mask in pairs["train"].items():
        codes, pixels = np.unique(read_codes(mask, picture=image), return_counts=True)
        counts.update(dict(zip(codes.tolist(), pixels.tolist(), strict=True)))
    classes = masks.find_classes(counts, folder.name, class_names(folder), options, coloured)

    def numbers(image: Path, part: str) -> Tensor:
        mask = pairs[part][image]
        return torch.from_numpy(classes.numbers(read_codes(mask, picture=image), mask, folder))

    labels = {part: _labels(listing, partial(numbers, part=part), form) for part, listing in paths.items()}
    outputs = OutputSpec("segmentation", classes.order, ignore=classes.ignored)
    return _dataset(folder, name, paths, labels, outputs, form, classes.notes, _HELD_OUT_SHARE, whole=options.whole)


def without_classes(folder: Path, name: str, options: Options) -> Dataset:
    """Load pictures that lie side by side, for generators: nothing is to be predicted of them."""
    paths = listed(folder, folder)
    form = common_form(paths, folder, options)
    labels = torch.zeros(len(paths), dtype=torch.int64)
    return _dataset(folder, name, {"train": paths}, {"train": labels}, None, form, whole=options.whole)


def has_pictures(folder: Path) -> bool:
    """Return whether pictures lie in the folder itself."""
    return folder.is_dir() and any(path.suffix.lower() in ENDINGS for path in folder.iterdir())


def has_masks(folder: Path) -> bool:
    """Return whether any part has masks beside it."""
    beside = any((folder / f"{part}{_ANNOTATED}").is_dir() for part in _PARTS)
    return beside or any(_first_of(root, _IMAGES) and _first_of(root, _MASKS) for root in _roots(folder))


def mask_folders(folder: Path) -> dict[str, tuple[Path, Path]]:
    """Return the folders of pictures and of masks by part: ``train``, and where there are any ``validation``, ``test``.

    Parts lie in ``train`` and ``trainannot`` (CamVid), ``images/train`` and ``masks/train``, ``train/images`` and
    ``train/masks``, or all pictures in ``images`` and all masks in ``masks``.

    Raises:
        DataError: if pictures or masks lack the other, or if there is no training part.
    """
    images, annotated = _first_of(folder, _IMAGES), _first_of(folder, _MASKS)
    if images and annotated and not _part_folders(images) and not _part_folders(annotated):
        return {"train": (images, annotated)}
    if images and annotated:
        places = {part: (images / part, annotated / part) for part in _PARTS}
    elif any(_first_of(folder / part, _MASKS) for part in _PARTS):
        places = {part: _inside(folder / part) for part in _PARTS}
    else:
        places = {part: (folder / part, folder / f"{part}{_ANNOTATED}") for part in _PARTS}
    for pair in places.values():
        there, lacks = sorted(pair, key=Path.is_dir, reverse=True)
        if there.is_dir() and not lacks.is_dir():
            raise DataError(
                f"{named(there, folder)} is there without {named(lacks, folder)}; pictures and masks go together"
            )
    places = {part: pair for part, pair in places.items() if pair[0].is_dir()}
    roots = _parts_of({part: pair[0] for part, pair in places.items()}, folder)
    if not roots:
        raise DataError(f"{folder.name} has no folder train with its masks in train{_ANNOTATED}")
    masks_of = dict(places.values())
    return {part: (root, masks_of[root]) for part, root in roots.items()}


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


def _roots(folder: Path) -> Iterator[Path]:
    return iter((folder, *(folder / part for part in _PARTS)))


def _first_of(folder: Path, names: Sequence[str]) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_dir()), None)


def _inside(folder: Path) -> tuple[Path, Path]:
    images, annotated = _first_of(folder, _IMAGES), _first_of(folder, _MASKS)
    return images or folder / _IMAGES[0], annotated or folder / _MASKS[0]


def _part_folders(folder: Path) -> list[str]:
    return [part for part in _PARTS if (folder / part).is_dir()]


def _parts_of(roots: Mapping[str, Path], folder: Path) -> dict[str, Path]:
    """Return the folders of the parts that the data set comes with; none without a ``train``."""
    if "train" not in roots:
        return {}
    validation = [part for part in VALIDATION_NAMES if part in roots]
    if len(validation) > 1:
        raise DataError(f"{folder.name} has both {validation[0]} and {validation[1]}; one of them is allowed")
    return {"validation" if part in VALIDATION_NAMES else part: path for part, path in roots.items()}


def _pairs(images: Path, annotated: Path, folder: Path) -> dict[Path, Path]:
    """Return the mask of every picture: the file of its name, or of its name and an ending that all masks share."""
    for path in sorted(annotated.iterdir()):
        if path.suffix.lower() in ENDINGS and path.suffix.lower() not in masks.ENDINGS:
            raise masks.lossy(path, folder)
    by_stem = {path.stem: path for path in listed(images, folder)}
    masks_by_stem = {path.stem: path for path in listed(annotated, folder, masks.ENDINGS)}
    more = _shared_ending(list(by_stem), list(masks_by_stem))
    masks_by_stem = {stem.removesuffix(more): path for stem, path in masks_by_stem.items()}
    for stem in sorted(by_stem.keys() ^ masks_by_stem.keys()):
        if stem in by_stem:
            raise DataError(f"{named(by_stem[stem], folder)} has no mask {named(annotated / stem, folder)}{more}.png")
        raise DataError(f"{named(masks_by_stem[stem], folder)} is a mask without a picture in {named(images, folder)}")
    return {path: masks_by_stem[stem] for stem, path in by_stem.items()}


def _shared_ending(stems: Sequence[str], mask_stems: Sequence[str]) -> str:
    """Return what the names of most masks have after those of their pictures.

    >>> _shared_ending(["a", "b"], ["a_mask", "b_mask"])
    '_mask'
    """
    first, known = min(mask_stems), set(mask_stems)
    endings = ["", *(first.removeprefix(stem) for stem in stems if first.startswith(stem))]
    return max(endings, key=lambda ending: sum(stem + ending in known for stem in stems))


def _labels(images: Sequence[Path], numbers: partial[Tensor], form: CommonForm) -> Tensor:
    """Return the class numbers ``(N, height, width)`` of pictures' masks, uint8, in files where they are many."""
    if len(images) * form.size[0] * form.size[1] > pictures.BYTES_IN_MEMORY:
        return FileRows(images, numbers, form.size, torch.uint8)
    return torch.stack([numbers(image) for image in images])


def _dataset(
    folder: Path,
    name: str,
    paths: Mapping[str, list[Path]],
    labels: Mapping[str, Tensor],
    outputs: OutputSpec | None,
    form: CommonForm,
    notes: tuple[str, ...] = (),
    held_out_share: float = HELD_OUT_SHARE,
    *,
    whole: bool,
) -> Dataset:
    parts = {part: Split(read(listing, folder, form), labels[part]) for part, listing in paths.items()}
    notes += form.notes
    for part, listing in paths.items():
        notes += check_visible(listing, parts[part].inputs, folder, form)
    splits = divide(Parts(**parts), folder.name, held_out_share, whole=whole)
    inputs = image_spec(splits.train.inputs, 0.0, form.high, form.spec)
    return Dataset(name, inputs, outputs, *splits, notes=notes, test_name=name_test_rows(parts))
