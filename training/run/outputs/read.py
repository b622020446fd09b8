"""Files of a model's outputs beside the outcomes: what is in them, checked, as rows and targets."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.errors import did_you_mean, list_names
from models.prediction.outputs_form import FEATURES, LEAST_PROBABILITY, Given, OutputsForm, check_finite
from models.specs import OutputSpec, Task
from training.data.dataset import moments
from training.errors import DataError

OUTCOMES, CLASSES, TARGETS = "outcomes", "classes", "targets"
_GIVEN = ("logits", "probabilities", "mean", "variance")
_ARRAYS = (*_GIVEN, OUTCOMES, FEATURES, CLASSES, TARGETS)
_FEWEST_ROWS = 60
_NORMALISED = 0.02
"""Largest logarithm of a sum of probabilities, as of 16 bits."""
_MOST_NAMES = 8

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Named:
    """What the command line says of a file of outputs.

    Attributes:
        classes: Names of the classes; empty for those in the file, or numbers.
        targets: Names of the targets likewise.
        task: Kind of outcome; ``None`` for what the file looks like.
    """

    classes: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    task: Task | None = None


@dataclass(frozen=True)
class OutputsFile:
    """The outputs of a model on rows that it was not trained on, with their outcomes.

    Attributes:
        form: Form of the outputs.
        outputs: Specification of the outcome.
        rows: Rows as a calibration keeps them, ``(N, size)``.
        targets: Class indices ``(N,)``, or values ``(N, T)``.
        notes: Sentences on what was decided for the user.
    """

    form: OutputsForm
    outputs: OutputSpec
    rows: Tensor
    targets: Tensor
    notes: tuple[str, ...]

    @property
    def is_normalised(self) -> bool:
        """Whether outputs are logarithms of probabilities, so that their size says nothing."""
        classified = self.form.given in ("logits", "probabilities")
        first = self.rows[:, : self.outputs.size]
        return classified and bool((first.logsumexp(-1).abs() < _NORMALISED).all())


def read_outputs(path: Path, named: Named) -> OutputsFile:
    """Return the outputs and outcomes in an NPZ file.

    Args:
        path: The file: ``logits`` or ``probabilities`` ``(N, C)``, or ``mean`` and ``variance`` ``(N, T)``, or draws of
            them ``(S, N, ...)``; ``outcomes`` ``(N,)`` or ``(N, T)``; and perhaps ``features`` ``(N, F)`` and the names
            of ``classes`` or ``targets``.
        named: What the command line says of it.

    Raises:
        CredenceError: naming what is given, what is allowed and what to do.
        OSError: if it cannot be read.
    """
    arrays = _load(path)
    given = _given(arrays)
    classified = given in ("logits", "probabilities")
    _check_options(named, given, classified=classified)
    notes: list[str] = []
    _drop_single_draw(arrays, notes)
    rows = _count_rows(arrays)
    if classified:
        outputs, targets = _classes(arrays, named, notes)
    else:
        outputs, targets = _targets(arrays, named, notes)
    drawn = next(arrays[name] for name in _GIVEN if name in arrays)
    features = arrays[FEATURES].shape[1] if FEATURES in arrays else 0
    form = _form(given, len(drawn) if drawn.ndim == 3 else 0, features)
    notes += _describe(form, outputs, rows)
    packed, _ = form.pack({name: arrays[name] for name in form.arrays}, outputs)
    _check_draws(arrays, form)
    return OutputsFile(form, outputs, torch.from_numpy(packed), targets, tuple(notes))


def _load(path: Path) -> Arrays:
    """Return the arrays of a file, those of numbers as numbers."""
    try:
        with path.open("rb") as handle, np.load(handle, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (ValueError, zipfile.BadZipFile, EOFError, KeyError, AttributeError, TypeError) as error:
        raise DataError(
            f"{path.name} is no NPZ file of plain arrays: write it with numpy.savez({path.stem}.npz, logits=...,"
            " outcomes=...), names as texts and not as objects"
        ) from error
    for name in arrays:
        if name not in _ARRAYS:
            hint = did_you_mean(name, _ARRAYS)
            raise DataError(f"{path.name} holds {name!r}; allowed are {', '.join(_ARRAYS)}{hint}")
        kinds = "iufbUS" if name == OUTCOMES else "US" if name in (CLASSES, TARGETS) else "iuf"
        if arrays[name].dtype.kind not in kinds:
            raise DataError(f"{name} is of type {arrays[name].dtype}; allowed are {_kinds(name)}")
    return arrays


def _kinds(name: str) -> str:
    if name in (CLASSES, TARGETS):
        return "texts"
    return "numbers, or the names of classes" if name == OUTCOMES else "integers and floats"


def _given(arrays: Arrays) -> Given:
    given = [name for name in _GIVEN if name in arrays]
    if given in (["logits"], ["probabilities"], ["mean"]):
        return given[0]  # type: ignore[return-value]
    if given == ["mean", "variance"]:
        return "mean_and_variance"
    raise DataError(
        f"the file holds {' and '.join(given) or 'no outputs'}; give logits, or probabilities, or mean, or mean and"
        " variance"
    )


def _check_options(named: Named, given: Given, *, classified: bool) -> None:
    task = "classification" if classified else "regression"
    if named.task not in (None, task):
        raise DataError(f"--task {named.task} does not go with {given.replace('_', ' ')}, which are of a {task}")
    if named.classes and not classified:
        raise DataError("--labels names classes, and the file holds means: name targets with --target")
    if named.targets and classified:
        raise DataError("--target names the targets of a regression, and the file is of a classification: use --labels")


def _drop_single_draw(arrays: Arrays, notes: list[str]) -> None:
    """Take one draw for one function."""
    for name in _GIVEN:
        if name in arrays and arrays[name].ndim == 3 and len(arrays[name]) == 1:
            arrays[name] = arrays[name][0]
            notes.append(f"{name} holds one draw, which is one function: nothing epistemic is estimated")


def _count_rows(arrays: Arrays) -> int:
    """Return the number of rows that all arrays have."""
    if OUTCOMES not in arrays:
        raise DataError("the file has no outcomes; add what came true of each row, outcomes=(N,)")
    if not arrays[OUTCOMES].ndim:
        raise DataError("outcomes is a single value; allowed is one for each row, (N,)")
    rows = len(arrays[OUTCOMES])
    for name in (*_GIVEN, FEATURES):
        array = arrays.get(name)
        if array is None:
            continue
        shape, allowed = array.shape, f"({rows}, F)" if name == FEATURES else f"({rows}, C) or (draws, {rows}, C)"
        if name in ("mean", "variance") and array.ndim == 1:
            array = arrays[name] = array[:, None]
        leading = 2 if name == FEATURES or array.ndim == 2 else 3
        if array.ndim != leading or array.shape[-2] != rows or not array.shape[-1]:
            swapped = array.ndim == 3 and array.shape[0] == rows
            hint = "; draws come first: use transpose(1, 0, 2)" if swapped and name != FEATURES else ""
            raise DataError(f"{name} has shape {shape}; allowed with {rows} outcomes is {allowed}{hint}")
    if rows < _FEWEST_ROWS:
        raise DataError(f"the file has {rows} rows; give {_FEWEST_ROWS} or more that the model was not trained on")
    return rows


def _classes(arrays: Arrays, named: Named, notes: list[str]) -> tuple[OutputSpec, Tensor]:
    """Return the specification of classes, and the index of each outcome ``(N,)``."""
    given = "logits" if "logits" in arrays else "probabilities"
    size = arrays[given].shape[-1]
    if size < 2:
        raise DataError(
            f"{given} has one column; give one for each class: of a yes or no, "
            + ("0 and the logit, numpy.stack([0 * z, z], -1)" if given == "logits" else "1 - p and p")
        )
    check_finite(given, arrays[given])
    if given == "logits" and _are_probabilities(arrays["logits"]):
        raise DataError("logits holds probabilities (from 0 to 1, adding up to 1): call the array probabilities")
    if TARGETS in arrays:
        raise DataError("targets names the targets of a regression; name classes with the array classes, or --labels")
    names = _names(arrays, CLASSES, named.classes, size, "columns", "--labels")
    if not names:
        notes.append(f"classes are numbered, 0 to {size - 1}")
    indices = _indices(arrays[OUTCOMES], names, size)
    if len(set(indices.tolist())) < 2:
        raise DataError("outcomes are all of one class; give rows of two classes or more")
    names = names or tuple(map(str, range(size)))
    unseen = [name for index, name in enumerate(names) if not (indices == index).any()]
    if unseen:
        notes.append(f"no outcome is {list_names(unseen, _MOST_NAMES)}: nothing is known of how well these are told")
    if given == "probabilities":
        notes.append(f"logits are the logarithms of the probabilities, of which 0 counts as {LEAST_PROBABILITY:g}")
    return OutputSpec("classification", names), torch.from_numpy(indices)


def _are_probabilities(logits: NDArray[Any]) -> bool:
    return bool((logits >= 0).all() and (logits <= 1).all() and (np.abs(logits.sum(-1) - 1) < 1e-3).all())


def _indices(outcomes: NDArray[Any], names: tuple[str, ...], size: int) -> NDArray[np.int64]:
    """Return the column of each outcome, which may be a name or a number."""
    if outcomes.ndim == 2 and outcomes.shape[1] == 1:
        outcomes = outcomes[:, 0]
    if outcomes.ndim != 1:
        raise DataError(f"outcomes has shape {outcomes.shape}; allowed is one class for each row, ({len(outcomes)},)")
    if outcomes.dtype.kind in "US":
        if not names:
            raise DataError("outcomes are names; add the names of the columns in their order: classes=, or --labels")
        texts = outcomes.astype(str).tolist()
        places = {name: place for place, name in enumerate(names)}
        row = next((row for row, text in enumerate(texts) if text not in places), None)
        if row is not None:
            raise DataError(
                f"outcome {row} is {texts[row]!r}; the classes are {list_names(names, _MOST_NAMES)}"
                + did_you_mean(texts[row], names)
            )
        return np.array([places[text] for text in texts], np.int64)
    numbers = outcomes.astype(np.float64)
    bad = ~np.isfinite(numbers) | (numbers != np.floor(numbers)) | (numbers < 0) | (numbers >= size)
    if bad.any():
        row = int(np.argmax(bad))
        from_one = "; classes are counted from 0" if numbers.min() == 1 and numbers.max() == size else ""
        raise DataError(
            f"outcome {row} is {outcomes[row]}; allowed are whole numbers from 0 to {size - 1}, the columns{from_one}"
        )
    return numbers.astype(np.int64)


def _targets(arrays: Arrays, named: Named, notes: list[str]) -> tuple[OutputSpec, Tensor]:
    """Return the specification of the targets of a regression, and their values ``(N, T)``."""
    size, outcomes = arrays["mean"].shape[-1], arrays[OUTCOMES]
    if CLASSES in arrays:
        raise DataError("classes goes with logits; name the columns of mean with the array targets, or --target")
    if outcomes.dtype.kind in "US":
        raise DataError("outcomes are texts; those of a regression are numbers")
    names = _names(arrays, TARGETS, named.targets, size, "columns", "--target")
    values = outcomes[:, None] if outcomes.ndim == 1 else outcomes
    if values.shape != (len(outcomes), size):
        raise DataError(f"outcomes has shape {outcomes.shape}; mean has {size} targets, so ({len(outcomes)}, {size})")
    check_finite(OUTCOMES, values)
    if constant := [i for i in range(size) if (values[:, i] == values[0, i]).all()]:
        raise DataError(f"all outcomes of target {constant[0]} are {values[0, constant[0]]}; give rows that differ")
    if "variance" in arrays and arrays["variance"].shape != arrays["mean"].shape:
        raise DataError(
            f"mean has shape {arrays['mean'].shape}, and variance {arrays['variance'].shape}; give both alike"
        )
    if not names:
        names = tuple(f"target {i}" for i in range(size))
        notes.append(f"targets are named {', '.join(names[:_MOST_NAMES])}")
    targets = torch.from_numpy(values.astype(np.float32))
    return OutputSpec("regression", names, *moments(targets)), targets


def _names(arrays: Arrays, array: str, option: tuple[str, ...], size: int, of: str, flag: str) -> tuple[str, ...]:
    """Return the names of the outputs, by the command line or by the file; none where neither has any."""
    if option and array in arrays and option != tuple(arrays[array].astype(str).tolist()):
        raise DataError(f"{flag} and the array {array} name other things; leave one out")
    names = option or (tuple(arrays[array].astype(str).ravel().tolist()) if array in arrays else ())
    if not all(name.strip() for name in names):
        raise DataError(f"an empty name is given; give each of the {size} {of} a name")
    if names and (len(names) != size or len(set(names)) != size):
        raise DataError(f"{len(set(names))} different names are given for {size} {of}; give one for each")
    return names


def _form(given: Given, draws: int, features: int) -> OutputsForm:
    try:
        return msgspec.convert({"given": given, "draws": draws, "features": features}, OutputsForm)
    except msgspec.ValidationError as error:
        raise DataError(
            f"the file has {draws} draws and {features} features; allowed are at most 1000 and 65536"
        ) from error


def _check_draws(arrays: Mapping[str, NDArray[Any]], form: OutputsForm) -> None:
    if form.draws and all((array[1:] == array[:1]).all() for name, array in arrays.items() if name in _GIVEN):
        raise DataError(
            "all draws are alike, so they are no draws: pass the model in training mode, or give one function, (N, C)"
        )


def _describe(form: OutputsForm, outputs: OutputSpec, rows: int) -> list[str]:
    what = form.given.replace("_", " ")
    draws = f"{form.draws} draws of " if form.draws else ""
    notes = [f"{rows} rows: {draws}{what} of {outputs.size} {'classes' if not outputs.scale else 'targets'}"]
    if not form.draws:
        notes.append("one function, as there are no draws: nothing epistemic is estimated")
    if not form.features:
        notes.append("no features, so that how far a row is from others is not looked at")
    if form.given == "mean":
        notes.append("no variance: the noise is measured, the same for all rows")
        if not form.draws and not form.features:
            notes.append("nothing tells rows apart, so that none is abstained from: draws, features or variances do")
    return notes
