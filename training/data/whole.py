"""All rows of data that a model was not trained on, read as the model's own were."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from torch import Tensor

from models.columns import Fault, places_among
from models.errors import InputShapeError, InputValueError
from models.specs import VOID, InputSpec, OutputSpec
from models.tables import TableSchema
from training.data import missing, sources
from training.data.cells import quoted
from training.data.columns import refuse, values_of
from training.data.dataset import Dataset, Split
from training.data.file_rows import FileRows
from training.data.options import Options
from training.data.parts import from_parts
from training.data.problems import Problem, Problems
from training.data.reading import find_table, is_table, read
from training.data.sequences import assemble, ordered_steps
from training.data.table import Table, join
from training.data.targets import Target, number_values, target_names
from training.errors import DataError, UnknownClassError

_OWN = ("categorical", "numeric", "date_format", "keep", "drop", "task")
"""Options that a model's own columns decide."""
_PARTS = ("data", "train", "val", "valid", "validation", "test")


def read_whole(path: Path, options: Options, inputs: InputSpec, outputs: OutputSpec) -> Dataset:
    """Load all rows of a file or folder for a model: with its columns, fills and classes, and each in every split.

    Args:
        path: The file or folder.
        options: Options on how to read it.
        inputs: Specification of the model's inputs.
        outputs: Specification of the model's outcome.

    Raises:
        DataError: if something in it is not what the model knows.
    """
    tables = tables_of(path)
    if outputs.task == "multilabel" and path.suffix.lower() == ".npz":
        options = replace(options, task="multilabel")  # 0 and 1 would be classes
    if inputs.parts:
        given = from_parts(path, sources.name_of(path), replace(options, whole=True), inputs)
        return _with_outcomes_of(outputs, given, path.name)
    if inputs.table is not None and tables:
        table = join([read(file, options) for file in tables], path.name)
        return _of_table(table, sources.name_of(path), options, inputs, inputs.table, outputs)
    if tables and inputs.kind in ("table", "sequence"):
        raise DataError(
            f"{path.name} is a table, and nobody has said which columns are the model's features: give an NPZ of x and"
            " y, or fit or import the model on a table"
        )
    size = (inputs.shape[1], inputs.shape[2]) if inputs.kind == "image" and options.size is None else options.size
    takes_size = path.is_dir() and inputs.kind == "image"
    options = replace(options, whole=True, size=size if takes_size else options.size)
    dataset = _in_range_of(inputs, sources.read(path, _on_background_of(inputs, options) if takes_size else options))
    return _with_outcomes_of(outputs, dataset, path.name)


def _with_outcomes_of(outputs: OutputSpec, dataset: Dataset, place: str) -> Dataset:
    """Return data with the classes or the labels of a model, which its own stand for."""
    if dataset.outputs is None or dataset.outputs.task != outputs.task or outputs.task == "regression":
        return dataset
    if outputs.task == "multilabel":
        return replace(dataset, outputs=_same_labels(dataset.outputs, outputs, place))
    split = Split(dataset.test.inputs, _renumbered(dataset.test.targets, dataset.outputs, outputs, place))
    return replace(dataset, outputs=outputs, train=split, validation=split, calibration=split, test=split)


def _in_range_of(inputs: InputSpec, dataset: Dataset) -> Dataset:
    """Return pictures in the range of values that a model takes, by the bits a channel of their files.

    Raises:
        DataError: if there are values beyond the range, or if the model takes files of other bits.
    """
    found = dataset.inputs
    if found.picture is None and inputs.kind in ("image", "volume"):
        _check_range(inputs, found, dataset.test.inputs)
    if inputs.kind == "tokens":
        _check_ids(inputs, dataset.test.inputs)
    if inputs.picture is not None and found.picture is not None and found.high is not None:
        bits = int(found.high).bit_length()
        if inputs.picture.bits not in (None, bits):
            raise DataError(
                f"the pictures have {bits} bits a channel, and the model takes {inputs.picture.bits}, values from"
                f" {inputs.low:g} to {inputs.high:g}: convert them, or say --bits any when the model is imported"
            )
    if inputs.picture is None or found.picture is None or found.high == inputs.high:
        return dataset
    assert found.high is not None
    assert inputs.high is not None  # as every picture's
    low = inputs.low or 0.0
    factor = (inputs.high - low) / found.high

    def scaled(part: Split) -> Split:
        rows = part.inputs
        if isinstance(rows, FileRows):
            return part._replace(inputs=rows.mapped(lambda row: _times(row, factor, low), torch.float32))
        return part._replace(inputs=_times(rows, factor, low))

    names = ("train", "validation", "calibration", "test")
    parts: dict[str, Any] = {name: scaled(getattr(dataset, name)) for name in names}
    note = f"Values of the pictures, 0 to {found.high:g}, are scaled to the model's {low:g} to {inputs.high:g}."
    ranged = msgspec.structs.replace(found, high=inputs.high)
    return replace(dataset, inputs=ranged, notes=(*dataset.notes, note), **parts)


def _check_ids(inputs: InputSpec, rows: Tensor | FileRows) -> None:
    try:
        inputs.check_rows(rows[:].numpy())
    except (InputShapeError, InputValueError) as error:
        raise DataError(f"the rows are not ids that the model knows: {error}") from error


def _check_range(inputs: InputSpec, found: InputSpec, rows: Tensor | FileRows) -> None:
    if inputs.low is None or inputs.high is None or not isinstance(rows, Tensor):
        return
    low, high = float(rows.min()), float(rows.max())
    allowed = f"the model takes values from {inputs.low:g} to {inputs.high:g}"
    if low < inputs.low or high > inputs.high:
        raise DataError(
            f"inputs lie between {low:g} and {high:g}, and {allowed}: --range LOW,HIGH of import says another"
        )
    if rows.is_floating_point() and found.high == 1 < inputs.high:
        raise DataError(
            f"inputs lie between {low:g} and {high:g}, and {allowed}: multiply them, or import with --range 0,1"
        )


def _times(rows: Tensor, factor: float, low: float) -> Tensor:
    return rows.double().mul(factor).add(low).float()


def _on_background_of(inputs: InputSpec, options: Options) -> Options:
    """Return options with the model's own background of transparent pictures, where none is asked for."""
    if inputs.picture is None or options.background is not None or options.alpha is not None:
        return options
    background = inputs.picture.background
    return replace(options, alpha="refuse") if background is None else replace(options, background=background)


def tables_of(path: Path) -> list[Path]:
    """Return the files of a table: one, or the parts in a folder; none where a path holds something else."""
    if path.is_dir():
        return [file for part in _PARTS if (file := find_table(path, part)) is not None]
    return [path] if is_table(path) else []


def _of_table(
    raw: Table, name: str, options: Options, inputs: InputSpec, schema: TableSchema, outputs: OutputSpec
) -> Dataset:
    names = target_names(raw, replace(options, target=options.target or schema.targets))
    if set(names) != set(schema.targets):
        raise DataError(f"{raw.place}: the model predicts {', '.join(schema.targets)}, not {', '.join(names)}")
    sequence = [name for name in (options.id, options.time) if name is not None]
    if (len(sequence) == 2) != (inputs.kind == "sequence"):
        raise DataError(f"{raw.place}: sequences need both --id and --time, and this model takes {inputs.kind}s")
    used = [*(column.name for column in schema.columns), *schema.targets, *sequence]
    for column in used:
        raw.check_has(column)
    table = raw.without(frozenset(schema.na_values if options.na_values is None else options.marks))
    gaps = missing.rows_with_a_gap(table, [*schema.targets, *(c.name for c in schema.columns if c.fill is None)])
    if options.missing == missing.DROP_ROWS and gaps.any() and not gaps.all():
        dataset = _of_table(raw.rows(~gaps), name, options, inputs, schema, outputs)
        dropped = f"{int(gaps.sum())} of {len(raw)} rows have a missing value and are dropped"
        return replace(dataset, notes=(dropped, *dataset.notes))
    problems = Problems(table.place, table.where, list(table.faults))
    encoded = schema.encode({column.name: values_of(column, table) for column in schema.columns})
    _refuse_faults(encoded.faults, problems)
    missing.refuse(table, raw, [*schema.targets, *sequence], problems, "leave out the row, or say --missing drop-rows")
    target = _target(table, schema.targets, outputs, problems)
    problems.check(())
    split = Split(torch.from_numpy(encoded.features), target.values)
    if options.id is not None and options.time is not None:
        steps = ordered_steps(table, options.id, options.time, options.steps)
        _check_length(steps, inputs.shape[0], raw.place)
        split = assemble(split.inputs, target, steps, inputs.shape[0])
    told = [f"--{option.replace('_', '-')}" for option in _OWN if option in options.is_set]
    note = f"{', '.join(told)}: of no effect, since columns are read as the model's own were"
    return Dataset(name, inputs, outputs, split, split, split, split, notes=(note,) * bool(told))


def _refuse_faults(faults: tuple[Fault, ...], problems: Problems) -> None:
    """Add cells that the model cannot use to the problems, those of a column and kind together."""
    kinds: dict[tuple[str, str], list[Fault]] = defaultdict(list)
    for fault in faults:
        what = "counts as missing" if fault.value is None else "is not what the model knows"
        kinds[fault.column, what].append(fault)
    for (column, what), found in kinds.items():
        cells = {fault.row: _cell(fault) for fault in found}
        allowed = f"allowed are: {found[0].of.allowed}"
        problems.add(Problem(column, allowed, what, sorted(cells), cells.__getitem__))


def _cell(fault: Fault) -> str:
    return quoted(fault.value) if isinstance(fault.value, str | float) else "the cell"


def _target(table: Table, names: tuple[str, ...], outputs: OutputSpec, problems: Problems) -> Target:
    if outputs.task == "regression":
        columns = [number_values(table, name, problems, "the model predicts numbers") for name in outputs.names]
        return Target(torch.from_numpy(np.stack(columns, 1)), names, False, names)
    cells = table.columns[names[0]]
    places = places_among(outputs.names, cells.values)
    known = f"classes of the model are: {', '.join(outputs.names)}"
    refuse(names[0], cells, (places < 0).tolist(), "is no class of the model", known, problems)
    index = np.append(places, 0)[cells.index]
    return Target(torch.from_numpy(index), outputs.names, True, names)


def _check_length(steps: dict[str, list[int]], most: int, place: str) -> None:
    longest = max(map(len, steps.values()))
    if longest > most:
        raise DataError(
            f"{place} has sequences of {longest} steps, the model takes {most}; --steps {most} keeps the last of each"
        )


def _same_labels(found: OutputSpec, known: OutputSpec, place: str) -> OutputSpec:
    """Return the labels of the model, which those of the data are in their order."""
    if found.size != known.size:
        counts = f"y has {found.size} columns, and the model {known.size} labels"
        raise DataError(f"{place}: {counts}: {', '.join(known.names)}")
    return known


def _renumbered(targets: Tensor, found: OutputSpec, known: OutputSpec, place: str) -> Tensor:
    """Return class numbers of the data as those of the model."""
    if strange := [name for name in found.names if name not in known.names]:
        raise UnknownClassError(
            f"{place} has the class {strange[0]!r}, which the model does not know: {', '.join(known.names)}"
        )
    if found.names == known.names and found.ignore == known.ignore:
        return targets
    index = torch.arange(max(256, len(known.names)))
    index[: len(found.names)] = torch.tensor([known.names.index(name) for name in found.names])
    if found.ignore is not None:
        index[found.ignore] = VOID if known.ignore is None else known.ignore

    def renumber(row: Tensor) -> Tensor:
        return torch.where(row == VOID, row.long(), index[row.long().clamp_min(0)])

    return targets.mapped(renumber, torch.int64) if isinstance(targets, FileRows) else renumber(targets)
