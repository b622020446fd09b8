"""NPZ files: arrays of inputs and targets, whole or in parts, and sequences end to end."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.specs import InputSpec, OutputSpec, Task
from training.data.columns import ordered
from training.data.dataset import Dataset, Split, image_spec, moments, table_spec, target_spec
from training.data.options import Options
from training.data.splitting import Parts, divide, name_test_rows
from training.data.tables import VALIDATION_NAMES
from training.errors import DataError

Array = NDArray[Any]
_Limits = tuple[float, float] | tuple[None, None]

_NAMES = (("x", "y"), ("inputs", "targets"))
_LENGTHS = "_lengths"
_NUMBERS = ("regression", "multilabel")
"""Tasks whose targets stay the numbers that they are."""
_AS_NUMBERS = "--task regression takes them as numbers"
_OF_LENGTHS = "; sequences of different lengths are read from a table whose rows are steps, with --id and --time"
_LAYOUTS = (
    "x and y (or inputs and targets), of all rows, perhaps with row numbers in train and test; or x_train, y_train,"
    " x_test, y_test; or sequences end to end, train_NAME with train_lengths"
)


def from_npz(path: Path, name: str, options: Options) -> Dataset:
    """Load a file of one of the layouts that the command line's help names."""
    return from_arrays(loaded(path), path, name, options)


def from_arrays(
    arrays: Mapping[str, Array], path: Path, name: str, options: Options, known: InputSpec | None = None
) -> Dataset:
    """Load the arrays of such a file.

    Args:
        arrays: The arrays by their names.
        path: The file, for messages.
        name: Name of the data.
        options: Options on how to read it.
        known: Specification of the rows, where it is known; ``None`` to find it.
    """
    if f"train{_LENGTHS}" in arrays:
        return _next_steps(arrays, path, name, options)
    pairs, notes = _as_classes(_parts(arrays, path), options)
    classes = _classes(pairs["train"][1], options, path)
    parts = {
        part: Split(_inputs(x, path), _real(y, path) if classes is None else classes.index(y, f"{path.name}: {part}"))
        for part, (x, y) in pairs.items()
    }
    if classes is None and options.whole:
        grids = {part: known.grids if known else (split.inputs.shape[2:],) for part, split in parts.items()}
        parts = {n: Split(part.inputs, _outcomes_last(part.targets, grids[n])) for n, part in parts.items()}
    if len({(part.inputs.shape[1:], part.targets.shape[1:]) for part in parts.values()}) > 1:
        raise DataError(f"{path.name}: the rows of {', '.join(parts)} differ in shape")
    splits = divide(Parts(**parts), path.name, whole=options.whole)
    if splits.train.inputs.ndim == 5 and not options.whole:
        raise DataError(f"{path.name} holds volumes, and no network of this house takes them: import one of your own")
    inputs = known or _input_spec(splits.train.inputs, _range(parts["train"].inputs), arrays, path)
    outputs = _output_spec(splits.train.targets, classes, inputs, options, path)
    if classes is not None and options.task is None and pairs["train"][1].dtype.kind in "iub" and not notes:
        notes = (f"targets are whole numbers, taken for {len(classes.names)} classes; {_AS_NUMBERS}",)
    if options.ignore is not None and not any(bool((y == options.ignore).any()) for _, y in pairs.values()):
        notes = (*notes, f"no target is {options.ignore}, which --ignore names")
    return Dataset(name, inputs, outputs, *splits, notes=notes, test_name=name_test_rows(parts))


@dataclass(frozen=True)
class _Classes:
    """Names of classes by index, and the label of pixels and steps that belong to no class."""

    names: tuple[str, ...]
    void: int | None

    @property
    def ignore(self) -> int | None:
        """Index that stands for the void."""
        return self.void if self.void is None or self.void >= len(self.names) else max(255, len(self.names))

    def index(self, labels: Array, place: str) -> Tensor:
        """Return the indices of labels, in the same shape.

        Raises:
            DataError: for a label that no training row has.
        """
        values, inverse = np.unique(_flat(labels), return_inverse=True)
        indices: list[int] = []
        for label in map(_text, values):
            if label not in self.names and (self.void is None or label != str(self.void)):
                raise DataError(
                    f"{place} has the class {label}, which is in no training row; classes are: {', '.join(self.names)}"
                )
            indices.append(self.names.index(label) if label in self.names else self.ignore or 0)
        dtype = np.uint8 if labels.ndim > 2 and max(indices) <= 255 else np.int64
        return torch.from_numpy(np.array(indices, dtype)[inverse].reshape(_flat(labels).shape))


def loaded(path: Path) -> dict[str, Array]:
    """Return the arrays of a file by their names.

    Raises:
        DataError: if it cannot be read.
    """
    if not zipfile.is_zipfile(path):
        raise DataError(f"{path.name} is no NPZ file, which is a ZIP of arrays, or it is cut off")
    try:
        with np.load(path, allow_pickle=False) as file:
            return dict(file)
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path.name} cannot be read as NPZ (arrays of numbers or text): {error}") from error


def _parts(arrays: Mapping[str, Array], path: Path) -> dict[str, tuple[Array, Array]]:
    for x, y in _NAMES:
        if x in arrays and y in arrays:
            return _indexed(arrays[x], arrays[y], arrays, path)
        names = {p: (f"{x}_{p}", f"{y}_{p}") for p in ("train", *VALIDATION_NAMES, "test")}
        pairs = {p: (arrays[a], arrays[b]) for p, (a, b) in names.items() if a in arrays and b in arrays}
        if "train" in pairs:
            for a, b in pairs.values():
                _check_rows(a, b, path)
            return {"validation" if part in VALIDATION_NAMES else part: pair for part, pair in pairs.items()}
    raise DataError(f"{path.name} has the arrays {', '.join(arrays) or 'none'}; allowed are {_LAYOUTS}")


def _indexed(x: Array, y: Array, arrays: Mapping[str, Array], path: Path) -> dict[str, tuple[Array, Array]]:
    _check_rows(x, y, path)
    chosen = {name: arrays[name] for name in ("train", *VALIDATION_NAMES, "test") if name in arrays}
    if not chosen:
        return {"train": (x, y)}
    numbers = [index for index in chosen.values() if index.ndim == 1 and index.dtype.kind in "iu"]
    every = np.concatenate(numbers) if len(numbers) == len(chosen) and "train" in chosen else np.array([-1])
    if every.min(initial=0) < 0 or every.max(initial=0) >= len(x) or len(np.unique(every)) != len(every):
        raise DataError(
            f"{path.name}: {', '.join(chosen)} must be row numbers from 0 to {len(x) - 1}, none of them twice"
        )
    parts = {name: (x[index], y[index]) for name, index in chosen.items()}
    return {"validation" if part in VALIDATION_NAMES else part: pair for part, pair in parts.items()}


def _check_rows(x: Array, y: Array, path: Path) -> None:
    if not x.ndim or not y.ndim or len(x) != len(y) or not len(x):
        raise DataError(
            f"{path.name}: inputs {x.shape} and targets {y.shape} do not have the same number of rows, or none"
        )


def _as_classes(
    pairs: dict[str, tuple[Array, Array]], options: Options
) -> tuple[dict[str, tuple[Array, Array]], tuple[str, ...]]:
    """Return fractions that stand for classes, 0 and 1 or one 1 among 0, as whole numbers, and a sentence that says so.

    Everything else stays as it is.
    """
    targets = [y for _, y in pairs.values()]
    flags = all(y.dtype.kind == "f" and bool(((y == 0) | (y == 1)).all()) for y in targets)
    if options.task in _NUMBERS or not flags:
        return pairs, ()
    if all(_flat(y).ndim == 1 for y in targets):
        whole = {part: (x, y.astype(np.int64)) for part, (x, y) in pairs.items()}
        return whole, (f"targets are 0 and 1, taken for classes; {_AS_NUMBERS}",)
    if all(y.ndim == 2 and bool((y.sum(1) == 1).all()) for y in targets):
        numbered = {part: (x, y.argmax(1)) for part, (x, y) in pairs.items()}
        count = targets[0].shape[1]
        return numbered, (f"targets are one 1 among 0 (one-hot), taken for {count} classes; {_AS_NUMBERS}",)
    return pairs, ()


def _inputs(x: Array, path: Path) -> Tensor:
    if x.dtype.kind not in "iufb" or x.ndim not in (2, 3, 4, 5):
        raise DataError(
            f"{path.name}: inputs are {x.dtype} of shape {x.shape}; allowed are numbers (rows, features), (rows, steps,"
            " features), and images (rows, height, width) of bytes or (rows, channels, height, width),"
            " and for models from elsewhere volumes (rows, channels, depth, height, width)"
        )
    if not x.size:
        raise DataError(f"{path.name}: inputs of shape {x.shape} hold no numbers")
    values = torch.from_numpy(np.ascontiguousarray(x)) if x.dtype == np.uint8 and x.ndim > 2 else _float32(x)
    _check_finite(values, f"{path.name}: the inputs", _OF_LENGTHS if x.ndim == 3 else "")
    if values.ndim == 4 and values.shape[1] not in (1, 3) and values.shape[3] in (1, 3):
        values = values.permute(0, 3, 1, 2).contiguous()
    return values.unsqueeze(1) if values.dtype == torch.uint8 and values.ndim == 3 else values


def _classes(y: Array, options: Options, path: Path) -> _Classes | None:
    """Return the classes of the training rows' targets, if they are classes."""
    if options.task in _NUMBERS or (y.dtype.kind == "f" and options.task != "classification"):
        return None
    if y.dtype.kind == "f" and not np.isfinite(y).all():
        raise DataError(f"{path.name}: classes of the training rows hold NaN or infinity")
    if isinstance(options.ignore, str):
        raise DataError(f"{path.name}: --ignore {options.ignore} is no label of an array; allowed are whole numbers")
    void = (255 if options.ignore is None else options.ignore) if _flat(y).ndim > 1 else None
    return _Classes(ordered(name for name in map(_text, np.unique(y)) if name != str(void)), void)


def _real(y: Array, path: Path) -> Tensor:
    if y.dtype.kind not in "iufb":
        raise DataError(f"{path.name}: targets are {y.dtype}; a regression's are numbers")
    values = _float32(y.reshape(len(y), -1) if y.ndim == 1 else y)
    observed = values.nan_to_num(nan=0.0, posinf=torch.inf, neginf=-torch.inf) if values.ndim > 2 else values
    _check_finite(observed, f"{path.name}: the targets")  # of a map, NaN was not observed
    return values


def _outcomes_last(targets: Tensor, grids: Iterable[tuple[int, ...]]) -> Tensor:
    """Return targets of every pixel of a grid as ``(N, *pixels, D)``, whether ``D`` stood first or was left out."""
    for pixels in grids:
        if len(pixels) > 1 and targets.shape[1:] == pixels:
            return targets.unsqueeze(-1)
        if len(pixels) > 1 and targets.shape[1:] == (targets.shape[1], *pixels):
            return targets.movedim(1, -1)
    return targets


def _float32(values: Array) -> Tensor:
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused as that
        return torch.from_numpy(np.ascontiguousarray(values.astype(np.float32)))


def _check_finite(values: Tensor, place: str, hint: str = "") -> None:
    bad = ~values.isfinite().flatten(1).all(1)
    if bool(bad.any()):
        raise DataError(f"{place} of row {int(bad.nonzero()[0])} hold NaN or no finite float32 number{hint}")


def _flat(y: Array) -> Array:
    return y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y


def _text(label: Any) -> str:
    value = label.item()
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return str(int(value)) if isinstance(value, bool | float) and float(value).is_integer() else str(value)


def _input_spec(train: Tensor, limits: _Limits, arrays: Mapping[str, Array], path: Path) -> InputSpec:
    if train.ndim == 4:
        return image_spec(train, *limits)
    if train.ndim == 5:
        return InputSpec("volume", tuple(train.shape[1:]), low=limits[0], high=limits[1])
    names = tuple(map(str, arrays["names"].tolist())) if "names" in arrays else _numbered(train.shape[-1])
    if len(names) != train.shape[-1] or len(set(names)) != len(names):
        raise DataError(
            f"{path.name}: {len(names)} names, {len(set(names))} of them different, for {train.shape[-1]} features"
        )
    if train.ndim == 2:
        return table_spec(train, names)
    return InputSpec("sequence", tuple(train.shape[1:]), *moments(train), names=names)


def _range(images: Tensor) -> _Limits:
    if images.dtype == torch.uint8:
        return 0.0, 255.0
    return (0.0, 1.0) if float(images.min()) >= 0 and float(images.max()) <= 1 else (None, None)


def _output_spec(
    train: Tensor, classes: _Classes | None, inputs: InputSpec, options: Options, path: Path
) -> OutputSpec:
    grids = (inputs.shape[:1],) if inputs.kind == "sequence" else inputs.grids
    dense = inputs.kind == "sequence" or options.whole  # no network of this house answers for each pixel in numbers
    if classes is None:
        if train.ndim > 2 and (not dense or tuple(train.shape[1:-1]) not in grids):
            raise DataError(f"{path.name}: targets {tuple(train.shape[1:])} of a row do not go with {inputs.kind} rows")
        names = _target_names(options.targets or ("y",), train.shape[-1], path)
        return _labels(train, names, path) if options.task == "multilabel" else target_spec(train, names)
    if tuple(train.shape[1:]) not in {(), *grids}:
        raise DataError(
            f"{path.name}: labels {tuple(train.shape[1:])} of a row do not go with {inputs.kind} rows {inputs.shape};"
            " if they are numbers to predict, say --task regression"
        )
    if len(classes.names) < (1 if options.whole else 2):
        raise DataError(f"{path.name}: its targets have {len(classes.names)} class; at least two are needed")
    task: Task = "segmentation" if inputs.grids and train.ndim > 1 else "classification"
    return OutputSpec(task, classes.names, ignore=classes.ignore if train.ndim > 1 else None)


def _labels(train: Tensor, names: tuple[str, ...], path: Path) -> OutputSpec:
    other = train[(train != 0) & (train != 1)]
    if len(other):
        raise DataError(
            f"{path.name}: targets of --task multilabel are 0 and 1, a column for each label, and there is"
            f" {float(other[0]):g}; if they are classes, say --task classification"
        )
    return OutputSpec("multilabel", names)


def _target_names(names: tuple[str, ...], count: int, path: Path) -> tuple[str, ...]:
    if len(names) == count:
        return names
    if len(names) > 1:
        raise DataError(f"{path.name}: --target names {len(names)} targets, but a row has {count}")
    return tuple(f"{names[0]}{i}" for i in range(count))


def _next_steps(arrays: Mapping[str, Array], path: Path, name: str, options: Options) -> Dataset:
    """Load sequences of different lengths end to end; each step's target is the next step."""
    sequences = {
        p: _sequences(arrays, p, path) for p in ("train", *VALIDATION_NAMES, "test") if f"{p}{_LENGTHS}" in arrays
    }
    longest = max(len(piece) for pieces in sequences.values() for piece in pieces) - 1
    widths = {piece.shape[1] for pieces in sequences.values() for piece in pieces}
    if len(widths) > 1:
        raise DataError(f"{path.name}: steps of its parts have {' and '.join(map(str, sorted(widths)))} features")
    parts = {
        "validation" if part in VALIDATION_NAMES else part: _predicting_next(pieces, longest)
        for part, pieces in sequences.items()
    }
    splits = divide(Parts(**parts), path.name, whole=options.whole)
    names = _numbered(widths.pop())
    binary = all(bool(((piece == 0) | (piece == 1)).all()) for pieces in sequences.values() for piece in pieces)
    mean, scale = ((0.0,), (1.0,)) if binary else moments(splits.train.inputs)
    low, high = (0.0, 1.0) if binary else (None, None)
    inputs = InputSpec("sequence", (longest, len(names)), mean, scale, low, high, names)
    outputs = OutputSpec("multilabel", names) if binary else target_spec(splits.train.targets, names)
    return Dataset(name, inputs, outputs, *splits, test_name=name_test_rows(parts))


def _sequences(arrays: Mapping[str, Array], part: str, path: Path) -> list[Tensor]:
    lengths = arrays[f"{part}{_LENGTHS}"]
    steps = [key for key in arrays if key.startswith(f"{part}_") and key != f"{part}{_LENGTHS}"]
    if len(steps) != 1:
        raise DataError(f"{path.name}: {part}{_LENGTHS} goes with one array {part}_NAME; there are {len(steps)}")
    values = arrays[steps[0]]
    whole = lengths.dtype.kind in "iu" and lengths.ndim == 1 and len(lengths) > 0 and int(lengths.min()) >= 2
    if not whole or values.ndim != 2 or values.dtype.kind not in "iufb" or int(lengths.sum()) != len(values):
        raise DataError(
            f"{path.name}: {part}{_LENGTHS} must be whole numbers of at least 2 that add up to the steps of"
            f" {steps[0]}, (steps, features); it has the shape {values.shape}"
        )
    numbers = _float32(values)
    _check_finite(numbers, f"{path.name}: {steps[0]}, the values")
    return list(torch.split(numbers, lengths.tolist()))


def _predicting_next(pieces: list[Tensor], longest: int) -> Split:
    """Return inputs and targets ``(N, longest, features)``, NaN beyond the end of a sequence."""
    inputs = torch.full((len(pieces), longest, pieces[0].shape[1]), torch.nan)
    targets = inputs.clone()
    for i, piece in enumerate(pieces):
        inputs[i, : len(piece) - 1], targets[i, : len(piece) - 1] = piece[:-1], piece[1:]
    return Split(inputs, targets)


def _numbered(features: int) -> tuple[str, ...]:
    return tuple(f"x{i}" for i in range(features))
