"""A data set in a few lines: how many rows, what a row is, what is predicted."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from models.errors import list_names
from training.data.dataset import Dataset

_MOST_CLASSES = 50


def summarise(dataset: Dataset) -> Iterator[str]:
    """Iterate over sentences on a data set."""
    splits = dataset.train, dataset.validation, dataset.calibration, dataset.test
    counts = [len(split.inputs) for split in splits]
    yield (
        f"{sum(counts)} rows: {counts[0]} to train, {counts[1]} to validate, {counts[2]} to calibrate,"
        f" {counts[3]} to test"
    )
    yield _row(dataset)
    if dataset.outputs is not None:
        yield _outcome(dataset)


def _row(dataset: Dataset) -> str:
    inputs = dataset.inputs
    if inputs.kind == "image":
        channels, height, width = inputs.shape
        allowed = "" if inputs.low is None else f", values {inputs.low:g} to {inputs.high:g}"
        return f"a row is an image of {height} x {width} pixels in {channels} channels{allowed}"
    if inputs.kind == "volume":
        return f"a row is a volume of {' x '.join(map(str, inputs.shape[1:]))} voxels in {inputs.shape[0]} channels"
    if inputs.kind == "sequence":
        return f"a row is a sequence of at most {inputs.shape[0]} steps of {inputs.shape[1]} features"
    return f"a row is {inputs.shape[0]} features"


def _outcome(dataset: Dataset) -> str:
    outputs = dataset.outputs
    assert outputs is not None  # as summarise() says
    each = f" at each of {' x '.join(map(str, dataset.positions))} positions" if dataset.positions else ""
    if outputs.task == "regression":
        values = zip(outputs.names, outputs.mean, outputs.scale, strict=True)
        return f"predicted is{each}: {', '.join(f'{name} (mean {m:.4g}, deviation {s:.4g})' for name, m, s in values)}"
    names = list(outputs.names)
    if outputs.task == "multilabel":
        return f"predicted is{each} yes or no for {len(names)} labels"
    if outputs.task == "classification" and not dataset.positions:
        parts = (dataset.train, dataset.validation, dataset.calibration, dataset.test)
        counts = torch.cat([part.targets.long() for part in parts]).bincount(minlength=len(names)).tolist()
        names = [f"{name} ({count} rows)" for name, count in zip(names, counts, strict=True)]
    return f"predicted is{each} one of {len(outputs.names)} classes: {list_names(names, _MOST_CLASSES)}"
