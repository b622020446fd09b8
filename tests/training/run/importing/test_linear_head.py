"""The last layer of a graph, as exporters write it, becomes an input of as many draws as there are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
import pytest
import torch
from onnx import NodeProto, helper, numpy_helper
from torch import Tensor

from models.graphs import Session, check_graph
from models.prediction.graph_network import READ
from training.errors import ImportModelError
from training.run.importing.linear_head import split_last_layer

FEATURES, OUTPUTS = 4, 3
WEIGHT = np.random.default_rng(0).standard_normal((OUTPUTS, FEATURES)).astype(np.float32)
BIAS = np.array([0.5, -1.0, 2.0], np.float32)
_CPU = torch.device("cpu")


def constant(name: str, values: np.ndarray) -> NodeProto:
    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(values))


def graph(nodes: Sequence[NodeProto], shape: Sequence[int], answer: Sequence[int]) -> bytes:
    """Return a graph of rows whose features are their hyperbolic tangents."""
    whole = [helper.make_node("Tanh", ["rows"], ["read"]), helper.make_node("Identity", ["rows"], ["features"]), *nodes]
    names = {"last_layer.weight": WEIGHT, "turned": WEIGHT.T, "kernel": WEIGHT[..., None, None], "bias": BIAS}
    made = helper.make_graph(
        whole,
        "theirs",
        [helper.make_tensor_value_info("rows", onnx.TensorProto.FLOAT, ["rows", *shape])],
        [
            helper.make_tensor_value_info("outputs", onnx.TensorProto.FLOAT, ["rows", *answer]),
            helper.make_tensor_value_info("features", onnx.TensorProto.FLOAT, ["rows", *shape]),
        ],
        [numpy_helper.from_array(values, name) for name, values in names.items()],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)], ir_version=8)
    content: bytes = onnx.shape_inference.infer_shapes(model).SerializeToString()
    return content


node = helper.make_node
LAYERS = {
    "a product and a sum": (
        graph([node("Gemm", ["read", "last_layer.weight", "bias"], ["outputs"], transB=1)], [FEATURES], [OUTPUTS]),
        True,
    ),
    "without a bias": (graph([node("MatMul", ["read", "turned"], ["outputs"])], [FEATURES], [OUTPUTS]), False),
    "every step": (
        graph(
            [node("MatMul", ["read", "turned"], ["m"]), node("Add", ["bias", "m"], ["outputs"])],
            [5, FEATURES],
            [5, OUTPUTS],
        ),
        True,
    ),
    "constants": (
        graph(
            [
                *(constant("w", WEIGHT), constant("b", BIAS)),
                *(node("Transpose", ["w"], ["t"]), node("MatMul", ["read", "t"], ["m"])),
                node("Add", ["m", "b"], ["outputs"]),
            ],
            [FEATURES],
            [OUTPUTS],
        ),
        True,
    ),
    "every pixel": (
        graph(
            [node("Conv", ["read", "kernel", "bias"], ["c"]), node("Transpose", ["c"], ["outputs"], perm=[0, 2, 3, 1])],
            [FEATURES, 2, 3],
            [2, 3, OUTPUTS],
        ),
        True,
    ),
}


def expected(rows: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    read = rows.tanh().movedim(1, -1) if rows.ndim == 4 else rows.tanh()
    return torch.stack([read @ w.T + b for w, b in zip(weight, bias, strict=True)])


@pytest.mark.parametrize("name", LAYERS)
def test_draws_of_the_layer_are_an_input(name: str) -> None:
    content, has_bias = LAYERS[name]
    head = split_last_layer(content)
    check_graph(head.graph)
    torch.testing.assert_close(head.weight, torch.from_numpy(WEIGHT))
    assert (head.bias is not None) == has_bias
    generator = torch.Generator().manual_seed(0)
    session = Session(head.graph, _CPU)
    rows = torch.randn(7, *session.inputs["rows"][1:], generator=generator)
    weight = torch.randn(2, OUTPUTS, FEATURES, generator=generator)
    bias = torch.randn(2, OUTPUTS, generator=generator) if has_bias else torch.zeros(2, OUTPUTS)
    drawn = {"last_layer.weight": weight} | ({"last_layer.bias": bias} if has_bias else {})
    outputs, read, features = session.run({"rows": rows, **drawn}, ["outputs", READ, "features"], {})
    torch.testing.assert_close(outputs, expected(rows, weight, bias), atol=1e-5, rtol=1e-5)
    assert read.shape == (*outputs.shape[1:-1], FEATURES)
    torch.testing.assert_close(features, rows.unsqueeze(0))


REFUSED = {
    "softmax": (
        [node("MatMul", ["read", "turned"], ["m"]), node("Softmax", ["m"], ["outputs"])],
        "ends with the operator Softmax",
    ),
    "weights that vary": (
        [node("Transpose", ["read"], ["t"]), node("MatMul", ["read", "t"], ["outputs"])],
        "ends with the operator MatMul",
    ),
    "half a product": (
        [node("Gemm", ["read", "turned", "bias"], ["outputs"], alpha=0.5)],
        "ends with the operator Gemm",
    ),
    "two heads": (
        [node("MatMul", ["read", "turned"], ["m"]), node("Concat", ["m", "m"], ["outputs"], axis=1)],
        "ends with two heads",
    ),
    "no layer": ([node("Identity", ["rows"], ["outputs"])], "has no layer at its end"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_another_end_is_named(name: str) -> None:
    nodes, reason = REFUSED[name]
    with pytest.raises(ImportModelError, match=reason):
        split_last_layer(graph(nodes, [FEATURES], [OUTPUTS]))
