"""Predictions as tables of a row each, and such tables as files: Parquet, CSV or JSON lines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import csv, parquet

from service.client.answers import Prediction
from service.client.errors import InputFileError

_EACH_OUTPUT = (
    "mean", "aleatoric_variance", "epistemic_variance", "total_variance", "standard_error", "lower", "upper",
)  # fmt: skip
_EACH_ROW = ("predictive_entropy", "expected_entropy", "mutual_information", "ood_score")
_TEXTS = ("label", "decision", "alarms", "prediction_set")
_NAMES = ("outside", "unknown")
_FACTS = ("model", "version", "task", "method", "seed", "samples")


def to_table(prediction: Prediction, ids: Sequence[int] | Sequence[str], column: str = "row") -> pa.Table:
    """Return a prediction as a table: a row each, a column for every statistic of every class or target.

    What has a value at each step or pixel is a list; what is not known is null. Model, version and draws are metadata.

    Args:
        prediction: The prediction.
        ids: Number, path or name of each row.
        column: Name of the column of these.
    """
    columns: dict[str, Any] = {column: pa.array(ids)}
    texts = {name: getattr(prediction, name) for name in _TEXTS}
    columns |= {name: _texts(value) for name, value in texts.items() if value is not None}
    for name in _EACH_OUTPUT:
        value = getattr(prediction, name)
        if value is not None:
            outputs = prediction.classes or prediction.targets or ()
            columns |= {f"{name}_{output}": _numbers(value[..., i]) for i, output in enumerate(outputs)}
    columns |= {n: _numbers(getattr(prediction, n)) for n in _EACH_ROW if getattr(prediction, n) is not None}
    for name in _NAMES:
        if getattr(prediction, name) is not None:
            columns[name] = pa.array([list(names) for names in getattr(prediction, name)], pa.list_(pa.string()))
    facts = {name: str(getattr(prediction, name)) for name in _FACTS}
    return pa.table(columns, metadata={**facts, "ignored": json.dumps(prediction.ignored)})


def write_tables(tables: Iterator[pa.Table], schema: pa.Schema, path: Path) -> None:
    """Write tables one after the other into a file of the kind that its name says.

    Args:
        tables: The tables.
        schema: Columns of all of them.
        path: File to write: ``.parquet``, ``.csv`` or ``.jsonl``.
    """
    _WRITERS[kind_of(path)](tables, schema, path)


def kind_of(path: Path) -> str:
    """Return the kind of a file of answers.

    Raises:
        InputFileError: naming those that there are.
    """
    if path.suffix not in _WRITERS:
        raise InputFileError(f"{path}: answers are written as {', '.join(_WRITERS)}; end the name so")
    return path.suffix


def _numbers(values: np.ndarray[Any, Any]) -> pa.Array:
    rows = [_until_end(row) for row in values.tolist()] if values.ndim == 2 else values.tolist()
    return pa.array(rows, from_pandas=True)  # NaN is null: nothing is known of an unknown category


def _texts(values: np.ndarray[Any, Any]) -> pa.Array:
    return pa.array([text or None if isinstance(text, str) else _until_end(text) for text in values.tolist()])


def _until_end(steps: list[Any]) -> list[Any]:
    """Return the steps of a sequence, after whose end there are NaN or empty texts."""
    end = len(steps)
    while end and (steps[end - 1] == "" or steps[end - 1] != steps[end - 1]):
        end -= 1
    return steps[:end]


def _write_parquet(tables: Iterator[pa.Table], schema: pa.Schema, path: Path) -> None:
    with parquet.ParquetWriter(path, schema) as writer:
        for table in tables:
            writer.write_table(table)


def _write_csv(tables: Iterator[pa.Table], schema: pa.Schema, path: Path) -> None:
    """Write CSV, in which lists are JSON."""
    lists = [field.name for field in schema if pa.types.is_nested(field.type)]
    flat = pa.schema([pa.field(f.name, pa.string()) if f.name in lists else f for f in schema])
    with csv.CSVWriter(path, flat) as writer:
        for table in tables:
            for name in lists:
                texts = [json.dumps(value) for value in table[name].to_pylist()]
                table = table.set_column(table.column_names.index(name), name, pa.array(texts, pa.string()))
            writer.write_table(table)


def _write_json(tables: Iterator[pa.Table], _: pa.Schema, path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        for table in tables:
            file.writelines(f"{json.dumps(row, ensure_ascii=False)}\n" for row in table.to_pylist())


_WRITERS: dict[str, Callable[[Iterator[pa.Table], pa.Schema, Path], None]] = {
    ".parquet": _write_parquet,
    ".csv": _write_csv,
    ".jsonl": _write_json,
}
