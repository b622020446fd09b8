"""A network that is an ONNX file, made a graph of this house without torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx
import onnx_ir as ir
import torch
from onnx_ir.passes.common import RemoveUnusedNodesPass
from torch import Tensor

from models.graphs import Session
from models.prediction.graph import DRAW_OF, FEATURES, OUTPUTS, ROW_OF, ROWS
from models.specs import InputSpec, Task
from training.errors import ImportModelError
from training.run.example_rows import standard_noise
from training.run.export.check import TOLERANCE, difference
from training.run.export.graph import OPSET, serialise
from training.run.export.pairs import make_pairs, rename_axis
from training.run.importing.capture import Captured
from training.run.importing.check import answer_apart, compare_graph
from training.run.importing.foreign_network import ForeignNetwork
from training.run.importing.heads import Head
from training.run.importing.onnx_files.axes import OPEN_ROWS, load_with_axes
from training.run.importing.onnx_files.dropouts import make_masks
from training.run.importing.onnx_files.editing import Editor, shape_of
from training.run.importing.onnx_files.ends import (
    add_outputs,
    add_rows,
    expected,
    find_heads,
    to_layout,
    undone,
)
from training.run.importing.onnx_files.inputs import layout
from training.run.importing.onnx_files.layers import add_features
from training.run.importing.onnx_files.read import BATCH, OnnxFile, open_rows, read_onnx
from training.run.importing.values import probe_rows

_OURS = (ROWS, ROW_OF, DRAW_OF, OUTPUTS, FEATURES)


@dataclass(frozen=True, kw_only=True)
class CapturedFile(Captured):
    """An ONNX file taken apart.

    Attributes:
        heads: Results of the file that are taken.
        masked: The graph before its rows became pairs: a mask for each row.
    """

    heads: tuple[Head, ...]
    masked: bytes


class OnnxNetwork(ForeignNetwork):
    """A network that is an ONNX file.

    Args:
        path: The file.
        inputs: Specification of the inputs.
        task: Kind of outcome that the user names; ``None`` for what the outputs look like.
        outputs: Names of the results that are taken; empty for those that are floats.

    Raises:
        ImportModelError: if it is no graph that could be served.
    """

    def __init__(self, path: Path, inputs: InputSpec, task: Task | None = None, outputs: Sequence[str] = ()) -> None:
        self._file = read_onnx(path, inputs, outputs)
        self._inputs, self._task = inputs, task
        self._layout = layout(self._file.input.name, self._file.input_shape, inputs.shape)
        self._graph = open_rows(self._file, self._layout)
        loaded = self._load()
        told = add_rows(Editor(loaded.graph), inputs.shape, self._layout)
        fixed = [f"the file takes {self._file.rows} rows at once, and the graph any number"] if self._file.rows else []
        super().__init__([*self._file.told, *fixed, *told])

    @property
    def places(self) -> list[str]:
        return [node.name or node.output[0] for node in self._graph.graph.node if node.op_type != "Constant"]

    def capture(self, dropout: Mapping[str, float], *, dropping: bool, drawing: bool = False) -> Captured:
        if drawing:
            raise ImportModelError(
                "an ensemble or SWAG needs weights apart from the network: --from with several --weights, not --onnx"
            )
        model = self._load()
        graph, editor = model.graph, Editor(model.graph)
        heads, form = find_heads(graph, self._answers(probe_rows(self._inputs)), self._task)
        add_rows(editor, self._inputs.shape, self._layout)
        outputs = add_outputs(editor, heads, form)
        graph.outputs[:] = [outputs]
        sites = make_masks(editor, self._file.dropouts, dropout, dropping=dropping)
        features = add_features(editor, graph.outputs[0])
        graph.outputs[:] = [
            editor.add("Identity", [value], shape_of(value))  # a name of its own, whatever else reads it
            for value in (graph.outputs[0], features)
        ]
        for value, name in zip(graph.outputs, (OUTPUTS, FEATURES), strict=True):
            value.name = name
        RemoveUnusedNodesPass()(model)
        graph.sort()
        masked = serialise(model)
        if sites:
            make_pairs(graph)
        else:
            for value in (*graph.inputs, *(output for node in graph for output in node.outputs)):
                rename_axis(value, BATCH, ROWS)
        return CapturedFile(serialise(model), sites, form, heads=tuple(heads), masked=masked)

    def check(
        self, captured: Captured, files: Sequence[Path], rows: Tensor, far: Tensor | None = None
    ) -> tuple[float, Sequence[Mapping[str, Tensor]]]:
        assert isinstance(captured, CapturedFile)  # as it was captured here
        session = Session(captured.masked, rows.device)

        def evaluate(of_pairs: Tensor, draws: Mapping[str, Tensor], draw_of: Sequence[int]) -> list[Tensor]:
            masks = {site.mask: draws[site.mask][list(draw_of)] for site in captured.sites}
            return session.run({ROWS: of_pairs, **masks}, [OUTPUTS, FEATURES], {})

        ones = {site.mask: torch.ones(1, *site.shape) for site in captured.sites}
        outputs, _ = evaluate(rows, ones, [0] * len(rows))
        theirs = expected(self._answers(rows), captured.heads)
        if not theirs.isfinite().all():
            raise ImportModelError("the graph answers nan or inf on standardised rows of noise")
        whole = difference(undone(outputs, captured.heads[0], captured.outputs), theirs)
        if not whole <= TOLERANCE:
            fixed = f", as it was made for {self._file.rows} rows at once: {OPEN_ROWS}" if self._file.rows else ""
            raise ImportModelError(f"the graph differs from the file by {whole:.1e}{fixed}")
        try:
            compared = compare_graph(captured, rows, evaluate, "those of a mask for every row")
            if far is not None:
                answer_apart(captured, far)
            return max(whole, compared), ()
        except ImportModelError:
            raise
        except Exception as error:  # the errors of ONNX Runtime have no base of their own
            reason = " ".join(str(error).split())[:200]
            raise ImportModelError(f"the graph does not run with a mask for every pair: {reason}") from error

    def _load(self) -> ir.Model:
        loaded = load_with_axes(_converted(self._graph), self._sample)
        for value in [value for node in loaded.graph for value in node.outputs] + list(loaded.graph.inputs):
            if value.name in _OURS:
                value.name = f"{value.name}_of_file"
        return loaded

    def _sample(self, rows: int) -> Tensor:
        """Return rows of noise ``(rows, *layout)`` as the file takes them."""
        return to_layout(standard_noise(self._inputs, rows), self._layout)

    def _answers(self, rows: Tensor) -> list[Tensor]:
        """Return what the file as it came makes of rows ``(B, *input_shape)``."""
        return _run_file(self._file, to_layout(rows, self._layout))


def _converted(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a graph in newer operators, where ONNX knows how; else as it is."""
    version = max(one.version for one in model.opset_import if one.domain in ("", "ai.onnx"))
    if version >= OPSET:
        return model
    try:
        return onnx.version_converter.convert_version(model, OPSET)
    except Exception:  # it does not know each operator, and raises errors of several bases
        return model


def _run_file(file: OnnxFile, rows: Tensor) -> list[Tensor]:
    """Return a file's results for any number of rows, in parts of the number that it takes."""
    model = onnx.ModelProto()
    model.CopyFrom(file.graph)
    session = Session(model.SerializeToString(), rows.device)
    name, kind = file.input.name, file.input.type.tensor_type.elem_type
    values = rows.to(getattr(torch, onnx.helper.tensor_dtype_to_np_dtype(kind).name))
    size = file.rows or len(values)
    short = -len(values) % size
    padded = torch.cat([values, values[:1].expand(short, *values.shape[1:])]) if short else values
    names = [value.name for value in model.graph.output]
    parts = [session.run({name: part}, names, {}) for part in torch.split(padded, size)]
    return [torch.cat(one)[: len(values)] for one in zip(*parts, strict=True)]
