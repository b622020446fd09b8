"""Reading tables, whatever format their files have."""

from __future__ import annotations

from pathlib import Path

from training.data.cells import NumberFormat
from training.data.delimited import TextFormat, read_text
from training.data.options import Options
from training.data.table import Table
from training.data.typed_files import FEATHER, PARQUET, read_typed
from training.errors import DataError

TEXT = (".csv", ".tsv", ".txt")
PACKED = ("", ".gz", ".bz2", ".zst", ".lz4")
ENDINGS = (*(f"{text}{packed}" for text in TEXT for packed in PACKED), *PARQUET, *FEATHER)
"""Endings of the files that are tables."""

_WRITTEN = ("encoding", "delimiter", "decimal", "thousands")


def read(path: Path, options: Options) -> Table:
    """Read a table by the ending of its file.

    Raises:
        DataError: if the file is damaged, or an option does not apply to it.
    """
    if is_typed(path):
        if set_in_vain := [name for name in _WRITTEN if getattr(options, name) is not None]:
            raise DataError(f"{path.name} has types of its own: --{set_in_vain[0]} does not apply to it")
        return read_typed(path, path.name)
    return read_text(path, path.name, _text_format(options))


def is_table(path: Path) -> bool:
    """Return whether a file is a table by its ending."""
    return path.is_file() and path.name.lower().endswith(ENDINGS)


def is_typed(path: Path) -> bool:
    """Return whether a file's columns have types."""
    return path.name.lower().endswith((*PARQUET, *FEATHER))


def find_table(folder: Path, stem: str) -> Path | None:
    """Return the file of a table in a folder, by its name without the ending.

    Raises:
        DataError: if there are several.
    """
    found = [folder / f"{stem}{ending}" for ending in ENDINGS if (folder / f"{stem}{ending}").is_file()]
    if len(found) > 1:
        raise DataError(f"{folder.name} has both {found[0].name} and {found[1].name}; one of them is allowed")
    return found[0] if found else None


def _text_format(options: Options) -> TextFormat:
    decimal, thousands = options.decimal or ".", options.thousands or ""
    delimiter = {"tab": "\t", "\\t": "\t"}.get(options.delimiter or "", options.delimiter or "")
    if len(delimiter) > 1:
        raise DataError(f"--delimiter {options.delimiter} is not one character, such as , or ; or tab")
    if decimal not in (".", ","):
        raise DataError(f"--decimal {decimal} is neither . nor ,")
    if len(thousands) > 1 or thousands.isalnum() or thousands == decimal:
        hint = "; say --decimal , too" if thousands == "." else ""
        raise DataError(
            f"--thousands {thousands} is not one character other than that of the decimals, {decimal}{hint}"
        )
    return TextFormat(options.encoding or "", delimiter, NumberFormat(decimal, thousands))
