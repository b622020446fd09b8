"""The shapes of all that a graph computes, by running it: each axis that counts rows shows by its length."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import onnx
import onnx_ir as ir
import torch
from onnx import TensorProto, helper
from torch import Tensor

from models.errors import CheckpointError
from models.graphs import Session
from training.errors import ImportModelError
from training.run.importing.onnx_files.read import BATCH

_ROWS = (2, 3)
OPEN_ROWS = (
    "export it with a dynamic batch axis, in torch with dynamic_axes={'input': {0: 'batch'}} or dynamic_shapes, in"
    " tf2onnx with an input signature whose first length is None"
)


def load_with_axes(model: onnx.ModelProto, sample: Callable[[int], Tensor]) -> ir.Model:
    """Return a graph whose every tensor has its type and its shape, with :data:`BATCH` for the number of rows.

    Args:
        model: A graph that was checked, for any number of rows.
        sample: Function that returns some rows, of which so many are asked for, as the graph takes them.

    Raises:
        ImportModelError: if ONNX Runtime does not run it, or not with several rows.
    """
    inferred = onnx.shape_inference.infer_shapes(model)
    kinds = {value.name: value.type.tensor_type.elem_type for value in inferred.graph.value_info}
    shapes = [_shapes(model, sample(rows)) for rows in _ROWS]
    loaded = ir.from_proto(model)
    for node in loaded.graph:
        for value in node.outputs:
            if value.name is not None and value.name in shapes[0]:
                value.shape = ir.Shape(_merged(value.name, *(one[value.name] for one in shapes)))
                if value.type is None and kinds.get(value.name):
                    value.type = ir.TensorType(ir.DataType(kinds[value.name]))
    return loaded


def _shapes(model: onnx.ModelProto, rows: Tensor) -> Mapping[str, tuple[int, ...]]:
    """Return the shape of each result of a graph's nodes for some rows."""
    asking = onnx.ModelProto()
    asking.CopyFrom(model)
    graph = asking.graph
    names = [name for node in graph.node for name in node.output if name]
    del graph.output[:]
    for i, name in enumerate(names):
        graph.node.append(helper.make_node("Shape", [name], [f"shape_{i}_"]))
        graph.output.append(helper.make_tensor_value_info(f"shape_{i}_", TensorProto.INT64, None))
    first = graph.input[0]
    kind = helper.tensor_dtype_to_np_dtype(first.type.tensor_type.elem_type)
    feed = torch.from_numpy(rows.numpy().astype(kind))
    try:
        found = Session(asking.SerializeToString(), torch.device("cpu")).run(
            {first.name: feed}, [value.name for value in graph.output], {}
        )
    except CheckpointError as error:
        raise ImportModelError(str(error)) from error
    except Exception as error:  # the errors of ONNX Runtime have no base of their own
        reason = " ".join(str(error).split())[:200]
        raise ImportModelError(f"the graph does not take {len(rows)} rows, {OPEN_ROWS}: {reason}") from error
    return {name: tuple(map(int, shape)) for name, shape in zip(names, found, strict=True)}


def _merged(name: str | None, few: tuple[int, ...], many: tuple[int, ...]) -> list[int | str]:
    """Return a shape of both numbers of rows.

    >>> _merged("a", (2, 5, 8), (3, 5, 12))
    ['batch', 5, '4*batch']
    """
    if len(few) != len(many):
        raise ImportModelError(f"the graph's {name} has another number of axes with more rows")
    lengths: list[int | str] = []
    for a, b in zip(few, many, strict=True):
        times = a // _ROWS[0]
        counts = a != b and (a, b) == (times * _ROWS[0], times * _ROWS[1])
        lengths.append(a if a == b else f"other_{BATCH}" if not counts else BATCH if times == 1 else f"{times}*{BATCH}")
    return lengths
