"""Dropout as data: a pass over a trace that turns each dropout into a product with an input of its own."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import fx

from models.noise import ScaledBernoulli, Site
from training.errors import ImportModelError
from training.run.importing.attention import attend
from training.run.importing.lines import line_of_node, quote
from training.run.importing.other_generators import DROPOUT_REMEDY
from training.run.importing.rows_axis import Lengths, RowsAxis

_ATEN = torch.ops.aten
_PRODUCTS: dict[Any, Any] = {
    _ATEN.dropout.default: _ATEN.mul.Tensor,
    _ATEN.feature_dropout.default: _ATEN.mul.Tensor,
    _ATEN.dropout_.default: _ATEN.mul_.Tensor,
    _ATEN.feature_dropout_.default: _ATEN.mul_.Tensor,
}
"""The product that stands in for each dropout; one that writes into its argument for one that does."""
_WHOLE = (_ATEN.feature_dropout.default, _ATEN.feature_dropout_.default)
_ATTENTION = _ATEN.scaled_dot_product_attention.default
_ATTENTION_NAMES = ("attn_mask", "dropout_p", "is_causal", "scale", "enable_gqa")
"""The arguments of attention after query, key and value."""
_BAGS = (_ATEN.embedding_bag.default, _ATEN.embedding_bag.padding_idx, _ATEN._embedding_bag.default)
_BERNOULLI = (_ATEN.bernoulli_.float, _ATEN.bernoulli.p)


@dataclass(frozen=True)
class DropoutSite:
    """A dropout that a network has, or that was added to it.

    Attributes:
        name: Name of the module that drops; with ``@file:line`` where the user's own code does. The further uses of
            one module or line end in ``#2``, ``#3``.
        shape: Shape of one row's mask.
        probability: Probability that an element, or a channel, is dropped.
        whole_channels: Whether channels are dropped as a whole.
        place: File and line of the user's code, to be read by people.
    """

    name: str
    shape: tuple[int, ...]
    probability: float
    whole_channels: bool
    place: str

    @property
    def mask(self) -> str:
        """The name of the graph's input."""
        return f"{self.name}.mask"

    @property
    def noise(self) -> Site:
        """The distribution of the masks of one draw."""
        return Site(self.mask, self.shape, ScaledBernoulli(1 - self.probability))


@dataclass(frozen=True)
class Dropout:
    """A node of a trace that drops.

    Attributes:
        node: Node.
        site: Its site, with the probability that the user's code has.
        axis: Axis of the rows of what the mask is multiplied by; ``None`` if it is the same for all rows.
    """

    node: fx.Node
    site: DropoutSite
    axis: RowsAxis | None


def find_dropouts(graph: fx.Graph, added: tuple[str, ...]) -> list[Dropout]:
    """Return the dropouts of a trace, those of probability zero too.

    Args:
        graph: The trace of a :class:`~training.run.importing.trace.Traced`.
        added: The names of the dropouts that were added to it.

    Raises:
        ImportModelError: naming a line whose randomness is no dropout that could be data.
    """
    lengths = Lengths(graph)
    uses: Counter[str] = Counter()
    found = []
    for node in graph.nodes:
        _refuse_randomness_inside(node)
        probability = _probability(node)
        if probability is None:
            refuse_randomness(node)
            continue
        name = _name(node, added)
        uses[name] += 1
        numbered = name if uses[name] == 1 else f"{name}#{uses[name]}"
        found.append(_dropout(node, numbered, probability, lengths))
    return found


def _probability(node: fx.Node) -> float | None:
    """Return the probability with which a node drops; ``None`` if it does not."""
    if node.target in _PRODUCTS:
        return float(node.args[1]) if node.args[2] else None  # type: ignore[arg-type]
    if node.target is _ATTENTION:
        return float(_argument(node, 4, "dropout_p", 0.0))
    if node.target in _BERNOULLI:
        return 1 - _keep(node)
    return None


def _keep(node: fx.Node) -> float:
    """Return the probability of a one, by which the user's own code divides."""
    return float(_argument(node, 1, "p", 0.5))


def _argument(node: fx.Node, position: int, name: str, default: Any) -> Any:
    return node.args[position] if len(node.args) > position else node.kwargs.get(name, default)


def _name(node: fx.Node, added: tuple[str, ...]) -> str:
    """Return the name of the module that a node belongs to, with the line where the module's code is the user's."""
    path, kind = list(node.meta["nn_module_stack"].values())[-1]
    head, _, tail = path.partition(".")
    if head == "dropouts":
        return added[int(tail)]
    if str(kind).startswith("torch.nn."):
        return str(tail)
    file, number = line_of_node(node)
    line = f"@{Path(file).name}:{number}" if file else ""
    return f"{tail}{line}".removeprefix("@") or "dropout"


def _dropout(node: fx.Node, name: str, probability: float, lengths: Lengths) -> Dropout:
    file, number = line_of_node(node)
    place = f"{Path(file).name}, line {number}" if file else ""
    if not 0 <= probability < 1:
        raise ImportModelError(
            f"{quote((file, number))}{name} drops with probability {probability:g}, which leaves nothing"
        )
    shape = _mask_shape(node)
    axis = lengths.axis_of(shape)
    if axis is None and not (shape and shape[0] == 1 and all(isinstance(length, int) for length in shape)):
        raise ImportModelError(
            f"{quote((file, number))}{name} drops a tensor {_words(shape)} without an axis of rows, as a weight is:"
            " drop activations of shape (rows, ...)"
        )
    others = tuple(length for i, length in enumerate(shape) if i != (axis.index if axis else 0))
    if axis and axis.factor > 1:
        others = (axis.factor, *others)
    return Dropout(node, DropoutSite(name, others, probability, node.target in _WHOLE, place), axis)


def _words(shape: tuple[Any, ...]) -> str:
    return f"({', '.join(str(length) if isinstance(length, int) else 'rows' for length in shape)})"


def _mask_shape(node: fx.Node) -> tuple[Any, ...]:
    """Return the shape of what a node draws."""
    if node.target is _ATTENTION:
        query, key = (argument.meta["val"].shape for argument in node.args[:2])  # type: ignore[union-attr]
        return (*query[:-1], key[-2])
    shape = tuple(node.args[0].meta["val"].shape)  # type: ignore[union-attr]
    return (*shape[:2], *(1 for _ in shape[2:])) if node.target in _WHOLE else shape


def multiply_masks(graph: fx.Graph, dropouts: list[Dropout]) -> None:
    """Turn dropouts into products with masks, further placeholders ``(B, *site shape)``, in place.

    A mask is ``1 / keep`` where an element stays and 0 where it is dropped; one of ones leaves everything as it is in
    evaluation mode.
    """
    last = next(node for node in graph.nodes if node.op == "placeholder")
    for number, dropout in enumerate(dropouts):
        with graph.inserting_after(last):
            last = graph.placeholder(f"mask_{number}")
        with graph.inserting_before(dropout.node):
            _replace(graph, dropout, _aligned(graph, last, dropout.axis))


def _aligned(graph: fx.Graph, mask: fx.Node, axis: RowsAxis | None) -> fx.Node:
    """Return a mask with its axis of rows where the tensor has its own."""
    if axis is None:
        return mask
    if axis.factor > 1:
        mask = graph.call_function(_ATEN.flatten.using_ints, (mask, 0, 1))
    return graph.call_function(_ATEN.movedim.int, (mask, 0, axis.index)) if axis.index else mask


def _replace(graph: fx.Graph, dropout: Dropout, mask: fx.Node) -> None:
    node = dropout.node
    if node.target is _ATTENTION:
        product = graph.call_function(attend, (*node.args[:3], mask), _attention_arguments(node))
    elif node.target in _BERNOULLI:
        product = graph.call_function(_ATEN.mul.Tensor, (mask, _keep(node)))
    else:
        product = graph.call_function(_PRODUCTS[node.target], (node.args[0], mask))
    product.meta = node.meta  # its shape, and the line that it comes from
    node.replace_all_uses_with(product)
    graph.erase_node(node)


def _attention_arguments(node: fx.Node) -> dict[str, Any]:
    given = dict(zip(_ATTENTION_NAMES, node.args[3:], strict=False)) | node.kwargs
    return {name: value for name, value in given.items() if name != "dropout_p"}


def skip_dropouts(graph: fx.Graph, dropouts: list[Dropout]) -> None:
    """Let dropouts drop nothing, in place."""
    for dropout in dropouts:
        node = dropout.node
        if node.target is _ATTENTION:
            node.args, node.kwargs = node.args[:3], {**_attention_arguments(node), "dropout_p": 0.0}
            continue
        (kept,) = node.all_input_nodes
        if node.target in _BERNOULLI:
            with graph.inserting_before(node):
                kept = graph.call_function(_ATEN.full_like.default, (kept, _keep(node)))
        node.replace_all_uses_with(kept)
        graph.erase_node(node)


def _refuse_randomness_inside(node: fx.Node) -> None:
    """Refuse randomness in a part of a network that runs in a context of its own, as under ``torch.autocast``."""
    part = getattr(node.graph.owning_module, str(node.target), None) if node.op == "get_attr" else None
    for inner in part.graph.nodes if isinstance(part, fx.GraphModule) else ():
        _refuse_randomness_inside(inner)
        if _probability(inner) or _reason(inner):
            raise ImportModelError(
                f"{quote(line_of_node(inner))}{_module(inner)}draws random numbers inside a context such as"
                " torch.autocast or a branch of torch.cond: leave the context out of forward"
            )


def refuse_randomness(node: fx.Node) -> None:
    """Refuse a node that draws random numbers, or that mixes rows by the statistics of a batch.

    Raises:
        ImportModelError: naming the line, with the remedy.
    """
    reason = _reason(node)
    if reason:
        raise ImportModelError(f"{quote(line_of_node(node))}{_module(node)}{reason}")


def _module(node: fx.Node) -> str:
    path, kind = list((node.meta.get("nn_module_stack") or {"": ("", "")}).values())[-1]
    name = path.partition(".")[2]
    return f"{name} ({kind.rpartition('.')[2]}) " if name else "the network "


def _reason(node: fx.Node) -> str:
    target = node.target
    if target in (_ATEN.lstm.input, _ATEN.gru.input, _ATEN.rnn_tanh.input, _ATEN.rnn_relu.input):
        _weights, _biases, layers, dropout, training = node.args[2:7]
        return _RECURRENT if training and dropout and layers > 1 else ""  # type: ignore[operator]
    if target in _BAGS:
        return "becomes a loop, which no graph may have: use nn.Embedding, and .mean(1) or .sum(1) of what it returns"
    if target is _ATEN.batch_norm.default and node.args[5]:
        return _STATISTICS
    if isinstance(target, torch._ops.OpOverload) and "alpha_dropout" in str(target):
        return _ALPHA if node.args[2] else ""
    random = isinstance(target, torch._ops.OpOverload) and torch.Tag.nondeterministic_seeded in target.tags
    off = target in _PRODUCTS or target is _ATTENTION or (target is _ATEN.rrelu.default and not node.args[3])
    if random and not off:
        return (
            f"draws random numbers ({str(target).split('.')[1]}) that no seed of a request controls: {DROPOUT_REMEDY}"
        )
    return ""


_RECURRENT = (
    "drops between its layers where no mask can reach: make it one nn.LSTM or nn.GRU a layer with nn.Dropout between"
)
_STATISTICS = (
    "normalises by the statistics of the batch, so that a row's answer depends on the rows beside it: use"
    " nn.BatchNorm with track_running_stats=True, or a normalisation of each row such as GroupNorm"
)
_ALPHA = "is alpha dropout, which is no product with a mask: use nn.Dropout"
