"""The dropouts of a graph from elsewhere, each made a product with a mask that is an input."""

from __future__ import annotations

from collections.abc import Mapping

import onnx_ir as ir

from models.errors import did_you_mean
from training.errors import ImportModelError
from training.run.importing.dropouts import DropoutSite
from training.run.importing.onnx_files.editing import Editor, rows_axis, shape_of
from training.run.importing.onnx_files.read import BATCH
from training.run.importing.trace import BEFORE

_USUAL = 0.5
"""Probability of a Dropout that does not say any."""
_MOST_NAMES = 20


def make_masks(
    editor: Editor, names: Mapping[str, str], wanted: Mapping[str, float], *, dropping: bool
) -> tuple[DropoutSite, ...]:
    """Turn dropouts into products with masks, and return those that drop something.

    Args:
        editor: The graph. Its masks become inputs after the rows, ``(B, *site shape)``.
        names: Name of each dropout, by the name of its result.
        wanted: Probabilities by the name of a dropout, or of a node or a result that shall be dropped.
        dropping: ``False`` to remove all.

    Raises:
        ImportModelError: if there is no node of a name, or if it cannot be dropped.
    """
    nodes = {names[str(node.outputs[0].name)]: node for node in editor.graph if node.op_type == "Dropout"}
    found = {name: (node, wanted.get(name, _probability(node))) for name, node in nodes.items()}
    sites = []
    for name, (node, probability) in found.items():
        kept, dropped = node.inputs[0], node.outputs[0]
        assert kept is not None
        if dropping and probability:
            sites.append(_multiply(editor, name, kept, dropped, probability))
        else:
            _redirect(editor.graph, dropped, kept)
        editor.graph.remove(node)
    for name, value in _added(editor.graph, names, wanted).items():
        if dropping and wanted[name]:
            sites.append(_multiply(editor, name, value, value, wanted[name]))
    return tuple(sites)


def _probability(node: ir.Node) -> float:
    ratio = node.attributes.get("ratio")
    if ratio is not None:
        return ratio.as_float()
    given = node.inputs[1] if len(node.inputs) > 1 else None
    if given is None:
        return _USUAL
    value = ir.convenience.get_const_tensor(given)
    if value is None:
        raise ImportModelError(f"the probability of dropout {node.name} is computed: make it a constant")
    return float(value.numpy())


def _added(graph: ir.Graph, names: Mapping[str, str], wanted: Mapping[str, float]) -> dict[str, ir.Value]:
    """Return the values that are dropped besides, by the names that the user gave them."""
    values: dict[str, ir.Value] = {}
    known: dict[str, ir.Value] = {}
    for node in graph:
        known |= {str(name): node.outputs[0] for name in (node.name, node.outputs[0].name) if name}
        read = next((value for value in node.inputs if value is not None and rows_axis(value)), None)
        known |= {f"{BEFORE}{name}": read for name in (node.name, node.outputs[0].name) if name and read is not None}
    for name, probability in wanted.items():
        if not 0 <= probability < 1:
            raise ImportModelError(f"dropout {name}={probability:g}: a probability is 0 or more and less than 1")
        if name in names.values():
            continue
        if name not in known:
            found = f"its dropouts are {', '.join(names.values())}" if names else "it has no dropout"
            some = [str(node.name or node.outputs[0].name) for node in graph][-_MOST_NAMES:]
            raise ImportModelError(
                f"dropout {name}: the graph has no such dropout, node or result{did_you_mean(name, list(known))};"
                f" {found}; its last nodes are {', '.join(some)}"
            )
        values[name] = known[name]
        if values[name] in graph.outputs:
            raise ImportModelError(
                f"dropout {name} would drop the outputs themselves: {BEFORE}NAME drops what one reads"
            )
    return values


def _multiply(editor: Editor, name: str, kept: ir.Value, dropped: ir.Value, probability: float) -> DropoutSite:
    """Let what reads a value read its product with a mask."""
    shape, axis = shape_of(kept), rows_axis(kept)
    if axis is None or kept.dtype not in (ir.DataType.FLOAT, ir.DataType.DOUBLE):
        raise ImportModelError(f"dropout {name} drops {tuple(shape)}, which has no axis of rows, or no real numbers")
    index, times = axis
    own = [int(length) for i, length in enumerate(shape) if i != index]
    site = DropoutSite(name, (*([times] if times > 1 else []), *own), probability, False, "")
    mask = ir.val(site.mask, ir.DataType.FLOAT, [BATCH, *site.shape])
    editor.graph.inputs.append(mask)
    users = list(dropped.uses())
    result = editor.add("Mul", [kept, _laid_out(editor, mask, kept, index, times)], shape)
    for node, position in users:
        node.replace_input_with(position, result)
    _replace_output(editor.graph, dropped, result)
    return site


def _laid_out(editor: Editor, mask: ir.Value, like: ir.Value, index: int, times: int) -> ir.Value:
    """Return a mask with its axes as those of the value that it multiplies."""
    shape, numbers = shape_of(like), like.dtype
    assert numbers is not None  # it was looked at
    ahead = 2 if times > 1 else 1  # axes of the rows, which stand first in the mask
    order = [*range(ahead, ahead + index), *range(ahead), *range(ahead + index, ahead + len(shape) - 1)]
    moved = editor.transpose(editor.cast(mask, numbers), order)
    return editor.reshape(moved, shape) if times > 1 else moved


def _redirect(graph: ir.Graph, value: ir.Value, other: ir.Value) -> None:
    for node, position in list(value.uses()):
        node.replace_input_with(position, other)
    _replace_output(graph, value, other)


def _replace_output(graph: ir.Graph, value: ir.Value, other: ir.Value) -> None:
    for position, output in enumerate(graph.outputs):
        if output is value:
            graph.outputs[position] = other
