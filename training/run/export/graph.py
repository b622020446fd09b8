"""From a module to an ONNX graph that holds nothing but operators and weights."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence

import onnx_ir as ir
import torch
from torch import Tensor, nn

from training.errors import ExportError
from training.run.export.pairs import rename_axis

OPSET = 20
"""Version of the ONNX operators that a graph is made of."""


def export_module(
    module: nn.Module, inputs: Mapping[str, Tensor], axes: Mapping[str, Sequence[str]], outputs: Sequence[str]
) -> ir.Model:
    """Return the graph of a module.

    Args:
        module: Module in evaluation mode, called with the inputs by position.
        inputs: Examples of the inputs, by the names that the graph gives them.
        axes: Names of each input's first axes that may have any length; the others have that of the example.
        outputs: Names of the results.

    Raises:
        ExportError: if the module cannot become a graph.
    """
    dims = {axis: torch.export.Dim(axis) for named in axes.values() for axis in named}
    shapes = [{place: dims[axis] for place, axis in enumerate(axes[name])} or None for name in inputs]
    logging.disable(logging.ERROR)  # what torch cannot follow it logs at length; the error says it
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on torch's own changes to come
            program = torch.export.export(module, tuple(inputs.values()), dynamic_shapes=(tuple(shapes),))
            exported = torch.onnx.export(
                program,
                dynamo=True,
                input_names=list(inputs),
                output_names=list(outputs),
                opset_version=OPSET,
                verbose=False,
            )
    except Exception as error:  # whatever torch may raise of a network that it cannot follow
        raise ExportError(f"torch cannot make a graph of this network: {_reason(error)}") from error
    finally:
        logging.disable(logging.NOTSET)
    assert exported is not None  # the exporter that is not dynamo returns nothing
    _name_axes(exported.model.graph, axes)
    return exported.model


def _reason(error: Exception) -> str:
    """Return the first line of what torch says, with the remedy where there is a usual one."""
    line = next(iter(str(error).strip("'\" \n").splitlines()), repr(error))
    if line.startswith("Constraints violated"):
        return "it makes the number of rows a constant, as len() of a tensor does: use shape[0]"
    return line


def serialise(model: ir.Model) -> bytes:
    """Return a graph as the bytes of a file, without the traces of the source that it came from."""
    graph = model.graph
    for part in (model, graph, *graph, *(output for node in graph for output in node.outputs), *graph.inputs):
        part.metadata_props.clear()
    content: bytes = ir.to_proto(model).SerializeToString(deterministic=True)
    return content


def _name_axes(graph: ir.Graph, axes: Mapping[str, Sequence[str]]) -> None:
    """Give the axes of any length their names, which the exporter has replaced by symbols of its own."""
    symbols = {
        str(value.shape[place]): axis  # type: ignore
        for value in graph.inputs
        for place, axis in enumerate(axes[value.name])  # type: ignore
    }
    for value in (*graph.inputs, *(output for node in graph for output in node.outputs)):
        for symbol, axis in symbols.items():
            rename_axis(value, symbol, axis)
