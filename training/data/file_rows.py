"""Tensors whose rows stay in files until they are needed, so that a data set may be larger than memory."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor
from torch.utils._pytree import tree_map_only

Reader = Callable[[Path], Tensor]

_DIGEST_BYTES = 16


class FileRows(Tensor):
    """Rows that are read from their files each time; choosing some of them reads nothing.

    It stands wherever a tensor does. Indexing, splitting and iterating along the rows read no more than the rows that
    are used; every other operation reads all rows that are left, and works on these.
    """

    files: tuple[Path, ...]
    reader: Reader
    digests: tuple[bytes, ...]

    @staticmethod
    def __new__(
        cls,
        files: Sequence[Path],
        reader: Reader,
        shape: Sequence[int],
        dtype: torch.dtype,
        digests: Sequence[bytes] | None = None,
    ) -> Self:
        """Return the rows of some files, none of which is kept.

        Args:
            files: One file a row.
            reader: Function of a file that returns its row.
            shape: Shape of one row.
            dtype: Element type of the rows.
            digests: Digest of each row's content, where they are known already.
        """
        rows: Self = Tensor._make_wrapper_subclass(cls, (len(files), *shape), dtype=dtype)
        rows.files, rows.reader = tuple(files), reader
        rows.digests = tuple(map(_digest, rows)) if digests is None else tuple(digests)
        return rows

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]  # torch leaves it untyped
        cls, func: Any, types: Iterable[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        args, kwargs = tree_map_only(FileRows, FileRows.read, (args, kwargs or {}))
        return func(*args, **kwargs)

    def read(self) -> Tensor:
        """Return the rows as an ordinary tensor."""
        if not self.files:
            return torch.empty(self.shape, dtype=self.dtype)
        with ThreadPoolExecutor() as threads:  # files are decoded outside the interpreter's lock
            return torch.stack(list(threads.map(self.reader, self.files)))

    def mapped(self, function: Callable[[Tensor], Tensor], dtype: torch.dtype) -> FileRows:
        """Return rows that a function makes of each of these as it is read."""
        reader = self.reader
        return FileRows(self.files, lambda file: function(reader(file)), self.shape[1:], dtype, self.digests)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, int):
            return self.reader(self.files[index])
        if isinstance(index, tuple) or index is ...:
            return self.read()[index]
        chosen = torch.arange(len(self.files))[index].tolist()
        files, digests = ([values[row] for row in chosen] for values in (self.files, self.digests))
        return FileRows(files, self.reader, self.shape[1:], self.dtype, digests)

    def __iter__(self) -> Iterator[Tensor]:
        return map(self.reader, self.files)

    def split(self, split_size: Any, dim: int = 0) -> Any:
        starts = range(0, len(self.files), split_size)
        return tuple(self[start : start + split_size] for start in starts)

    def to(self, *args: Any, **kwargs: Any) -> Tensor:
        return self.read().to(*args, **kwargs)

    def numpy(self, *, force: bool = False) -> Any:
        return self.read().numpy(force=force)


def join_rows(parts: Sequence[Tensor]) -> Tensor:
    """Return the rows of several tensors below one another; rows that stay in files go on doing so."""
    files = [part for part in parts if isinstance(part, FileRows)]
    if len(files) < len(parts) or len(parts) == 1:
        return parts[0] if len(parts) == 1 else torch.cat(list(parts))
    reader_of = {file: part.reader for part in files for file in part.files}
    return FileRows(
        [file for part in files for file in part.files],
        lambda file: reader_of[file](file),
        files[0].shape[1:],
        files[0].dtype,
        [digest for part in files for digest in part.digests],
    )


def _digest(row: Tensor) -> bytes:
    return hashlib.blake2b(row.numpy().tobytes(), digest_size=_DIGEST_BYTES).digest()
