"""The bounds of what a trace computes, whatever the rows are: interval arithmetic over its nodes."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, fx
from torch._ops import OpOverload

Bounds = tuple[float, float]
ANYTHING = (-math.inf, math.inf)
_NOT_NEGATIVE = (0.0, math.inf)

_KEPT = (
    *("squeeze", "view", "reshape", "flatten", "unflatten", "slice", "select", "unsqueeze", "permute"),
    *("transpose", "t", "movedim", "expand", "expand_as", "view_as", "clone", "contiguous", "to"),
    *("_to_copy", "alias", "detach", "lift_fresh_copy", "split", "split_with_sizes"),
    *("chunk", "unbind", "narrow", "index", "index_select", "gather", "flip", "roll", "repeat", "tile"),
    *("max_pool1d", "max_pool2d", "max_pool3d", "adaptive_max_pool2d", "mean", "amax", "amin"),
    *("adaptive_avg_pool1d", "adaptive_avg_pool2d"),
    *("adaptive_avg_pool3d", "upsample_nearest2d", "upsample_bilinear2d", "swapaxes", "pixel_shuffle"),
)
"""Functions whose results lie between the least and the largest number of the first tensor that they read."""
_JOINED = ("cat", "stack", "where", "maximum", "minimum", "max", "min")
_SUMMED = (
    *("sum", "cumsum", "prod", "dropout", "linear", "matmul", "mm", "bmm", "addmm", "einsum", "conv1d"),
    *("conv2d", "conv3d", "avg_pool1d", "avg_pool2d", "avg_pool3d"),
)
"""Functions that add up products, so that nothing negative comes of what is not negative."""
_RISING = (
    *("exp", "exp2", "expm1", "log1p", "softplus", "relu", "relu6", "leaky_relu", "elu", "selu", "celu"),
    *("hardtanh", "clamp", "clamp_min", "clamp_max", "sigmoid", "tanh", "hardsigmoid", "erf", "softsign"),
    *("atan", "log_sigmoid", "round", "floor", "ceil", "sign", "special_expit", "special_ndtr"),
)
_FIXED: Mapping[str, Bounds] = {
    "softmax": (0, 1),
    "_softmax": (0, 1),
    "log_softmax": (-math.inf, 0),
    "gelu": (-0.17, math.inf),
    "silu": (-0.279, math.inf),
    "mish": (-0.31, math.inf),
    "hardswish": (-0.375, math.inf),
    "sin": (-1, 1),
    "cos": (-1, 1),
    "one_hot": (0, 1),
    "norm": _NOT_NEGATIVE,
    "linalg_vector_norm": _NOT_NEGATIVE,
    "cosh": (1, math.inf),
    "std": _NOT_NEGATIVE,
    "var": _NOT_NEGATIVE,
    "zeros_like": (0, 0),
    "ones_like": (1, 1),
}


def find_bounds(graph: fx.Graph) -> dict[fx.Node, Bounds]:
    """Return the least and the largest number that each node of a trace can be, for any rows and weights."""
    bounds: dict[fx.Node, Bounds] = {}
    for node in graph.nodes:
        bounds[node] = _bounds(node, bounds)
        if function_of(node) and str(node.target).partition("_.")[1]:  # in place, so what it read is changed
            bounds[node.all_input_nodes[0]] = bounds[node]
    return bounds


def function_of(node: fx.Node) -> str:
    """Return the name of the function of a node, as ``softmax``; empty if it computes nothing."""
    if isinstance(node.target, OpOverload):
        return str(node.target.overloadpacket.__name__).removesuffix("_")
    return "getitem" if node.target is operator.getitem else ""


def _bounds(node: fx.Node, bounds: Mapping[fx.Node, Bounds]) -> Bounds:
    if node.op == "get_attr":
        return _of_constant(node)
    name = function_of(node)
    read = [bounds[one] for one in node.all_input_nodes]
    if name in _JOINED:
        joined = node.args[0] if isinstance(node.args[0], list | tuple) else node.args[name == "where" :]
        return _hull([_operand(one, bounds) for one in joined if name == "where" or isinstance(one, fx.Node)])
    if name == "getitem" or (name in _KEPT and read):
        return read[0]
    if name in _SUMMED:
        return _NOT_NEGATIVE if all(low >= 0 for low, _ in read) else ANYTHING
    if name in _RISING:
        return _rising(node, read[0])
    found = _FIXED.get(name) or _ARITHMETIC.get(name, _unknown)(node, bounds)
    return ANYTHING if any(math.isnan(one) for one in found) else found


def _of_constant(node: fx.Node) -> Bounds:
    """Return the bounds of a tensor of the network; weights may be any, as those of another member of an ensemble."""
    owner: Any = node.graph.owning_module
    for part in str(node.target).split("."):
        owner = getattr(owner, part)
    known = isinstance(owner, Tensor) and not isinstance(owner, torch.nn.Parameter) and owner.numel()
    return (float(owner.min()), float(owner.max())) if known else ANYTHING


def _hull(read: list[Bounds]) -> Bounds:
    return min(low for low, _ in read), max(high for _, high in read)


def _rising(node: fx.Node, read: Bounds) -> Bounds:
    ends = node.target(torch.tensor(read), *node.args[1:], **node.kwargs)  # type: ignore[operator]
    low, high = ends.tolist()
    return ANYTHING if math.isnan(low) or math.isnan(high) else (low, high)


def _operand(value: Any, bounds: Mapping[fx.Node, Bounds]) -> Bounds:
    if isinstance(value, fx.Node):
        return bounds[value]
    return (float(value), float(value)) if isinstance(value, int | float) else ANYTHING


def _operands(node: fx.Node, bounds: Mapping[fx.Node, Bounds]) -> tuple[Bounds, Bounds]:
    first, second = (_operand(value, bounds) for value in node.args[:2])
    factor = node.kwargs.get("alpha", 1)
    return first, _times(second, _operand(factor, bounds)) if factor != 1 else second


def _times(first: Bounds, second: Bounds) -> Bounds:
    products = [0.0 if 0 in (a, b) else a * b for a in first for b in second]
    return min(products), max(products)


def _inverse(read: Bounds) -> Bounds:
    low, high = read
    return (1 / high if high else math.inf, 1 / low if low else math.inf) if low >= 0 else ANYTHING


def _power(node: fx.Node, bounds: Mapping[fx.Node, Bounds]) -> Bounds:
    (low, high), exponent = _operand(node.args[0], bounds), node.args[1] if len(node.args) > 1 else 2
    if not isinstance(exponent, int | float):
        return _NOT_NEGATIVE if low >= 0 else ANYTHING
    if low < 0:
        return _NOT_NEGATIVE if exponent % 2 == 0 else ANYTHING
    ends = torch.tensor((low, high), dtype=torch.float64).pow(exponent).tolist()
    return (ends[0], ends[1]) if exponent > 0 else _NOT_NEGATIVE


def _absolute(node: fx.Node, bounds: Mapping[fx.Node, Bounds]) -> Bounds:
    low, high = _operand(node.args[0], bounds)
    return max(0.0, low, -high), max(abs(low), abs(high))


def _sum(node: fx.Node, bounds: Mapping[fx.Node, Bounds]) -> Bounds:
    first, second = _operands(node, bounds)
    return first[0] + second[0], first[1] + second[1]


def _difference(node: fx.Node, bounds: Mapping[fx.Node, Bounds]) -> Bounds:
    first, second = _operands(node, bounds)
    return first[0] - second[1], first[1] - second[0]


def _reversed(node: fx.Node, bounds: Mapping[fx.Node, Bounds]) -> Bounds:
    first, second = _operands(node, bounds)
    return second[0] - first[1], second[1] - first[0]


def _product(node: fx.Node, bounds: Mapping[fx.Node, Bounds]) -> Bounds:
    if node.args[0] is node.args[1]:
        return _NOT_NEGATIVE
    return _times(*_operands(node, bounds))


def _quotient(node: fx.Node, bounds: Mapping[fx.Node, Bounds]) -> Bounds:
    first, second = _operands(node, bounds)
    if second[0] == second[1] != 0:
        return _times(first, (1 / second[0], 1 / second[0]))
    return _times(first, _inverse(second))


def _logarithm(node: fx.Node, bounds: Mapping[fx.Node, Bounds]) -> Bounds:
    low, high = _operand(node.args[0], bounds)
    return (math.log(low) if low > 0 else -math.inf, math.inf if high > 0 else -math.inf)


def _root(node: fx.Node, bounds: Mapping[fx.Node, Bounds]) -> Bounds:
    low, high = _operand(node.args[0], bounds)
    return math.sqrt(max(0.0, low)), math.sqrt(max(0.0, high))


def _larger(node: fx.Node, bounds: Mapping[fx.Node, Bounds]) -> Bounds:
    return max(_operand(value, bounds)[0] for value in node.args[:2]), math.inf


def _unknown(_node: fx.Node, _bounds: Mapping[fx.Node, Bounds]) -> Bounds:
    return ANYTHING


_ARITHMETIC: Mapping[str, Callable[[fx.Node, Mapping[fx.Node, Bounds]], Bounds]] = {
    "add": _sum,
    "sub": _difference,
    "rsub": _reversed,
    "mul": _product,
    "div": _quotient,
    "neg": lambda node, bounds: _times(_operand(node.args[0], bounds), (-1, -1)),
    "reciprocal": lambda node, bounds: _inverse(_operand(node.args[0], bounds)),
    "rsqrt": lambda _node, _bounds: _NOT_NEGATIVE,
    "abs": _absolute,
    "square": _power,
    "pow": _power,
    "sqrt": _root,
    "log": _logarithm,
    "logaddexp": _larger,
}
