"""A model's description from what it takes and answers, where its recipe was made for other data."""

from __future__ import annotations

from models.checkpoints.checkpoint import GeneratorSpec, PredictorSpec
from models.errors import list_names
from models.parts import describe_parts
from models.specs import InputSpec, OutputSpec

_MOST_NAMES = 8


def describe(spec: PredictorSpec | GeneratorSpec) -> str:
    """Return what a model predicts from what, and which components it is made of; there is no full stop at the end."""
    if isinstance(spec, GeneratorSpec):
        return f"generator of {_inputs(spec.images)}: family {spec.generator.name}"
    parts = f"network {spec.network.name}, posterior {spec.posterior.name}, likelihood {spec.likelihood.name}"
    return f"{_outcome(spec.outputs)} from {_inputs(spec.inputs)}: {parts}"


def _outcome(outputs: OutputSpec) -> str:
    names = list_names(outputs.names, _MOST_NAMES)
    return {
        "regression": f"regression of {names}",
        "classification": f"classification into {outputs.size} classes ({names})",
        "segmentation": f"segmentation into {outputs.size} classes ({names})",
        "multilabel": f"yes or no for each of {outputs.size} labels ({names})",
    }[outputs.task]


def _inputs(inputs: InputSpec) -> str:
    if inputs.kind == "image":
        channels, height, width = inputs.shape
        return f"{'grey' if channels == 1 else f'{channels}-channel'} images of {height} x {width} pixels"
    if inputs.kind == "volume":
        channels, depth, height, width = inputs.shape
        return f"{channels}-channel volumes of {depth} x {height} x {width} voxels"
    if inputs.parts:
        return describe_parts(inputs)
    if inputs.kind == "tokens":
        return f"{inputs.shape[0]} ids of 0 to {inputs.high:.0f}"
    if inputs.kind == "outputs":
        return "the outputs of a model that lives elsewhere"
    columns = [column.name for column in inputs.table.columns] if inputs.table is not None else inputs.names
    table = f"{inputs.shape[-1]} features without names"
    if columns:
        table = f"{len(columns)} column{'s' * (len(columns) != 1)} ({list_names(columns, _MOST_NAMES)})"
    return table if inputs.kind == "table" else f"sequences of up to {inputs.shape[0]} steps of {table}"
