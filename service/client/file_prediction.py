"""Prediction of whole files: batches as the service takes, parts that survive an interruption, one file at the end.

Every part is kept under a digest of all that decides its answers: the model's manifest, the options and the bodies of
its requests. The same command again takes what is there, and computes the rest.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from service.client.answer_tables import kind_of, to_table, write_tables
from service.client.batches import Batch, StepForm, TextForm
from service.client.errors import InputFileError
from service.client.input_files import is_table, read_batches, read_tables
from service.client.parts import naming_rows, part_size, predict_in_parts
from service.client.sequence_files import sequence_batches
from service.client.shells import AsyncClient

PART = 16
"""Number of requests whose answers are kept as one part."""
AT_ONCE = 2
"""Number of requests under way at one service: while one is computed, the next is written."""


@dataclass
class Summary:
    """The end of a prediction of a file, in figures.

    Attributes:
        rows: Number of rows.
        taken: Number of rows whose answers were there from an interrupted run.
        decisions: Number of rows of each decision.
        outside: Number of rows with each column outside the range of the training rows.
        unknown: Number of rows with an unknown category, by column.
        ignored: Columns of the file that the model does not predict from.
    """

    rows: int = 0
    taken: int = 0
    decisions: Counter[str] = field(default_factory=Counter)
    outside: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    ignored: list[str] = field(default_factory=list)

    def add(self, table: pa.Table) -> None:
        """Count the rows of a table of answers."""
        self.rows += len(table)
        for name, counts in (("outside", self.outside), ("unknown", self.unknown)):
            if name in table.column_names:
                counts.update(one for names in table[name].to_pylist() for one in names)
        if "decision" in table.column_names:
            self.decisions.update(one for one in table["decision"].to_pylist() if one)
        for name in json.loads((table.schema.metadata or {}).get(b"ignored", b"[]")):
            if name not in self.ignored:
                self.ignored.append(name)


async def predict_file(
    client: AsyncClient,
    path: Path,
    out: Path,
    options: Mapping[str, Any],
    form: TextForm,
    steps: StepForm | None = None,
    progress: Callable[[float, int], None] = lambda share, rows: None,
    at_once: int = AT_ONCE,
) -> Summary:
    """Predict every row of a file, and write the answers.

    Args:
        client: Client of the service.
        path: File of rows, or folder of pictures.
        out: File of answers; its end says of which kind.
        options: Options of ``POST /predict``, with the model and the seed.
        form: Form of a CSV file.
        steps: Columns that tell sequences apart and order their steps, in a table of these.
        progress: Function that is called with the share that is done and the number of rows.
        at_once: Number of requests under way, at most those of a part.

    Raises:
        InputFileError: if a file cannot be read or written.
        ClientError: naming the rows that the service refused.
    """
    kind_of(out)
    if out.exists():
        raise InputFileError(f"{out}: the file is there already; move it away, or choose another name")
    entry = await client.model(options["model"], version=options.get("version"))
    _check_takes_rows(entry, path, steps)
    columns = (entry["inputs"].get("table") or {}).get("columns", ())
    numbers = [column["name"] for column in columns if column["kind"] == "number"] or entry["inputs"].get("names") or []
    form = replace(form, numbers=[*numbers, *([steps.time] if steps else [])])
    options = {**options, "version": int(entry["version"])}  # of which there may soon be a newer one
    limits = entry["limits"]
    size = part_size(limits["rows"], limits, options)
    batches = read_batches(path, size, form, list(entry["inputs"].get("parts") or ()))
    if steps is not None:
        table = pa.concat_tables([table for table, _ in read_tables(path, form)])
        batches = sequence_batches(table, path, size, form, steps, entry["inputs"]["shape"][0])
    parts = _Parts(out, [entry["manifest"], options])
    summary = Summary()
    for group in iter(lambda: list(islice(batches, PART)), []):
        table = parts.find(group)
        if table is None:
            table = parts.keep(await _ask(client, group, limits, options, at_once))
        else:
            summary.taken += len(table)
        summary.add(table)
        progress(group[-1].share, summary.rows)
    parts.join()
    return summary


def _check_takes_rows(entry: Mapping[str, Any], path: Path, steps: StepForm | None) -> None:
    """Raise if a model predicts nothing, or rows are steps and the options do not say of what, or the other way."""
    if entry["route"] != "/predict":
        raise InputFileError(f"{entry['name']} generates at {entry['route']}; models that predict are asked for a file")
    if (entry["inputs"]["kind"] == "sequence" and path.is_file() and is_table(path)) == (steps is not None):
        return
    rows = "several inputs" if entry["inputs"].get("parts") else f"{entry['inputs']['kind']}s"
    takes, hint = f"{entry['name']} takes {rows}", "leave out --id and --time"
    if steps is None:
        hint = "name the column that tells them apart with --id, and the one that orders their steps with --time"
    raise InputFileError(f"{path}: {takes}; {hint}")


async def _ask(
    client: AsyncClient, group: list[Batch], limits: Mapping[str, float], options: Mapping[str, Any], at_once: int
) -> pa.Table:
    """Return the answers for some batches, of which a few are under way at a time."""
    free = asyncio.Semaphore(at_once)

    async def ask(batch: Batch) -> pa.Table:
        async with free:
            with naming_rows(batch.ids[0], batch.ids[-1]):
                answer = await client.run(predict_in_parts(batch.rows, limits, options, client.timeout))
        return to_table(answer, batch.ids, batch.column)

    results = await asyncio.gather(*map(ask, group), return_exceptions=True)
    for result in results:  # the first refusal in the order of the file, not of time
        if isinstance(result, BaseException):
            raise result
    return pa.concat_tables(results, promote_options="permissive")


class _Parts:
    """The answers so far, each part a file in a folder beside the file of all answers.

    Args:
        out: File of all answers.
        job: All that decides the answers beside the rows.
    """

    def __init__(self, out: Path, job: object) -> None:
        self._out = out
        self._folder = out.with_name(f"{out.name}.parts")
        self._job = json.dumps(job, sort_keys=True, default=str).encode()
        self._paths: list[Path] = []

    def find(self, group: list[Batch]) -> pa.Table | None:
        """Return the answers for the next batches, if an interrupted run has left them."""
        digest = hashlib.sha256(self._job)
        for batch in group:
            digest.update(f"\0{batch.ids[0]}\0{batch.rows.media}\0".encode() + batch.rows.body(0, batch.rows.count))
        self._paths.append(self._folder / f"{digest.hexdigest()}.parquet")
        return parquet.read_table(self._paths[-1]) if self._paths[-1].exists() else None

    def keep(self, table: pa.Table) -> pa.Table:
        """Keep the answers for the batches that were looked for last."""
        self._folder.mkdir(parents=True, exist_ok=True)
        unfinished = self._paths[-1].with_suffix(".unfinished")
        parquet.write_table(table, unfinished)
        unfinished.rename(self._paths[-1])
        return table

    def join(self) -> None:
        """Write all parts into the one file, and remove them."""
        if not self._paths:
            raise InputFileError("the file has no rows; there is nothing to predict")
        schemas = [parquet.read_schema(path) for path in self._paths]
        schema = pa.unify_schemas(schemas, promote_options="permissive").with_metadata(schemas[0].metadata)
        unfinished = self._folder / self._out.name
        write_tables((_in_schema(parquet.read_table(path), schema) for path in self._paths), schema, unfinished)
        unfinished.rename(self._out)
        shutil.rmtree(self._folder)


def _in_schema(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return a table with all columns of a schema, null where it has none."""
    columns = [
        table[f.name].cast(f.type) if f.name in table.column_names else pa.nulls(len(table), f.type) for f in schema
    ]
    return pa.table(columns, schema=schema)
