"""Rows of a file, batch by batch: CSV, Parquet, arrays of NumPy, or a folder of pictures. No file is read whole."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from service.client.batches import Batch, ShareOfFile, TextForm, batches_of
from service.client.csv_files import COMPRESSED, csv_tables
from service.client.errors import InputFileError
from service.client.requests import NPY, npy
from service.client.rows import Rows, as_csv, as_rows, without_index

_TABLES = (".csv", ".tsv", ".txt")
_PARQUET = (".parquet", ".pq")
_ARRAYS = (".npz", ".npy")
_PICTURES = {
    ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp", ".bmp": "image/bmp",
    ".gif": "image/gif", ".tif": "image/tiff", ".tiff": "image/tiff",
}  # fmt: skip
_ARRAY_NAMES = ("inputs", "x")


def read_batches(path: Path, size: int, form: TextForm, inputs: Sequence[str] = ()) -> Iterator[Batch]:
    """Yield the rows of a file in batches of one size, the last one excepted; pictures one by one.

    Args:
        path: CSV (compressed or not), Parquet, ``.npz``, ``.npy``, a picture, or a folder of pictures.
        size: Number of rows in a batch.
        form: Form of a CSV file.
        inputs: Names of the model's inputs, if it takes several: arrays of an ``.npz``.

    Raises:
        InputFileError: if the file cannot be read.
    """
    if inputs:
        return _several(path, size, inputs)
    if path.is_dir() or path.suffix.lower() in _PICTURES:
        return _pictures(path)
    if not path.is_file():
        raise InputFileError(f"{path}: there is no such file")
    if is_table(path):
        return batches_of(read_tables(path, form), size, as_rows if _is_parquet(path) else as_csv)
    if path.suffix.lower() in _ARRAYS:
        return _arrays(path, size)
    allowed = ", ".join([*_TABLES, *_PARQUET, *_ARRAYS, *_PICTURES])
    raise InputFileError(f"{path}: a file of this name is not read; allowed are {allowed}, and folders of pictures")


def is_table(path: Path) -> bool:
    """Return whether a file is CSV or Parquet by its name."""
    kind = path.with_suffix("").suffix if path.suffix in COMPRESSED else path.suffix
    return kind.lower() in _TABLES or _is_parquet(path)


def read_tables(path: Path, form: TextForm) -> Iterator[ShareOfFile]:
    """Yield the rows of CSV, as texts, or of Parquet, some at a time.

    Raises:
        InputFileError: if the file cannot be read.
    """
    return _parquet(path) if _is_parquet(path) else csv_tables(path, form)


def _is_parquet(path: Path) -> bool:
    return path.suffix.lower() in _PARQUET


def _parquet(path: Path) -> Iterator[ShareOfFile]:
    try:
        file = parquet.ParquetFile(path)
        stop = 0
        for batch in file.iter_batches():
            stop += len(batch)
            yield without_index(pa.Table.from_batches([batch])), stop / file.metadata.num_rows
    except pa.ArrowException as error:
        raise InputFileError(f"{path}: it is not a whole Parquet file: {str(error).splitlines()[0]}") from error


def _arrays(path: Path, size: int) -> Iterator[Batch]:
    try:
        with _array_stream(path) as stream:
            array = _ArrayStream(stream, path)
            for start in range(0, array.rows, size):
                stop = min(start + size, array.rows)
                yield Batch(_array_rows(array.read(stop - start)), range(start, stop), stop / array.rows)
    except (ValueError, zipfile.BadZipFile, EOFError) as error:
        raise InputFileError(f"{path}: it is not a whole file of NumPy's") from error


def _several(path: Path, size: int, inputs: Sequence[str]) -> Iterator[Batch]:
    """Yield the rows of a model of several inputs, each an array of its name."""
    listed = ", ".join(inputs)
    if path.suffix.lower() != ".npz" or not path.is_file():
        raise InputFileError(
            f"{path}: this model takes an .npz file with the arrays {listed}, one of all rows for each"
        )
    try:
        with ExitStack() as opened, zipfile.ZipFile(path) as archive:
            names = {name.removesuffix(".npy") for name in archive.namelist()}
            if missing := [name for name in inputs if name not in names]:
                raise InputFileError(f"{path}: it lacks {', '.join(missing)}; this model takes the arrays {listed}")
            arrays = {name: _ArrayStream(opened.enter_context(archive.open(f"{name}.npy")), path) for name in inputs}
            counts = {array.rows for array in arrays.values()}
            if len(counts) > 1:
                raise InputFileError(f"{path}: {listed} have {' and '.join(map(str, sorted(counts)))} rows")
            (rows,) = counts
            for start in range(0, rows, size):
                stop = min(start + size, rows)
                part = {name: array.read(stop - start) for name, array in arrays.items()}
                yield Batch(as_rows(part), range(start, stop), stop / rows)
    except (ValueError, zipfile.BadZipFile, EOFError) as error:
        raise InputFileError(f"{path}: it is not a whole file of NumPy's") from error


class _ArrayStream:
    """An array of numbers in a file, read some rows at a time.

    Args:
        stream: The file, at its header.
        path: Its name, for messages.

    Attributes:
        rows: Number of rows.
    """

    def __init__(self, stream: Any, path: Path) -> None:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, self._dtype = read(stream)
        if fortran or self._dtype.hasobject or not shape:
            raise InputFileError(f"{path}: the array has to hold numbers, row by row (np.ascontiguousarray)")
        self._stream, self.rows, self._shape = stream, shape[0], shape[1:]

    def read(self, rows: int) -> np.ndarray[Any, Any]:
        """Return the next rows."""
        size = rows * math.prod(self._shape) * self._dtype.itemsize
        return np.frombuffer(self._stream.read(size), self._dtype).reshape(rows, *self._shape)


def _array_rows(array: np.ndarray[Any, Any]) -> Rows:
    return Rows(len(array), NPY, lambda start, stop: npy(array[start:stop]))


def _array_stream(path: Path) -> Any:
    """Open the array of a file: the one there is, or the one of the name that inputs have."""
    if path.suffix.lower() == ".npy":
        return path.open("rb")
    archive = zipfile.ZipFile(path)
    names = [name.removesuffix(".npy") for name in archive.namelist()]
    found = [name for name in _ARRAY_NAMES if name in names] or (names if len(names) == 1 else [])
    if not found:
        allowed = " or ".join(_ARRAY_NAMES)
        raise InputFileError(f"{path}: it has the arrays {', '.join(names)}; name the one with the rows {allowed}")
    return archive.open(f"{found[0]}.npy")


def _pictures(path: Path) -> Iterator[Batch]:
    folder = path if path.is_dir() else path.parent
    found = [path] if path.is_file() else sorted(one for one in path.rglob("*") if one.suffix.lower() in _PICTURES)
    if not found:
        raise InputFileError(f"{path}: there is no picture; allowed are {', '.join(_PICTURES)}")
    for i, picture in enumerate(found):
        media = _PICTURES[picture.suffix.lower()]
        rows = Rows(1, media, lambda start, stop, picture=picture: picture.read_bytes())  # type: ignore[misc]
        yield Batch(rows, [picture.relative_to(folder).as_posix()], (i + 1) / len(found), "file")
