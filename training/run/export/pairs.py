"""From a graph whose rows have masks of their own to one whose rows are pairs of a row and a draw.

What no mask reaches, the *trunk*, is the same in every draw. It is computed once a row; all else, the *head*, once a
pair. Rows, draws and pairs are axes of any length, so that requests of different seeds may share a batch.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import onnx_ir as ir

BATCH, ROWS, DRAWS, PAIRS = "batch", "rows", "draws", "pairs"
"""Names of axes of any length: the rows of the graph that comes in, and three of the graph of pairs."""
ROW_OF, DRAW_OF = "row_of", "draw_of"
"""Inputs that say which row and which draw each pair is made of, int64, ``(P,)``."""


def make_pairs(graph: ir.Graph) -> None:
    """Turn a graph of a mask for each row into one of pairs, in place.

    Args:
        graph: Graph of rows ``(B, *shape)``, its first input, and of masks ``(B, *site shape)``, the others. It
            becomes one of rows ``(B, *shape)``, masks ``(S, *site shape)``, :data:`ROW_OF` and :data:`DRAW_OF`, whose
            outputs are those of the pairs, ``(P, ...)``.
    """
    rows, *masks = graph.inputs
    reached = _reached(graph, masks)
    head = _head(graph, rows, reached)
    _copy_for_trunk(graph, head - reached, head)
    crossing = _crossing(graph, rows, head)
    crossing += [output for output in graph.outputs if output.producer() not in head and output not in crossing]
    row_of, draw_of = (ir.val(name, ir.DataType.INT64, [PAIRS]) for name in (ROW_OF, DRAW_OF))
    for values, index in ((crossing, row_of), (masks, draw_of)):
        for value in values:
            _pick(graph, value, index, head)
    graph.inputs.extend([row_of, draw_of])
    graph.sort()
    _name_axes(graph, masks, head)


def _head(graph: ir.Graph, rows: ir.Value, reached: Collection[ir.Node]) -> set[ir.Node]:
    """Return the nodes that a mask reaches, with those before them whose results have no axis of rows to pick from."""
    head = set(reached)
    while shapes := [value for value in _crossing(graph, rows, head) if _batch_axis(value) is None]:
        before = {value.producer() for value in shapes}
        assert None not in before, f"the graph's rows have no axis named {BATCH}"
        head |= {node for node in before if node is not None}
    return head


def _copy_for_trunk(graph: ir.Graph, moved: Collection[ir.Node], head: Collection[ir.Node]) -> None:
    """Let the trunk have its own copy of each node that moved into the head, where it needs one."""
    for node in reversed([node for node in graph if node in moved]):  # what reads a copy comes before it
        uses = [(i, *use) for i, output in enumerate(node.outputs) for use in output.uses() if use[0] not in head]
        if not uses:
            continue
        copy = ir.Node(node.domain, node.op_type, node.inputs, node.attributes.values(), num_outputs=len(node.outputs))
        graph.insert_before(node, copy)
        for output, original in zip(copy.outputs, node.outputs, strict=True):
            output.name = f"{original.name}_of_trunk"
            output.type, output.shape = original.type, original.shape and original.shape.copy()
        for i, user, position in uses:
            user.replace_input_with(position, copy.outputs[i])


def _crossing(graph: ir.Graph, rows: ir.Value, head: Collection[ir.Node]) -> list[ir.Value]:
    """Return what the head reads of the rows, or of what the trunk has made of them."""
    trunk = {rows, *(output for node in _reached(graph, [rows]) - set(head) for output in node.outputs)}
    read = (value for node in graph if node in head for value in node.inputs)
    return list(dict.fromkeys(value for value in read if value in trunk))


def _reached(graph: ir.Graph, sources: Iterable[ir.Value]) -> set[ir.Node]:
    """Return the nodes that depend on some values."""
    values, nodes = set(sources), set()
    for node in graph:  # in the order in which they run
        if not values.isdisjoint(node.inputs):
            values.update(node.outputs)
            nodes.add(node)
    return nodes


def _batch_axis(value: ir.Value) -> int | None:
    """Return the one axis of a value that counts rows."""
    axes = [] if value.shape is None else [i for i, length in enumerate(value.shape) if BATCH in str(length)]
    return axes[0] if len(axes) == 1 and str(value.shape[axes[0]]) == BATCH else None  # type: ignore[index]


def _pick(graph: ir.Graph, value: ir.Value, index: ir.Value, head: Collection[ir.Node]) -> None:
    """Let the head, and the graph's outputs, have a value's entries of each pair in place of the value."""
    picked = ir.node("Gather", [value, index], {"axis": _batch_axis(value)})
    graph.append(picked)
    (result,) = picked.outputs
    assert value.shape is not None  # it has an axis of rows
    result.name, result.type, result.shape = f"{value.name}_of_pairs", value.type, value.shape.copy()
    rename_axis(result, BATCH, PAIRS)
    for node, position in list(value.uses()):
        if node in head:
            node.replace_input_with(position, result)
    for position, output in enumerate(graph.outputs):
        if output is value:
            value.name, result.name = f"{value.name}_of_rows", value.name
            graph.outputs[position] = result


def _name_axes(graph: ir.Graph, masks: Iterable[ir.Value], head: Collection[ir.Node]) -> None:
    """Name the axes anew, which were all one."""
    for node in graph:
        for output in node.outputs:
            rename_axis(output, BATCH, PAIRS if node in head else ROWS)
    for value in graph.inputs:
        rename_axis(value, BATCH, DRAWS if value in masks else ROWS)


def rename_axis(value: ir.Value, before: str, after: str) -> None:
    """Give an axis of any length another name, wherever it is part of a value's shape."""
    if value.shape is not None:
        lengths = [d if isinstance(d, int) else d.value and d.value.replace(before, after) for d in value.shape]
        value.shape = ir.Shape(
            lengths
        )  # a length without a name stays so: ONNX Runtime takes equal names at their word
