"""The results of a stranger's network, brought into the form of this house: its outputs are the last axis."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any, cast

import torch
from torch import Tensor, fx

from models.specs import Task
from training.errors import ImportModelError
from training.run.importing.bounds import Bounds, find_bounds, function_of
from training.run.importing.last_layer import find_last_layer, is_linear
from training.run.importing.lines import line_of_node, quote
from training.run.importing.rows_axis import Lengths, RowsAxis

_ATEN = torch.ops.aten
_POSITIVE = (
    *(_ATEN.softmax.int, _ATEN.sigmoid.default),
    *(_ATEN.softplus.default, _ATEN.exp.default, _ATEN.relu.default, _ATEN.abs.default),
)
_ALIKE = ("clone", "contiguous", "to", "_to_copy", "alias", "detach", "view", "reshape")
_ADDED = (_ATEN.add.Tensor, _ATEN.clamp.default, _ATEN.clamp_min.default)
"""What may follow the function that makes a head positive."""
_TINY = 1e-12

PROBABILITIES = "probabilities"
_LEAST = torch.finfo(torch.float32).tiny
"""Least probability whose logarithm is taken: the smallest normal number."""
_NAMES = {
    "log-variance": "log_var logvar log_variance log_sigma2 log_sigma_squared",
    "variance": "var variance sigma2 sigma_squared",
    "standard deviation": "std stddev std_dev stdev sd sigma scale standard_deviation",
    "log standard deviation": "log_std log_stddev log_std_dev log_sd log_sigma log_scale log_standard_deviation",
}
"""Names that say which measure of spread a result is; capitals and underscores make no difference."""
_LOGARITHMS: dict[str, Callable[[Tensor], Tensor]] = {
    "log-variance": lambda head: head,
    "log standard deviation": lambda head: 2 * head,
    "variance": lambda head: head.clamp_min(_TINY).log(),
    "standard deviation": lambda head: 2 * head.clamp_min(_TINY).log(),
    PROBABILITIES: lambda head: head.clamp_min(_LEAST).log(),
}
"""The log-variance that each measure of spread comes to, and the logits of probabilities."""


@dataclass(frozen=True)
class Head:
    """A tensor of a network's results.

    Attributes:
        index: Its position among all results.
        channels_first: Whether its outputs are the axis after that of the rows.
        is_map: Whether it has one output for each pixel of the rows, and no axis of outputs.
        measure: The measure of spread that it is, or probabilities of classes; empty for means and logits.
        name: Name of the result.
    """

    index: int
    channels_first: bool
    measure: str = ""
    is_map: bool = False
    name: str = "the network's result"


@dataclass(frozen=True)
class Outputs:
    """The form of what a captured network returns.

    Attributes:
        width: Number of outputs: of classes, or of targets, twice that of two heads.
        positions: Shape of the positions of one row, as the pixels of a map; ``()`` for one answer a row.
        heads: 2 for means and log-variances of regression, half of the outputs each; else 1.
        taken: What was made of the network's results, in words.
        activation: The function that one head ends in, such as ``softmax``; empty where it ends in a layer.
        task: Kind of outcome that the end of the network shows; ``None`` if it may be several.
        no_log_variance: Reason why the second half of the outputs is no log-variance; empty if it may be one.
        doubt: Caution on what the second half of the outputs, or the second head, was on rows of noise.
        unit: ``always`` if the outputs are between 0 and 1 for any row, ``seen`` if they were on rows of noise; else
            empty.
    """

    width: int
    positions: tuple[int, ...]
    heads: int
    taken: str
    activation: str = ""
    task: Task | None = None
    no_log_variance: str = ""
    doubt: str = ""
    unit: str = ""


def arrange(results: Sequence[Any], heads: Sequence[Head]) -> Tensor:
    """Return outputs ``(B, *positions, outputs)`` of a network's results.

    Args:
        results: All results, one after the other; a tensor of a head is ``(B,)``, ``(B, outputs)``,
            ``(B, *positions, outputs)`` or, with channels first, ``(B, outputs, *positions)``.
        heads: The results that are taken; the second is a spread.
    """
    tensors = [_arrange_one(results[head.index], head) for head in heads]
    return torch.cat(tensors, -1) if len(tensors) > 1 else tensors[0]


def _arrange_one(tensor: Tensor, head: Head) -> Tensor:
    has_no_axis = head.is_map or tensor.ndim == 1
    last = tensor.unsqueeze(-1) if has_no_axis else tensor.movedim(1, -1) if head.channels_first else tensor
    return log_of(last, head.measure) if head.measure else last


def log_of(head: Tensor, measure: str) -> Tensor:
    """Return the log-variance of a measure of spread, or the logits of probabilities, in the shape of the head."""
    return _LOGARITHMS[measure](head)


def find_heads(graph: fx.Graph, structure: Any) -> tuple[list[Head], str]:
    """Return which results of a trace are taken, and how in words.

    Args:
        graph: The trace, whose output is a tuple of all results.
        structure: What the network returns, with the position of each result in its place.

    Raises:
        ImportModelError: if it is no tensor, and no two of one shape.
    """
    (results,) = cast("tuple[tuple[Any, ...]]", graph.output_node().args)
    tensors = {name: i for name, i in _named(structure).items() if isinstance(results[i], fx.Node)}
    shapes = {name: _shape(graph, name, results[i]) for name, i in tensors.items()}
    if len(tensors) not in (1, 2) or len(set(shapes.values())) > 1:
        listed = ", ".join(f"{name} {_words(shape)}" for name, shape in shapes.items()) or "no tensor"
        raise ImportModelError(
            f"the network returns {listed}: return one tensor (rows, outputs) or (rows, outputs, height, width), or a"
            " mean and a log-variance of one shape"
        )
    shape = next(iter(shapes.values()))
    if is_map := shape == _pixels(graph):
        firsts, words = dict.fromkeys(tensors, False), f"{_words(shape)} with one output a pixel"
    else:
        firsts = {name: _channels_first(graph, results[i]) for name, i in tensors.items()}
        words = _layout(shape, next(iter(firsts.values())))
    if len(tensors) == 1:
        ((name, index),) = tensors.items()
        words += f" of {name}" if isinstance(structure, Mapping) else ""
        heads, words = _one_head(index, results[index], firsts[name], words)
        return [replace(heads[0], is_map=is_map)], words
    named = isinstance(structure, Mapping) or hasattr(structure, "_fields")
    mean, spread, measure = _mean_and_spread(tensors, results, find_bounds(graph), named=named)
    heads = [
        Head(tensors[mean], firsts[mean], is_map=is_map),
        Head(tensors[spread], firsts[spread], measure, is_map, spread),
    ]
    return heads, f"{words}, two heads: {mean} is the mean, {spread} the {measure}"


def _one_head(index: int, node: fx.Node, channels_first: bool, words: str) -> tuple[list[Head], str]:
    activation = _activation(node)
    if activation == "softmax":
        return [Head(index, channels_first, PROBABILITIES)], f"{words}, a softmax whose logarithm is taken"
    return [Head(index, channels_first)], f"{words}, which end in {activation}" if activation else words


def describe_outputs(graph: fx.Graph, heads: Sequence[Head], taken: str) -> Outputs:
    """Return the form of the outputs of results that are taken."""
    (results,) = cast("tuple[tuple[Any, ...]]", graph.output_node().args)
    node = results[heads[0].index]
    shape = [int(length) for length in node.meta["val"].shape[1:]] or [1]
    shape = [*shape, 1] if heads[0].is_map else shape
    ordered = [*shape[1:], shape[0]] if heads[0].channels_first else shape
    outputs = Outputs(ordered[-1] * len(heads), tuple(ordered[:-1]), len(heads), taken)
    outputs = replace(outputs, activation=_activation(node) if len(heads) == 1 else "")
    if len(heads) > 1 or heads[0].measure:
        return outputs
    bounds = find_bounds(graph)
    low, high = bounds[node]
    signs = [sign_of(part, bounds) for part in _second_half(node, 1 if heads[0].channels_first else len(shape))]
    reason = "" if None in signs else f"{signs[0][0]}the second half of the outputs is {signs[0][1]}"  # type: ignore[index]
    unit = "always" if 0 <= low < high <= 1 else ""
    return replace(outputs, no_log_variance=reason, unit=unit)


def _pixels(graph: fx.Graph) -> tuple[Any, ...] | None:
    """Return the shape of a row without its channels; ``None`` if rows are no images or volumes."""
    shape = next(node for node in graph.nodes if node.op == "placeholder").meta["val"].shape
    return tuple(shape[2:]) if len(shape) > 3 else None


def _named(structure: Any) -> dict[str, int]:
    """Return the position of each result by its name."""
    if isinstance(structure, int):
        return {"result": structure}
    names = {str(key): value for key, value in structure.items()} if isinstance(structure, Mapping) else {}
    if not names and isinstance(structure, tuple | list):
        fields = getattr(structure, "_fields", None) or [f"result {i + 1}" for i in range(len(structure))]
        names = dict(zip(fields, structure, strict=True))
    nested = [name for name, value in names.items() if not isinstance(value, int | None)]
    if nested or not names:
        what = f"{', '.join(nested)} inside a {type(structure).__name__}" if nested else f"a {type(structure).__name__}"
        raise ImportModelError(f"the network returns {what}: return a tensor, or two in a tuple or a dictionary")
    return {name: value for name, value in names.items() if value is not None}


def _shape(graph: fx.Graph, name: str, node: fx.Node) -> tuple[Any, ...]:
    shape = tuple(node.meta["val"].shape)
    if node.meta["val"].dtype != torch.float32:
        kind = str(node.meta["val"].dtype).removeprefix("torch.")
        raise ImportModelError(f"{quote(line_of_node(node))}the network's {name} is {kind}: return logits or means")
    axis = Lengths(graph).axis_of(shape)
    if axis != RowsAxis(0, 1):
        raise ImportModelError(
            f"{quote(line_of_node(node))}the network's {name} {_plain(shape)} does not have the rows as its first axis:"
            " return (rows, outputs)"
        )
    return shape[1:]


def _words(shape: Sequence[int]) -> str:
    return f"({', '.join(['rows', *map(str, shape)])})"


def _plain(shape: Sequence[Any]) -> str:
    return f"({', '.join(str(length) if isinstance(length, int) else 'rows' for length in shape)})"


def _channels_first(graph: fx.Graph, node: fx.Node) -> bool:
    """Return whether outputs are the second axis: by torch's custom, unless a linear layer made them the last."""
    shape = node.meta["val"].shape
    layer = find_last_layer(graph, [node])
    if len(shape) < 3:
        return False
    made_last = layer is not None and is_linear(layer) and layer.meta["val"].shape[-1] == shape[-1] != shape[1]
    return not made_last


def _layout(shape: Sequence[int], channels_first: bool) -> str:
    if len(shape) < 2:
        return f"{_words(shape)}"
    return f"{_words(shape)} with the outputs as the {'second' if channels_first else 'last'} axis"


def _mean_and_spread(
    tensors: Mapping[str, int], results: Sequence[Any], bounds: Mapping[fx.Node, Bounds], *, named: bool
) -> tuple[str, str, str]:
    """Return the names of the mean and of the spread, and which measure of spread it is."""
    first, second = tensors
    measures = {first: measure_of_spread(first, second), second: measure_of_spread(second, first)}
    if named and bool(measures[first]) == bool(measures[second]):
        which = "both say" if measures[first] else "none says"
        raise ImportModelError(
            f"the network returns {first} and {second}, of which {which} that it is a spread: return one of them, or"
            f' {{"mean": ..., "log_variance": ...}}; the names of a spread are {names_of_spread()}'
        )
    if measures[first]:
        first, second = second, first
    measure = measures[second] or "log-variance"
    if measure.startswith("log") and (sign := sign_of(results[tensors[second]], bounds)):
        raise ImportModelError(
            f"{sign[0]}{second} is {sign[1]}, so it is no {measure}: return a dictionary"
            ' whose keys say what it is, such as {"mean": ..., "variance": ...} or {"mean": ..., "std": ...}'
        )
    return first, second, measure


def sign_of(node: fx.Node, bounds: Mapping[fx.Node, Bounds]) -> tuple[str, str] | None:
    """Return the line that makes a head positive, and how positive it is; ``None`` if it may be negative."""
    low, high = bounds[node]
    if low < 0 or low == high:  # a constant is a log-variance like another
        return None
    return quote(line_of_node(node)), "always positive" if low > 0 else "never negative"


def _second_half(node: fx.Node, axis: int) -> list[fx.Node]:
    """Return the nodes that make the second half of a head's outputs: itself, if its outputs are not put together."""
    while function_of(node) in _ALIKE and node.all_input_nodes[0].meta["val"].shape == node.meta["val"].shape:
        (node,) = node.all_input_nodes[:1]
    name, dimensions = function_of(node), node.meta["val"].ndim
    along: Any = node.args[1] if len(node.args) > 1 else 0
    if name not in ("cat", "stack") or along % dimensions != axis:
        return [node]
    parts: list[fx.Node] = node.args[0]  # type: ignore[assignment]
    ends = list(accumulate(1 if name == "stack" else part.meta["val"].shape[axis] for part in parts))
    return [part for part, end in zip(parts, ends, strict=True) if 2 * end > ends[-1]]


def measure_of_spread(name: str, other: str = "") -> str:
    """Return the measure of spread that a result's name says it is; empty if it says none.

    Args:
        name: Name of the result.
        other: Name of the result that it may be the spread of, as of ``depth`` in ``depth_std``.

    >>> [measure_of_spread(name) for name in ("mean", "logVar", "variance", "sigma", "log_scale", "inv_var")]
    ['', 'log-variance', 'variance', 'standard deviation', 'log standard deviation', '']
    >>> measure_of_spread("depth_std", "depth")
    'standard deviation'
    """
    return _MEASURES.get(_plainly(name)) or _MEASURES.get(_plainly(name.removeprefix(other or name)), "")


def names_of_spread() -> str:
    """Return the names that say that a result is a spread, as a refusal lists them."""
    return "; ".join(f"{names.replace(' ', ', ')} ({measure})" for measure, names in _NAMES.items())


def _plainly(name: str) -> str:
    return re.sub(r":\d+$|[\W_]", "", name).casefold()


_MEASURES = {_plainly(name): measure for measure, names in _NAMES.items() for name in names.split()}


def _activation(node: fx.Node) -> str:
    """Return the name of the function that makes a result positive; empty if none does."""
    while node.target in (*_ADDED, _ATEN.squeeze.dim, _ATEN.unsqueeze.default, _ATEN.view.default) and not _adds_tensor(
        node
    ):
        node = node.args[0]  # type: ignore[assignment]
    return str(node.target).split(".")[1] if node.target in _POSITIVE else ""


def _adds_tensor(node: fx.Node) -> bool:
    return node.target is _ATEN.add.Tensor and isinstance(node.args[1], fx.Node)
