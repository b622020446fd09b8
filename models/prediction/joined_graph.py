"""One graph from raw rows to their answers: standardising, the network for pairs of rows and draws, and the statistics.

The two graphs of a checkpoint could run one after the other. But each call into a library lets another thread of
Python go on, and waits for its turn afterwards; beside an event loop that is busy, six such calls took five times as
long as what they computed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, compose, helper, numpy_helper

from models.graphs import Session, parse_graph
from models.prediction import answer_graph
from models.prediction.answer_graph import Arrays
from models.prediction.graph import DRAW_OF, FEATURES, OUTPUTS, ROW_OF, ROWS
from models.specs import InputSpec

RAW = "raw"
_OF_ANSWER, _OWN = "answer.", "joined."
_MOST_BYTES = 64 * 2**20
"""Bytes of a network whose weights are held once more; a larger one computes for much longer than calls take."""


class JoinedGraph:
    """The graph of a whole answer, on the CPU.

    Args:
        content: The serialised graph, made by :func:`join_graphs`.
        weighs_evidence: Whether evidence is wanted.
    """

    def __init__(self, content: bytes, *, weighs_evidence: bool) -> None:
        self._session = Session(content, torch.device("cpu"))
        self._names = answer_graph.wanted(self._session.results, weighs_evidence=weighs_evidence)

    def answer(
        self,
        rows: NDArray[np.float32],
        draws: Mapping[str, NDArray[np.float32]],
        row_of: NDArray[np.int64],
        draw_of: NDArray[np.int64],
    ) -> tuple[Arrays, Arrays]:
        """Return statistics and evidence of rows, float64, by their names.

        Args:
            rows: Raw rows ``(B, *shape)``.
            draws: Masks ``(N, ...)`` by their names, the mean function's and those of draws.
            row_of: Row of each pair, ``((1 + S) * B,)``: all rows with the mean function, then with their first draw.
            draw_of: Place in ``draws`` of each pair's draw.
        """
        results = self._session.run_numpy({**draws, RAW: rows, ROW_OF: row_of, DRAW_OF: draw_of}, self._names)
        return answer_graph.sort(self._names, results)


def join_graphs(network: bytes, answer: bytes, inputs: InputSpec) -> bytes | None:
    """Return the graph that is both, after standardising; ``None`` where they cannot be joined, or need not be.

    Args:
        network: Graph of pairs.
        answer: Graph of the answers.
        inputs: Description of the rows.
    """
    if inputs.parts or inputs.ragged or len(network) > _MOST_BYTES:
        return None
    first, second = parse_graph(network), compose.add_prefix(parse_graph(answer), _OF_ANSWER)
    names = {value.name for value in first.graph.input}
    operators = [{one.domain: one.version for one in model.opset_import} for model in (first, second)]
    if not {ROW_OF, DRAW_OF} <= names or operators[0] != operators[1]:
        return None
    taken = {name for node in first.graph.node for name in (*node.input, *node.output)}
    if RAW in taken or any(name.startswith((_OF_ANSWER, _OWN)) for name in taken):
        return None
    outputs = next(value for value in first.graph.output if value.name == OUTPUTS)
    width = outputs.type.tensor_type.shape.dim[-1].dim_value
    shape = (1, -1, *[1] * (len(inputs.shape) - 1)) if len(inputs.mean) > 1 else ()
    constants: dict[str, NDArray[Any]] = {
        "mean": np.array(inputs.mean, np.float32).reshape(shape),
        "scale": np.array(inputs.scale, np.float32).reshape(shape),
        "first": np.array(0),
        "width": np.array([width]),
    }
    constants |= {name: np.array([value]) for name, value in {"any": -1, "zero": 0, "one": 1, "end": 2**62}.items()}
    initialisers = [numpy_helper.from_array(value, _OWN + name) for name, value in constants.items()]
    raw = helper.make_tensor_value_info(RAW, TensorProto.FLOAT, ["rows", *inputs.shape])
    graph = helper.make_graph(
        [*_standardising(), *first.graph.node, *_between(), *second.graph.node],
        "joined",
        [raw, *(value for value in first.graph.input if value.name != ROWS)],
        [_without_prefix(value) for value in second.graph.output],
        [*first.graph.initializer, *second.graph.initializer, *initialisers],
    )
    for value in second.graph.output:
        graph.node.append(helper.make_node("Identity", [value.name], [value.name.removeprefix(_OF_ANSWER)]))
    model = helper.make_model(graph, opset_imports=first.opset_import, ir_version=first.ir_version)
    return bytes(model.SerializeToString())


def _standardising() -> list[NodeProto]:
    return [_node("Sub", [RAW, "mean"], "centred"), helper.make_node("Div", [f"{_OWN}centred", f"{_OWN}scale"], [ROWS])]


def _between() -> list[NodeProto]:
    """Return what makes of pairs the arguments of an answer: the mean function's come first."""
    return [
        _node("Shape", [RAW], "shape"),
        _node("Slice", ["shape", "zero", "one"], "count"),
        _node("Concat", ["any", "count", "width"], "grid_shape", axis=0),
        _node("Reshape", [OUTPUTS, "grid_shape"], "grid"),
        _argument("Slice", ["grid", "one", "end", "zero"], answer_graph.OUTPUTS),
        _argument("Gather", ["grid", "first"], answer_graph.OBSERVED, axis=0),
        _argument("Slice", [FEATURES, "zero", "count", "zero"], answer_graph.FEATURES),
        _argument("Identity", [ROWS], answer_graph.X),
    ]


def _node(operator: str, inputs: Sequence[str], output: str, **attributes: Any) -> NodeProto:
    named = [name if name in (RAW, ROWS, OUTPUTS, FEATURES) else _OWN + name for name in inputs]
    return helper.make_node(operator, named, [_OWN + output], **attributes)


def _argument(operator: str, inputs: Sequence[str], name: str, **attributes: Any) -> NodeProto:
    node = _node(operator, inputs, name, **attributes)
    node.output[0] = _OF_ANSWER + name
    return node


def _without_prefix(value: onnx.ValueInfoProto) -> onnx.ValueInfoProto:
    renamed = onnx.ValueInfoProto()
    renamed.CopyFrom(value)
    renamed.name = value.name.removeprefix(_OF_ANSWER)
    return renamed
