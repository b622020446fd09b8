"""The sizes of all that a graph computes, told before it runs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnx.shape_inference import infer_node_outputs

from models.errors import CheckpointError

_MOST_RESULT_BYTES = 2**30
_MOST_BYTES = 2**34
"""Bytes of one result, and of all, for one row and one draw; those of a U-Net of 512 x 512 are 2**26 and 2**31."""
_FOLDED_NUMBERS = 1024
"""Numbers that a tensor may have whose values are followed, as those of shapes are."""
_FOLDED = {
    *("Abs", "Add", "And", "Cast", "Ceil", "Concat", "Constant", "ConstantOfShape", "CumSum", "Div", "Equal"),
    *("Expand", "Flatten", "Floor", "Gather", "Greater", "GreaterOrEqual", "Identity", "Less", "LessOrEqual", "Max"),
    *("Min", "Mod", "Mul", "Neg", "NonZero", "Not", "Or", "Pow", "Range", "ReduceMax", "ReduceMin", "ReduceProd"),
    *("ReduceSum", "Reshape", "ScatterElements", "ScatterND", "Shape", "Size", "Slice", "Split", "Sqrt", "Squeeze"),
    *("Sub", "Tile", "Transpose", "Trilu", "Unsqueeze", "Where"),
}
"""Operators that shapes are computed with, none of which needs more memory than its inputs and its result."""


def check_sizes(model: onnx.ModelProto) -> None:
    """Refuse a graph that computes more than a machine can hold, or something whose size depends on a row's values.

    Nothing of it is run but the small whole numbers that shapes are made of. Axes of any length have length one.

    Args:
        model: A valid graph of standard operators, without loops and branches.

    Raises:
        CheckpointError: naming the node.
    """
    sizes = _Sizes(model)
    for node in model.graph.node:
        sizes.follow(node)


class _Sizes:
    """The types of a graph's tensors, and the values of small ones.

    Args:
        model: The graph.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        self._opsets, self._ir_version = model.opset_import, model.ir_version
        self._version = next(one.version for one in self._opsets if one.domain in ("", "ai.onnx"))
        self._types: dict[str, onnx.TypeProto] = {}
        self._values: dict[str, NDArray[Any]] = {}
        self._constants: set[str] = set()
        self._total = self._constant = 0
        for value in model.graph.input:
            lengths = [dim.dim_value or 1 for dim in value.type.tensor_type.shape.dim]
            self._add(value.name, helper.make_tensor_type_proto(value.type.tensor_type.elem_type, lengths), value.name)
        for tensor in model.graph.initializer:
            self._types[tensor.name] = helper.make_tensor_type_proto(tensor.data_type, list(tensor.dims))
            self._constants.add(tensor.name)
            if math.prod(tensor.dims) <= _FOLDED_NUMBERS:
                self._values[tensor.name] = _array(tensor)

    def follow(self, node: onnx.NodeProto) -> None:
        """Add the results of a node."""
        shown = f"{node.op_type} {node.name or node.output[0]}"
        types = self._inferred(node, shown)
        for name, array in self._folded(node, types).items():
            self._values[name] = array
            kind = helper.np_dtype_to_tensor_dtype(array.dtype)
            types[name] = helper.make_tensor_type_proto(kind, list(array.shape))
        if self._constants.issuperset(filter(None, node.input)):
            self._constants.update(node.output)
        for name in filter(None, node.output):
            self._add(name, types.get(name), shown)

    def _add(self, name: str, kind: onnx.TypeProto | None, shown: str) -> None:
        if kind is None or not kind.HasField("tensor_type") or kind.tensor_type.elem_type == TensorProto.STRING:
            raise CheckpointError(f"the graph's {shown} has a result that is no tensor of numbers: export it without")
        shape = _shape(kind)
        if shape is None:
            raise CheckpointError(
                f"the graph's {shown} has a result whose size depends on the values of a row: export it without"
            )
        size = math.prod(shape) * helper.tensor_dtype_to_np_dtype(kind.tensor_type.elem_type).itemsize
        self._total += size
        self._constant += size * (name in self._constants)
        if max(size, self._constant) > _MOST_RESULT_BYTES or self._total > _MOST_BYTES:
            allowed = f"{_words(_MOST_RESULT_BYTES)} for one or for all constants, {_words(_MOST_BYTES)} together"
            raise CheckpointError(
                f"the graph's {shown} makes {_words(size)} of one row, and all results so far {_words(self._total)};"
                f" allowed are {allowed}"
            )
        self._types[name] = kind

    def _inferred(self, node: onnx.NodeProto, shown: str) -> dict[str, onnx.TypeProto]:
        names = list(filter(None, node.input))
        data = {name: numpy_helper.from_array(self._values[name]) for name in names if name in self._values}
        try:
            schema = onnx.defs.get_schema(node.op_type, self._version)
            types = {name: self._types[name] for name in names}
            return dict(
                infer_node_outputs(
                    schema, node, types, data, opset_imports=list(self._opsets), ir_version=self._ir_version
                )
            )
        except Exception as error:  # onnx raises errors of several bases, none of which is documented
            reason = " ".join(str(error).split())[:200]
            raise CheckpointError(f"the graph's {shown} cannot be computed: {reason}") from error

    def _folded(self, node: onnx.NodeProto, types: Mapping[str, onnx.TypeProto]) -> dict[str, NDArray[Any]]:
        """Return the values of a node's results, if they are few and follow from values that are known."""
        names = list(filter(None, node.input))
        known = {name: self._values[name] for name in names if name in self._values}
        if node.op_type in ("Shape", "Size"):  # whose argument's values are no matter
            (name,) = names
            known = {name: np.broadcast_to(np.float32(0), _shape(self._types[name]) or ())}
        few = node.op_type == "NonZero" or all(_few(types.get(name)) for name in node.output)
        if node.op_type not in _FOLDED or len(known) < len(set(names)) or not few:
            return {}
        try:
            results = ReferenceEvaluator(node, opsets={"": self._version}).run(None, known)
        except Exception:  # an operator's older version that onnx itself does not compute: its result stays unknown
            return {}
        return {name: np.asarray(value) for name, value in zip(node.output, results, strict=True) if value is not None}


def _array(tensor: onnx.TensorProto) -> NDArray[Any]:
    try:
        return numpy_helper.to_array(tensor)
    except (ValueError, TypeError) as error:
        raise CheckpointError(f"the graph's weights {tensor.name} are not of shape {tuple(tensor.dims)}") from error


def _shape(kind: onnx.TypeProto | None) -> tuple[int, ...] | None:
    """Return the shape of a type; ``None`` where a length is unknown."""
    if kind is None or not kind.tensor_type.HasField("shape"):
        return None
    dims = kind.tensor_type.shape.dim
    known = all(dim.HasField("dim_value") and dim.dim_value >= 0 for dim in dims)
    return tuple(dim.dim_value for dim in dims) if known else None


def _few(kind: onnx.TypeProto | None) -> bool:
    shape = _shape(kind)
    return shape is not None and math.prod(shape) <= _FOLDED_NUMBERS


def _words(size: int) -> str:
    for unit, bytes_ in (("TiB", 2**40), ("GiB", 2**30)):
        if size >= bytes_:
            return f"{size / bytes_:.4g} {unit}"
    return f"{size / 2**20:.4g} MiB"
