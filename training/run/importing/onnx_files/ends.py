"""Both ends of a graph from elsewhere, brought into the form of this house."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir
import torch
from torch import Tensor

from models.prediction.graph import ROWS
from models.specs import Task
from training.errors import ImportModelError
from training.run.importing.heads import PROBABILITIES, Head, Outputs, log_of, measure_of_spread, names_of_spread
from training.run.importing.onnx_files.editing import Editor, rows_axis, shape_of
from training.run.importing.onnx_files.layers import outputs_axis
from training.run.importing.onnx_files.read import BATCH
from training.run.importing.values import judge_values

_TINY = np.float32(1e-12)
_LEAST = np.finfo(np.float32).tiny
_SAME = ("Identity", "Cast")


def to_layout(rows: Tensor, layout: Sequence[int]) -> Tensor:
    """Return rows ``(B, *shape)`` as a file takes them, ``(B, *layout)``."""
    last = len(layout) == rows.ndim - 1 and tuple(layout) != rows.shape[1:]
    return rows.movedim(1, -1) if last else rows.reshape(len(rows), *layout)


def add_rows(editor: Editor, shape: tuple[int, ...], layout: Sequence[int]) -> list[str]:
    """Replace the input of a graph by rows ``(B, *shape)``; return what was made of them.

    Args:
        editor: The graph.
        shape: Shape of a row.
        layout: Shape of a row as the graph takes it.
    """
    (old,) = editor.graph.inputs
    users, numbers = list(old.uses()), old.dtype
    assert numbers is not None  # it was read
    rows = ir.val(ROWS, ir.DataType.FLOAT, [BATCH, *shape])
    editor.graph.inputs[0] = rows
    value = editor.cast(rows, numbers)
    if tuple(layout) != shape and len(layout) == len(shape):
        value = editor.transpose(value, [0, *range(2, len(shape) + 1), 1])
    elif tuple(layout) != shape:
        value = editor.reshape(value, [BATCH, *layout])
    for node, position in users:
        node.replace_input_with(position, value)
    told = ["the file's channels are the last axis, and a request's the first"] * (
        tuple(layout) != shape and len(layout) == len(shape)
    )
    return told + [f"the file takes {numbers.name.casefold()}, and gets it from float32"] * (
        value is not rows and numbers != ir.DataType.FLOAT
    )


def find_heads(graph: ir.Graph, sample: Sequence[Tensor], task: Task | None) -> tuple[list[Head], Outputs]:
    """Return which results of a graph are taken, and the form of its outputs.

    Args:
        graph: The graph.
        sample: What its results are for some rows.
        task: Kind of outcome that the user names; ``None`` for what the outputs look like.

    Raises:
        ImportModelError: if they are no outputs of rows, or of two none says that it is a spread.
    """
    for value in graph.outputs:
        if rows_axis(value) != (0, 1):
            raise ImportModelError(
                f"the graph's result {value.name} {tuple(shape_of(value))} does not have the rows first"
            )
    shapes = [shape_of(value) for value in graph.outputs]
    if len(shapes) == 2:
        return judge_values(*_two_heads(graph, shapes), sample)
    (result,) = graph.outputs
    end = _end(result)
    axis = _axis(graph, result, end)
    activation = {"Softmax": "softmax", "Sigmoid": "sigmoid"}.get(end.op_type if end else "", "")
    heads, form = [Head(0, axis == 1 < len(shapes[0]) - 1, activation)], _form(shapes[0], axis, 1, activation, task)
    return (heads, form) if activation else judge_values(heads, form, sample)


def _two_heads(graph: ir.Graph, shapes: Sequence[Sequence[int | str]]) -> tuple[list[Head], Outputs]:
    names = [str(value.name) for value in graph.outputs]
    measures = [measure_of_spread(name, other) for name, other in zip(names, names[::-1], strict=True)]
    if shapes[0] != shapes[1] or sum(map(bool, measures)) != 1:
        raise ImportModelError(
            f"the graph has the results {', '.join(names)}: take one with --output, or two of one shape of which one is"
            f" named as a spread is: {names_of_spread()}"
        )
    mean = measures.index("")
    axis = outputs_axis(graph, graph.outputs[mean])
    first = axis == 1 < len(shapes[0]) - 1
    heads = [Head(mean, first), Head(1 - mean, first, measures[1 - mean], name=names[1 - mean])]
    form = _form(shapes[0], axis, 2, "", None)
    words = f"{form.taken}, two heads: {names[mean]} is the mean, {names[1 - mean]} the {measures[1 - mean]}"
    return heads, Outputs(form.width, form.positions, 2, words)


def _form(shape: Sequence[int | str], axis: int, heads: int, activation: str, task: Task | None) -> Outputs:
    lengths = [int(length) for length in shape[1:]] or [1]
    width = lengths[axis - 1] if len(shape) > 1 else 1
    positions = tuple(length for i, length in enumerate(lengths, 1) if i != axis) if len(shape) > 1 else ()
    words = f"(rows, {', '.join(map(str, lengths))})" + f" with the outputs as axis {axis + 1}" * (len(lengths) > 1)
    if task == "regression" or not activation:
        return Outputs(width * heads, positions, heads, words, "" if activation != "softmax" else activation)
    if activation == "sigmoid" and width == 1:
        words += ", the sigmoid of the second of two classes, which is cut off"
        return Outputs(2, positions, heads, words, task="classification")
    if activation == "sigmoid":
        return Outputs(width, positions, heads, f"{words}, whose sigmoid is cut off", task="multilabel")
    return Outputs(width, positions, heads, f"{words}, whose softmax is cut off")


def _end(result: ir.Value) -> ir.Node | None:
    """Return the node that makes a result, what leaves numbers as they are aside."""
    node = result.producer()
    while node is not None and node.op_type in _SAME and node.inputs[0] is not None:
        node = node.inputs[0].producer()
    return node


def _axis(graph: ir.Graph, result: ir.Value, end: ir.Node | None) -> int:
    if end is not None and end.op_type == "Softmax" and "axis" in end.attributes:
        return end.attributes["axis"].as_int() % len(shape_of(result))
    return outputs_axis(graph, result)


def add_outputs(editor: Editor, heads: Sequence[Head], outputs: Outputs) -> ir.Value:
    """Return outputs ``(B, *positions, outputs)`` of a graph's results.

    Args:
        editor: The graph.
        heads: The results that are taken.
        outputs: Their form.
    """
    values = [_arranged(editor, editor.graph.outputs[head.index], head, outputs) for head in heads]
    if len(values) == 1 and values[0] is not None:
        return values[0]
    return editor.add(
        "Concat", values, [BATCH, *outputs.positions, outputs.width], {"axis": len(outputs.positions) + 1}
    )


def _arranged(editor: Editor, value: ir.Value, head: Head, outputs: Outputs) -> ir.Value:
    regression = head.measure == "sigmoid" and outputs.task is None
    if head.measure in ("softmax", "sigmoid") and not regression:
        end = _end(value)
        assert end is not None  # it was found
        assert end.inputs[0] is not None
        value = end.inputs[0]
    value = editor.cast(value, ir.DataType.FLOAT)
    shape = shape_of(value)
    if len(shape) == 1:
        value = editor.reshape(value, [BATCH, 1])
    if head.channels_first:
        value = editor.transpose(value, [0, *range(2, len(shape)), 1])
    if head.measure == "sigmoid" and outputs.task == "classification":
        zero = editor.add("Mul", [value, editor.constant(np.zeros((), np.float32))], shape_of(value))
        return editor.add("Concat", [zero, value], [*shape_of(value)[:-1], 2], {"axis": len(shape_of(value)) - 1})
    return value if head.measure in ("", "softmax", "sigmoid") else _logarithm(editor, value, head.measure)


def _logarithm(editor: Editor, value: ir.Value, measure: str) -> ir.Value:
    """Return the log-variance of a measure of spread, or the logits of probabilities."""
    shape = shape_of(value)
    if not measure.startswith("log"):
        least = editor.constant(np.array(_LEAST if measure == PROBABILITIES else _TINY))
        value = editor.add("Log", [editor.add("Max", [value, least], shape)], shape)
    if "deviation" in measure:
        return editor.add("Mul", [value, editor.constant(np.array(2, np.float32))], shape)
    return value


def expected(results: Sequence[Tensor], heads: Sequence[Head]) -> Tensor:
    """Return outputs ``(B, *positions, outputs)`` of a file's own results, a softmax or a sigmoid as it stands.

    Args:
        results: What the file's graph returns.
        heads: The results that are taken.
    """
    parts = []
    for head in heads:
        tensor = results[head.index].float()
        last = tensor.unsqueeze(-1) if tensor.ndim == 1 else tensor.movedim(1, -1) if head.channels_first else tensor
        parts.append(last if head.measure in ("softmax", "sigmoid", "") else log_of(last, head.measure))
    return torch.cat(parts, -1)


def undone(outputs: Tensor, head: Head, form: Outputs) -> Tensor:
    """Return outputs ``(B, *positions, outputs)`` with the softmax or the sigmoid that was cut off.

    Args:
        outputs: Outputs of the graph.
        head: The result that they were made of.
        form: Their form.
    """
    if head.measure == "softmax":
        return outputs.softmax(-1)
    if head.measure == "sigmoid" and form.task == "classification":
        return outputs.softmax(-1)[..., 1:]
    return outputs.sigmoid() if head.measure == "sigmoid" and form.task else outputs
