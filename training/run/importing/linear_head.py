"""The last layer of a graph of one function, taken off it: its weights become an input, with the draws leading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import onnx
import onnx_ir as ir
import torch
from onnx_ir.passes.common import RemoveUnusedNodesPass
from torch import Tensor

from models.prediction.graph import DRAWS, FEATURES, OUTPUTS
from models.prediction.graph_network import LAST_LAYER, READ
from training.errors import ImportModelError
from training.run.export.graph import serialise

_MOVES = ("Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze")
"""Operators that leave each number as it is."""


@dataclass(frozen=True)
class LinearHead:
    """A network apart from its last layer.

    Attributes:
        graph: Serialised graph of rows ``(B, *input_shape)``, and of the last layer's weights of ``S`` draws. All
            before that layer is computed once for all draws; what the layer reads is a further output,
            ``(B, *positions, features)``.
        weight: Weights of the last layer, ``(outputs, features)``.
        bias: Its bias, ``(outputs,)``; ``None`` without one.
    """

    graph: bytes
    weight: Tensor
    bias: Tensor | None

    @property
    def tensors(self) -> dict[str, Tensor]:
        """The last layer's weights by the names of the graph's inputs."""
        named = {"weight": self.weight, **({} if self.bias is None else {"bias": self.bias})}
        return {f"{LAST_LAYER}.{name}": tensor for name, tensor in named.items()}


@dataclass(frozen=True)
class _Layer:
    """A linear layer as it stands in a graph."""

    read: ir.Value
    weight: Tensor
    bias: Tensor | None
    channels_first: bool


def split_last_layer(content: bytes) -> LinearHead:
    """Take the last layer off a graph of one function.

    Args:
        content: Serialised graph of rows alone, whose results are outputs and features, with a linear layer, or a
            convolution of one pixel, at its end.

    Raises:
        ImportModelError: if it ends with anything else.
    """
    model = ir.from_proto(onnx.load_model_from_string(content))
    graph = model.graph
    _rename_alike(graph)
    layer = _find_layer(graph)
    outputs, features = (next(value for value in graph.outputs if value.name == name) for name in (OUTPUTS, FEATURES))
    _check_positions(layer, outputs)
    read = _channels_last(graph, layer, outputs)
    drawn = _multiply(graph, read, layer, outputs)
    graph.outputs[:] = [drawn, _unsqueezed(graph, features), read]
    outputs.name, drawn.name = f"{LAST_LAYER}.{OUTPUTS}_of_one", OUTPUTS
    RemoveUnusedNodesPass()(model)
    graph.sort()
    return LinearHead(serialise(model), layer.weight, layer.bias)


def _rename_alike(graph: ir.Graph) -> None:
    """Give what has a name such as this module gives another one."""
    made = [value for node in graph for value in node.outputs]
    for value in [*graph.initializers.values(), *made]:
        if (value.name or "").startswith(f"{LAST_LAYER}."):
            value.name = f"their.{value.name}"


def _find_layer(graph: ir.Graph) -> _Layer:
    value = next(value for value in graph.outputs if value.name == OUTPUTS)
    node = _producer(value)
    while node.op_type in _MOVES:
        assert node.inputs[0] is not None  # as it moves something
        node = _producer(node.inputs[0])
    added = None
    if node.op_type == "Add":
        constants = {value: constant for value in node.inputs if (constant := _constant(value)) is not None}
        (added,) = constants.values() if len(constants) == 1 else (None,)
        node = next((v.producer() for v in node.inputs if v and v not in constants), None) or node
    layer = _layer(node, added)
    if layer is None:
        end = "two heads" if node.op_type == "Concat" else f"the operator {node.op_type}"
        raise _refusal(f"ends with {end}")
    return layer


def _producer(value: ir.Value) -> ir.Node:
    node = value.producer()
    if node is None:
        raise _refusal("has no layer at its end")
    return node


def _layer(node: ir.Node, added: Tensor | None) -> _Layer | None:
    """Return a node as a linear layer; ``None`` if it is none."""
    read, weight = node.inputs[0] if node.inputs else None, _constant(node.inputs[1]) if len(node.inputs) > 1 else None
    if read is None or weight is None or _constant(read) is not None:
        return None
    bias = _constant(node.inputs[2]) if len(node.inputs) > 2 else added
    if bias is not None and bias.ndim != 1:
        return None
    if node.op_type == "MatMul" and weight.ndim == 2:
        return _Layer(read, weight.T, bias, channels_first=False)
    if node.op_type == "Gemm" and added is None and _plain_product(node):
        return _Layer(read, weight if _number(node, "transB", 0) else weight.T, bias, channels_first=False)
    if node.op_type == "Conv" and added is None and _of_one_pixel(node, weight):
        return _Layer(read, weight.flatten(1), bias, channels_first=True)
    return None


def _plain_product(node: ir.Node) -> bool:
    return _number(node, "alpha", 1) == 1 and _number(node, "beta", 1) == 1 and not _number(node, "transA", 0)


def _of_one_pixel(node: ir.Node, weight: Tensor) -> bool:
    single = all(length == 1 for length in weight.shape[2:]) and _number(node, "group", 1) == 1
    return single and not any(_numbers(node, "pads")) and all(step == 1 for step in _numbers(node, "strides"))


def _number(node: ir.Node, name: str, default: float) -> float:
    attribute = node.attributes.get(name)
    return default if attribute is None else float(attribute.value)


def _numbers(node: ir.Node, name: str) -> Sequence[int]:
    attribute = node.attributes.get(name)
    return () if attribute is None else attribute.as_ints()


def _constant(value: ir.Value | None) -> Tensor | None:
    """Return what a value always is, as an initialiser or of nodes that read no input; ``None`` if it varies."""
    if value is None:
        return None
    if value.const_value is not None:
        return torch.from_numpy(value.const_value.numpy().copy())
    node = value.producer()
    if node is None or node.op_type not in ("Constant", "Identity", "Transpose"):
        return None
    if node.op_type == "Constant":
        return (
            torch.from_numpy(node.attributes["value"].as_tensor().numpy().copy())
            if "value" in node.attributes
            else None
        )
    made_of = _constant(node.inputs[0])
    if made_of is None or node.op_type == "Identity":
        return made_of
    return made_of.permute(*_numbers(node, "perm")) if "perm" in node.attributes else made_of.mT


def _check_positions(layer: _Layer, outputs: ir.Value) -> None:
    """Refuse a layer whose results are brought together after it, so that a row's answer is several of them."""
    assert layer.read.shape is not None  # torch and ONNX infer it
    assert outputs.shape is not None
    if len(layer.read.shape) != len(outputs.shape):
        raise _refusal("changes the form of what its last layer returns")


def _channels_last(graph: ir.Graph, layer: _Layer, outputs: ir.Value) -> ir.Value:
    """Return what the layer reads, with the features last, as an output of the graph."""
    assert outputs.shape is not None  # it was looked at
    axes = list(range(len(outputs.shape)))
    order = [0, *axes[2:], 1] if layer.channels_first else axes
    node = ir.node("Transpose", [layer.read], {"perm": order})
    return _added(graph, node, READ, [*list(outputs.shape)[:-1], layer.weight.shape[1]])


def _multiply(graph: ir.Graph, read: ir.Value, layer: _Layer, outputs: ir.Value) -> ir.Value:
    r"""Return the outputs of all draws, :math:`\phi W_s^\top + b_s`, ``(S, B, *positions, outputs)``."""
    size, features = layer.weight.shape
    assert outputs.shape is not None  # it was looked at
    lengths = list(outputs.shape)
    weight = _input(graph, "weight", [DRAWS, size, features])
    flat = _node(graph, "Reshape", [read, _ints(graph, "one_by_all", [1, -1, features])])
    drawn = _node(graph, "MatMul", [flat, _node(graph, "Transpose", [weight], {"perm": [0, 2, 1]})])
    if layer.bias is not None:
        bias = _input(graph, "bias", [DRAWS, size])
        drawn = _node(graph, "Add", [drawn, _node(graph, "Unsqueeze", [bias, _ints(graph, "axis_1", [1])])])
    draws = _node(graph, "Shape", [weight], {"start": 0, "end": 1})
    rows = _node(graph, "Shape", [read], {"start": 0, "end": len(lengths) - 1})
    shape = _node(graph, "Concat", [draws, rows, _ints(graph, "outputs_of_one", [size])], {"axis": 0})
    return _added(graph, ir.node("Reshape", [drawn, shape]), f"{LAST_LAYER}.outputs_of_draws", [DRAWS, *lengths])


def _unsqueezed(graph: ir.Graph, features: ir.Value) -> ir.Value:
    """Return the features with one draw leading, as they are the same in all."""
    assert features.shape is not None  # as an output's
    lengths = [1, *features.shape]
    features.name = f"{LAST_LAYER}.{FEATURES}_of_one"
    return _added(graph, ir.node("Unsqueeze", [features, _ints(graph, "axis_0", [0])]), FEATURES, lengths)


def _node(
    graph: ir.Graph, operator: str, inputs: list[ir.Value], attributes: dict[str, object] | None = None
) -> ir.Value:
    node = ir.node(operator, inputs, attributes)  # type: ignore[arg-type]
    graph.append(node)
    node.outputs[0].name = f"{LAST_LAYER}.{operator}_{len(graph)}"
    return node.outputs[0]


def _added(graph: ir.Graph, node: ir.Node, name: str, lengths: Sequence[object]) -> ir.Value:
    graph.append(node)
    (value,) = node.outputs
    value.name, value.type, value.shape = name, ir.TensorType(ir.DataType.FLOAT), ir.Shape(lengths)  # type: ignore
    return value


def _input(graph: ir.Graph, name: str, lengths: Sequence[int | str]) -> ir.Value:
    value = ir.val(f"{LAST_LAYER}.{name}", ir.DataType.FLOAT, lengths)
    graph.inputs.append(value)
    return value


def _ints(graph: ir.Graph, name: str, numbers: Sequence[int]) -> ir.Value:
    value = ir.val(f"{LAST_LAYER}.{name}", const_value=ir.tensor(numbers, ir.DataType.INT64))
    graph.register_initializer(value)
    return value


def _refusal(what: str) -> ImportModelError:
    return ImportModelError(
        f"laplace needs a network that ends with a linear layer or a convolution of one pixel, and this one {what}:"
        " return what that layer returns, or take --posterior mc_dropout or deterministic"
    )
