"""A graph is judged before it runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

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


def external_constant() -> onnx.ModelProto:
    """A constant whose values lie in a file, without the mark that says so."""
    made = doubled()
    value = helper.make_tensor("c", TensorProto.FLOAT, [2], [1.0, 2.0])
    value.external_data.add(key="location", value="../../secret")
    made.graph.node.insert(0, helper.make_node("Constant", [], ["c"], value=value))
    return made


def random(operator: str, inputs: Sequence[str], **attributes: object) -> onnx.ModelProto:
    true = helper.make_node("Constant", [], ["t"], value=helper.make_tensor("t", TensorProto.BOOL, [], [True]))
    return model([true, helper.make_node(operator, inputs, ["y"], **attributes)])


def large(operator: str, inputs: Sequence[str], shape: Sequence[int], **attributes: object) -> onnx.ModelProto:
    """An operator whose result is as large as a few numbers, ``s``, say."""
    numbers = helper.make_tensor("s", TensorProto.INT64, [len(shape)], shape)
    scalars = [helper.make_tensor(f"s{i}", TensorProto.INT64, [], [one]) for i, one in enumerate(shape)]
    made = model([helper.make_node(operator, inputs, ["big"], **attributes), helper.make_node("Relu", ["x"], ["y"])])
    made.graph.initializer.extend([numbers, *scalars])
    return made


def doubling() -> onnx.ModelProto:
    names = ["x", *(f"x{i}" for i in range(40))]
    nodes = [helper.make_node("Concat", [a, a], [b], axis=1) for a, b in pairwise(names)]
    return model([*nodes, helper.make_node("ReduceMax", [names[-1]], ["y"])])


def empty_weights() -> onnx.ModelProto:
    made = doubled()
    made.graph.initializer.append(TensorProto(name="huge", data_type=TensorProto.FLOAT, dims=[2**40], raw_data=b"ab"))
    return made


def by_values() -> onnx.ModelProto:
    """Ones as many as a row's first number says."""
    nodes = [
        helper.make_node("Cast", ["x"], ["whole"], to=TensorProto.INT64),
        helper.make_node("ReduceMax", ["whole"], ["most"], keepdims=0),
        helper.make_node("Reshape", ["most", "one"], ["shape"]),
        helper.make_node("ConstantOfShape", ["shape"], ["y"]),
    ]
    made = model(nodes)
    made.graph.initializer.append(helper.make_tensor("one", TensorProto.INT64, [1], [1]))
    return made


BOMBS = {
    "ConstantOfShape": lambda: large("ConstantOfShape", ["s"], [2**20, 2**20]),
    "Expand": lambda: large("Expand", ["x", "s"], [2**40, 1]),
    "Tile": lambda: large("Tile", ["x", "s"], [2**20, 2**20]),
    "Range": lambda: large("Range", ["s0", "s1", "s2"], [0, 2**40, 1]),
    "Pad": lambda: large("Pad", ["x", "s"], [0, 0, 2**20, 2**20]),
    "OneHot": lambda: large("OneHot", ["s", "s0", "s"], [2**40, 1]),
    "Concat": doubling,
}


@pytest.mark.parametrize("operator", BOMBS)
def test_results_that_no_machine_holds_are_refused(operator: str) -> None:
    with pytest.raises(CheckpointError, match=f"^the graph's {operator} [a-z0-9]+ makes .* [MGT]iB of one") as refusal:
        check_graph(BOMBS[operator]().SerializeToString())
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (custom, "operators of evil"),
        (lambda: model([helper.make_node("Relu", ["x"], ["y"])] * 20_001), "20001 nodes, of which 20000 are allowed"),
        (loop, r"loops or branches \(Loop\)"),
        (external, "weights in other files"),
        (with_function, "functions of its own"),
        (external_constant, "weights in other files"),
        (lambda: random("RandomNormalLike", ["x"]), r"random numbers of its own \(RandomNormalLike\)"),
        (lambda: random("Dropout", ["x", "", "t"]), r"random numbers of its own \(Dropout\)"),
        (empty_weights, "too small for the declared shape"),
        (by_values, "ConstantOfShape y has a result whose size depends on the values of a row"),
        (lambda: large("NonZero", ["x"], [1]), "NonZero big has a result whose size depends on the values of a row"),
        (lambda: large("SequenceConstruct", ["x"], [1]), "SequenceConstruct big has a result that is no tensor"),
        (lambda: model([helper.make_node("MatMul", ["x", "x"], ["y"])]), "MatMul y cannot be computed"),
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
