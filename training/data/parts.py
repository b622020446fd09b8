"""NPZ files for a network of several inputs: an array for each of them by its name, and the outcomes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from models.errors import InputShapeError, InputValueError
from models.parts import describe_parts, pack
from models.specs import InputSpec
from training.data.dataset import Dataset
from training.data.npz import from_arrays, loaded
from training.data.options import Options
from training.errors import DataError

_OUTCOMES = ("y", "targets")


def from_parts(path: Path, name: str, options: Options, inputs: InputSpec) -> Dataset:
    """Load all rows of a file, each in every split, and as one vector each.

    Args:
        path: The file.
        name: Name of the data.
        options: Options on how to read it.
        inputs: Specification of rows with parts.

    Raises:
        DataError: if the arrays are not those parts and ``y`` (or ``targets``), of as many rows each.
    """
    if path.suffix.lower() != ".npz":
        raise DataError(
            f"{path.name}: rows of several inputs are read from an NPZ file with {describe_parts(inputs)}, an array of"
            " all rows for each, and y"
        )
    arrays = loaded(path)
    outcome = next((one for one in _OUTCOMES if one in arrays and one not in inputs.parts), None)
    if outcome is None:
        raise DataError(f"{path.name} has the arrays {', '.join(arrays) or 'none'}, and no y with the outcomes")
    outcomes = arrays.pop(outcome)
    _check_white(inputs, arrays, path)
    try:
        rows = pack(inputs, arrays)
    except (InputShapeError, InputValueError) as error:
        raise DataError(f"{path.name}: {error}") from error
    return from_arrays({"x": rows, "y": outcomes}, path, name, options, inputs)


def _check_white(inputs: InputSpec, arrays: Mapping[str, NDArray[Any]], path: Path) -> None:
    """Refuse pixels from 0 to 1 for a model that takes those of a file: nothing else would tell."""
    for name, part in inputs.parts.items():
        array = arrays.get(name)
        if array is None or not part.grids or part.high is None or part.high <= 1 or array.dtype.kind != "f":
            continue
        if array.size and array.min() >= 0 and array.max() <= 1:
            raise DataError(
                f"{path.name}: {name} lies between 0 and 1, and the model takes values from {part.low:g} to"
                f" {part.high:g}: multiply it, or import with --range {name}=0,1"
            )
