"""A graph is judged before it runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import onnx
import pytest
import torch
from onnx import TensorProto, helper

from models.errors import CheckpointError
from models.graphs import Session, check_graph


def model(nodes: Sequence[onnx.NodeProto], *, opsets: Sequence[tuple[str, int]] = (("", 20),)) -> onnx.ModelProto:
    """A graph from ``x`` to ``y``, both ``(n, 2)``."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 2]) for name in "xy")
    weight = helper.make_tensor("w", TensorProto.FLOAT, [2], [1.0, 2.0])
    graph = helper.make_graph(nodes, "g", [x], [y], [weight])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid(*one) for one in opsets], ir_version=10)


def doubled() -> onnx.ModelProto:
    return model([helper.make_node("Add", ["x", "w"], ["y"])])


def custom() -> onnx.ModelProto:
    return model([helper.make_node("Run", ["x"], ["y"], domain="evil")], opsets=[("", 20), ("evil", 1)])


def loop() -> onnx.ModelProto:
    """A billion additions in a few hundred bytes."""
    scalar = helper.make_tensor_value_info("i", TensorProto.INT64, [])
    goes_on, still = (helper.make_tensor_value_info(name, TensorProto.BOOL, []) for name in ("before", "after"))
    value, larger = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 2]) for name in ("v", "u"))
    body = helper.make_graph(
        [helper.make_node("Identity", ["before"], ["after"]), helper.make_node("Add", ["v", "v"], ["u"])],
        "body",
        [scalar, goes_on, value],
        [still, larger],
    )
    many = helper.make_node("Constant", [], ["m"], value=helper.make_tensor("m", TensorProto.INT64, [], [10**9]))
    true = helper.make_node("Constant", [], ["t"], value=helper.make_tensor("t", TensorProto.BOOL, [], [True]))
    return model([many, true, helper.make_node("Loop", ["m", "t", "x"], ["y"], body=body)])


def external() -> onnx.ModelProto:
    made = doubled()
    weight = made.graph.initializer[0]
    weight.ClearField("float_data")
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="/etc/passwd")
    return made


def with_function() -> onnx.ModelProto:
    made = doubled()
    made.functions.append(
        helper.make_function("own", "F", ["a"], ["b"], [helper.make_node("Relu", ["a"], ["b"])], made.opset_import)
    )
    made.opset_import.append(helper.make_opsetid("own", 1))
    return made


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (custom, "operators of evil"),
        (loop, r"loops or branches \(Loop\)"),
        (external, "weights in other files"),
        (with_function, "functions of its own"),
    ],
)
def test_more_than_operators_and_weights_is_refused(make: Callable[[], onnx.ModelProto], reason: str) -> None:
    with pytest.raises(CheckpointError, match=reason) as refusal:
        check_graph(make().SerializeToString())
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("content", [b"", b"no graph", bytes(100)])
def test_other_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(CheckpointError, match=r"^this is no ONNX graph"):
        check_graph(content)


def test_a_plain_graph_passes_and_runs_where_its_tensors_lie() -> None:
    content = doubled().SerializeToString()
    assert check_graph(content) == 20
    session = Session(content, torch.device("cpu"))
    assert session.inputs == {"x": ["n", 2]}
    turned = torch.arange(6.0).view(2, 3).T
    (y,) = session.run({"x": turned}, ["y"], {"n": 3})
    assert torch.equal(y, turned + torch.tensor([1.0, 2.0]))
