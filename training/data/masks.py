"""Masks of pictures: the classes that their values or colours stand for, found or named, and each pixel's class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.errors import PictureError
from models.pictures import parse_colour
from training.data.options import Options
from training.data.pictures import named, opened
from training.errors import DataError

ENDINGS = (".png", ".bmp", ".gif", ".tif", ".tiff")
LOSSY = {"JPEG", "MPO", "WEBP"}
VOID_BY_DEFAULT = (11, 255)
"""255 is void wherever it is found. 11 is, as in CamVid, where it is the largest other label and no name is given."""

Codes = NDArray[np.int32]
"""Values of a mask's pixels ``(height, width)``: numbers, or colours as ``0xrrggbb``."""

_BLACK_AND_WHITE = ({0, 255}, {0, 65535})
_MOST_COLOURS = 64
"""Most colours that are taken for classes by themselves: blurred edges have hundreds."""
_SHOWN = 12


@dataclass(frozen=True)
class Classes:
    """The classes of masks.

    Attributes:
        names: Names of the classes by the codes of their pixels; two codes may have one name.
        void: Codes of pixels that belong to no class.
        coloured: Whether codes are colours.
        ignored: Number that stands for void pixels in the targets; ``None`` if there can be none.
        notes: Sentences on what was decided, for the user.
    """

    names: Mapping[int, str]
    void: frozenset[int]
    coloured: bool
    ignored: int | None
    notes: tuple[str, ...] = ()

    @property
    def order(self) -> tuple[str, ...]:
        """Names of the classes in the order of their numbers."""
        return tuple(dict.fromkeys(self.names.values()))

    def numbers(self, codes: Codes, path: Path, root: Path) -> NDArray[np.uint8]:
        """Return the class number of every pixel.

        Raises:
            DataError: if a code belongs to no class and is not void.
        """
        order = self.order
        number = {code: order.index(name) for code, name in self.names.items()}
        if self.ignored is not None:
            number |= dict.fromkeys(self.void, self.ignored)
        found, places = np.unique(codes, return_inverse=True)
        if unknown := [code for code in found.tolist() if code not in number]:
            allowed = _ranges(sorted(number)) if not self.coloured else _shown(sorted(number), True)
            raise DataError(
                f"{named(path, root)} has the label {_text(unknown[0], self.coloured)}; labels are {allowed}, the void"
                " included: those of the training masks, of classes.txt or --classes, and --ignore"
            )
        numbers = np.array([number[code] for code in found.tolist()], np.uint8)
        return numbers[places].reshape(codes.shape)


def read_codes(path: Path, root: Path, size: tuple[int, int], picture: Path, coloured: bool) -> Codes:
    """Read the code of every pixel, resized by taking the nearest, as classes have no mean.

    Args:
        path: File of the mask.
        root: Folder that the user named, for messages.
        size: Height and width of the result.
        picture: File of the picture that the mask belongs to.
        coloured: Whether codes are colours; else a mask of three channels must be grey.

    Raises:
        DataError: if the mask is unreadable, lossy, transparent, or not of the picture's size.
    """
    with opened(path, root) as mask, opened(picture, root) as image:
        if mask.image.format in LOSSY:
            raise lossy(path, root)
        if mask.other_bytes is not None:
            raise DataError(f"{named(path, root)} has 16 bits a colour; allowed are 8, or one channel of 16")
        if mask.size != image.size:
            sizes = ["x".join(map(str, one.size)) for one in (mask, image)]
            raise DataError(
                f"{named(path, root)} is {sizes[0]} pixels, its picture {named(picture, root)} {sizes[1]}"
                " (height x width)"
            )
        try:
            codes = _colours(mask.upright) if coloured else _values(mask.upright, mask.grey_step)
        except (OSError, ValueError, SyntaxError) as error:
            raise DataError(f"{named(path, root)} is damaged: {error}") from error
    if codes is None:
        raise DataError(f"{named(path, root)} is transparent in places; save masks without an alpha channel")
    height, width = size
    return np.asarray(Image.fromarray(codes).resize((width, height), Image.Resampling.NEAREST))


def lossy(path: Path, root: Path) -> DataError:
    """Return the refusal of a mask that is saved with losses."""
    return DataError(
        f"{named(path, root)} is saved with losses (JPEG, WebP), which change the values that tell classes apart: save"
        " masks as PNG"
    )


def are_coloured(paths: Sequence[Path], root: Path, options: Options) -> bool:
    """Return whether masks are told apart by colours: by those named, or else where any pixel of any mask has one."""
    if options.classes is not None:
        return any(_is_colour(value) for _, value in _pairs(options.classes))
    if isinstance(options.ignore, str):
        return True
    return any(_shows_colour(path, root) for path in paths)


def find_classes(
    counts: Counter[int], folder: str, listed_names: tuple[str, ...] | None, options: Options, coloured: bool
) -> Classes:
    """Decide which classes the codes of the training masks stand for.

    Args:
        counts: Number of training pixels of every code.
        folder: Name of the data, for messages.
        listed_names: Lines of ``classes.txt``, if there is one.
        options: Names and void as the user gives them.
        coloured: Whether codes are colours.

    Raises:
        DataError: showing the codes and the option to give, if it cannot be decided.
    """
    ignore = _code_of(options.ignore, coloured)
    classes = _decided(counts, folder, listed_names, options, coloured)
    if ignore is None or counts[ignore]:
        return classes
    unused = f"No training mask has a pixel of the value {_text(ignore, coloured)}, which --ignore names."
    return replace(classes, notes=(*classes.notes, unused))


def _decided(
    counts: Counter[int], folder: str, listed_names: tuple[str, ...] | None, options: Options, coloured: bool
) -> Classes:
    ignore = _code_of(options.ignore, coloured)
    if options.classes is not None:
        if listed_names is not None:
            raise DataError(f"{folder} has a classes.txt, and --classes names the classes too: leave one of them out")
        return _named(counts, folder, _parsed(options.classes, coloured), ignore, coloured)
    if coloured:
        return _by_colour(counts, folder, listed_names, ignore)
    present = set(counts) - {ignore}
    if present in _BLACK_AND_WHITE and (listed_names is None or (len(listed_names) == 2 and ignore is None)):
        return _black_and_white(counts, sorted(present), listed_names, ignore)
    return _numbered(counts, folder, listed_names, ignore)


def _named(counts: Counter[int], folder: str, names: dict[int, str], ignore: int | None, coloured: bool) -> Classes:
    void = frozenset({ignore} if ignore is not None else set() if coloured else {255})
    names = {code: name for code, name in names.items() if code != ignore}
    if unnamed := sorted(set(counts) - set(names) - void):
        raise DataError(
            f"{folder}: --classes does not name {_shown(unnamed, coloured, counts)}: name them too, or give one of"
            f" them to --ignore. {_found(counts, coloured)}"
        )
    if absent := [name for code, name in names.items() if not any(counts[c] for c, n in names.items() if n == name)]:
        raise DataError(f"{folder}: no training mask has the class {absent[0]!r}. {_found(counts, coloured)}")
    void -= set(names)
    return _checked(
        Classes(names, void, coloured, 255 if void else None, _void_note(void, counts, coloured)), counts, folder
    )


def _by_colour(counts: Counter[int], folder: str, listed_names: object, ignore: int | None) -> Classes:
    colours = sorted(set(counts) - {ignore})
    option = f"name them: --classes {','.join(f'NAME={_text(code, True)}' for code in colours[:_SHOWN])}"
    if listed_names is not None:
        raise DataError(f"{folder}: its masks are coloured, and classes.txt names numbers; {option}")
    if len(colours) > _MOST_COLOURS:
        raise DataError(
            f"{folder}: its masks have {len(colours)} colours, which may be blurred edges: save masks without losses"
            f" and smoothing, or {option},... {_found(counts, True)}"
        )
    note = (
        f"Each colour of the masks is a class: {_shown(colours, True, counts)}. To {option}; --ignore leaves one out."
    )
    void = frozenset(() if ignore is None else (ignore,))
    names = {code: _text(code, True) for code in colours}
    return _checked(Classes(names, void, True, 255 if void else None, (note,)), counts, folder)


def _black_and_white(
    counts: Counter[int], values: list[int], listed_names: tuple[str, ...] | None, ignore: int | None
) -> Classes:
    names = dict(zip(values, listed_names or map(str, values), strict=True))
    said = ", ".join(f"{value} ({counts[value]} pixels) is {name!r}" for value, name in names.items())
    note = f"The masks are black and white, so both values are classes: {said}. --classes names them otherwise."
    void = frozenset(() if ignore is None else (ignore,))
    return Classes(names, void, False, 255 if void else None, (note,))


def _numbered(counts: Counter[int], folder: str, listed_names: tuple[str, ...] | None, ignore: int | None) -> Classes:
    """Return classes numbered from 0, in the order of their names if there are any."""
    largest = max((code for code in counts if code != 255), default=0)
    void = {255 if ignore is None else ignore}
    if listed_names is None and ignore is None and largest == VOID_BY_DEFAULT[0]:
        void.add(largest)
    labels = range(len(listed_names) if listed_names else largest + 1)
    if listed_names is None and (missing := sorted(set(labels) - set(counts) - void)):
        raise DataError(
            f"{folder}: a training mask has the label {largest}, but none has {missing[0]}; number the classes from 0,"
            f" or name them: --classes {','.join(f'NAME={code}' for code in sorted(counts)[:_SHOWN])}"
            f" (or a line each, from 0, in classes.txt). {_found(counts, False)}"
        )
    names = {label: listed_names[label] if listed_names else str(label) for label in labels}
    names = {label: name for label, name in names.items() if label not in void}
    number = min(void) if ignore is None else ignore
    ignored = number if len(names) <= number <= 255 else 255
    return _checked(Classes(names, frozenset(void), False, ignored, _void_note(void, counts, False)), counts, folder)


def _void_note(void: Iterable[int], counts: Counter[int], coloured: bool) -> tuple[str, ...]:
    shown = [code for code in sorted(void) if counts[code]]
    return (f"Pixels of the masks with the value {_shown(shown, coloured, counts)} are void.",) if shown else ()


def _checked(classes: Classes, counts: Counter[int], folder: str) -> Classes:
    if len(classes.order) < 2:
        left = [code for code in counts if code in classes.void]
        besides = f" besides the void, {_shown(left, classes.coloured)}" if left else ""
        raise DataError(
            f"{folder}: its training masks have {len(classes.order)} class{besides}; at least two are needed."
            f" {_found(counts, classes.coloured)}; --classes NAME=VALUE,... names them, --ignore VALUE is the void"
        )
    if len(classes.order) > 255:
        raise DataError(f"{folder}: its masks have {len(classes.order)} classes; allowed are at most 255")
    return classes


def _pairs(text: str) -> list[tuple[str, str]]:
    """Return names and values of ``--classes``.

    >>> _pairs("road=255, sky=#00ff00")
    [('road', '255'), ('sky', '#00ff00')]
    """
    pairs = [tuple(part.strip() for part in item.rpartition("=")[::2]) for item in text.split(",") if item.strip()]
    if bad := [value for name, value in pairs if not name or not value]:
        raise DataError(f"--classes has {bad[0]!r}; allowed is NAME=VALUE,NAME=VALUE with numbers or colours #rrggbb")
    return [(name, value) for name, value in pairs]


def _parsed(text: str, coloured: bool) -> dict[int, str]:
    names: dict[int, str] = {}
    for name, value in _pairs(text):
        if _is_colour(value) != coloured:
            raise DataError(f"--classes names {value!r} beside colours: allowed are only numbers, or only colours")
        code = _code_of(value, coloured)
        assert code is not None  # it is a text
        if code in names:
            raise DataError(f"--classes names {value} twice: {names[code]!r} and {name!r}")
        names[code] = name
    return names


def _is_colour(value: str) -> bool:
    return not value.isdecimal()


def _code_of(value: int | str | None, coloured: bool) -> int | None:
    """Return the code of a number, or of a colour as ``#rrggbb``, by name or as ``128/64/128``."""
    if value is None or isinstance(value, int):
        return None if value is None else value * 0x010101 if coloured else value
    if value.isdecimal():
        return int(value)
    channels = value.split("/")
    try:
        red, green, blue = map(int, channels) if len(channels) == 3 else parse_colour(value)
        if not all(0 <= channel <= 255 for channel in (red, green, blue)):
            raise ValueError
    except (PictureError, ValueError) as error:
        raise DataError(
            f"{value!r} is neither a value nor a colour of masks; allowed are whole numbers, #rrggbb and 128/64/128"
        ) from error
    return red << 16 | green << 8 | blue


def _shows_colour(path: Path, root: Path) -> bool:
    with opened(path, root) as mask:
        if mask.is_grey or mask.image.mode == "P":  # of a palette the indices count
            return False
        try:
            codes = _colours(mask.upright)
        except (OSError, ValueError, SyntaxError) as error:
            raise DataError(f"{named(path, root)} is damaged: {error}") from error
    return codes is not None and bool((codes >> 8 != codes & 0xFFFF).any())


def _colours(image: Image.Image) -> Codes | None:
    """Return colours ``0xrrggbb``; ``None`` if the mask is transparent in places."""
    if image.has_transparency_data and image.convert("RGBA").getchannel("A").getextrema() != (255, 255):
        return None
    red, green, blue = np.moveaxis(np.asarray(image.convert("RGB"), np.int32), -1, 0)
    return np.ascontiguousarray(red << 16 | green << 8 | blue)


def _values(image: Image.Image, grey_step: int) -> Codes | None:
    """Return values as the file has them; of one bit 0 and 255, of a palette the indices."""
    if image.mode in {"L", "P"} or image.mode.startswith("I;16"):
        return np.ascontiguousarray(np.asarray(image).astype(np.int32) // grey_step)
    if image.mode == "1":
        return np.asarray(image.convert("L")).astype(np.int32)
    colours = _colours(image)
    return None if colours is None else colours & 0xFF


def _found(counts: Counter[int], coloured: bool) -> str:
    return f"The training masks have {_shown(sorted(counts), coloured, counts)}"


def _shown(codes: Iterable[int], coloured: bool, counts: Mapping[int, int] | None = None) -> str:
    codes = list(codes)
    texts = [_text(c, coloured) + ("" if counts is None else f" ({counts[c]} pixels)") for c in codes[:_SHOWN]]
    return ", ".join(texts) + (f" and {len(codes) - _SHOWN} more" if len(codes) > _SHOWN else "")


def _text(code: int, coloured: bool) -> str:
    return f"#{code:06x}" if coloured else str(code)


def _ranges(numbers: Sequence[int]) -> str:
    """Shorten whole numbers in ascending order.

    >>> _ranges([0, 1, 2, 3, 255])
    '0 to 3, 255'
    """
    starts = [n for n in numbers if n - 1 not in numbers]
    ends = [n for n in numbers if n + 1 not in numbers]
    return ", ".join(str(a) if a == b else f"{a} to {b}" for a, b in zip(starts, ends, strict=True))
