"""An ONNX file from elsewhere answers as it did, and its dropouts are data."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.nn import functional as F

from models.graphs import Session, check_graph
from models.prediction.graph import FEATURES, OUTPUTS, ROWS
from models.specs import InputSpec
from training.errors import ImportModelError
from training.run.export.check import TOLERANCE
from training.run.importing.check import run_graph
from training.run.importing.onnx_files.network import OnnxNetwork


class LeNet(nn.Module):
    """Convolutions with batch norm, and dropout before both linear layers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6)
        self.first, self.last = nn.Linear(54, 12), nn.Linear(12, 4)
        self.one, self.two = nn.Dropout(0.2), nn.Dropout(0.4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.one(F.max_pool2d(F.relu(self.norm(self.conv(x))), 2)).flatten(1)
        return self.last(self.two(F.relu(self.first(x))))


class Encoder(nn.Module):
    """Attention over steps, which are the first axis inside."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, 16, 0.1)
        self.put, self.encoder, self.out = (
            nn.Linear(3, 8),
            nn.TransformerEncoder(layer, 2, enable_nested_tensor=False),
            nn.Linear(8, 3),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.encoder(self.put(x).transpose(0, 1)).mean(0))


class UNet(nn.Module):
    """A class for every pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.low = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, 2, 1)
        self.up, self.out = nn.ConvTranspose2d(4, 4, 2, 2), nn.Conv2d(8, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.down(x))
        return self.out(torch.cat([x, self.up(F.relu(self.low(x)))], 1))


NETWORKS: dict[str, tuple[type[nn.Module], tuple[int, ...]]] = {
    "lenet": (LeNet, (1, 8, 8)),
    "encoder": (Encoder, (5, 3)),
    "unet": (UNet, (3, 8, 8)),
}


def exported(name: str, path: Path, *, dynamo: bool = False, fixed: bool = False, dropping: bool = False) -> nn.Module:
    """Write a network as torch's users do, and return it in evaluation mode."""
    kind, shape = NETWORKS[name]
    torch.manual_seed(0)
    network = kind().train(dropping)
    rows = torch.randn(1 if fixed else 2, *shape)
    training = torch.onnx.TrainingMode.TRAINING if dropping else torch.onnx.TrainingMode.EVAL
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if dynamo:
            shapes = None if fixed else ({0: torch.export.Dim("n")},)
            torch.onnx.export(network, (rows,), path, dynamic_shapes=shapes, external_data=False, verbose=False)
        else:
            axes = None if fixed else {"x": {0: "n"}, "y": {0: "n"}}
            torch.onnx.export(
                network,
                (rows,),
                path,
                dynamo=False,
                input_names=["x"],
                output_names=["y"],
                dynamic_axes=axes,
                training=training,
                do_constant_folding=not dropping,
                opset_version=14 if name == "encoder" else 11,  # before 12, dropout has no mode
            )
    return network.eval()


def answers(graph: bytes, rows: Tensor) -> tuple[Tensor, Tensor]:
    outputs, features = Session(graph, rows.device).run({ROWS: rows}, [OUTPUTS, FEATURES], {})
    return outputs, features


@pytest.mark.parametrize(
    ("name", "dynamo", "fixed", "dropping"),
    [
        ("lenet", True, False, False),
        ("lenet", False, True, False),
        ("lenet", False, False, True),
        ("encoder", False, False, True),
        ("unet", False, False, False),
        ("unet", True, True, False),
    ],
)
@torch.no_grad()
def test_files_of_both_exporters_answer_as_torch_does(
    name: str, dynamo: bool, fixed: bool, dropping: bool, tmp_path: Path
) -> None:
    file = tmp_path / "net.onnx"
    network = exported(name, file, dynamo=dynamo, fixed=fixed, dropping=dropping)
    shape = NETWORKS[name][1]
    rows = torch.randn(3, *shape)
    opened = OnnxNetwork(file, InputSpec("table", shape))
    assert any("1 rows at once" in sentence for sentence in opened.told) == fixed
    whole = opened.capture({}, dropping=False)
    assert opened.check(whole, (), rows)[0] <= TOLERANCE
    outputs, features = answers(whole.graph, rows)
    expected = network(rows)
    torch.testing.assert_close(outputs, expected.movedim(1, -1) if expected.ndim > 2 else expected, atol=1e-5, rtol=0)
    assert features.shape == (3, {"lenet": 12, "encoder": 8, "unet": 8}[name])
    drawn = opened.capture({}, dropping=True)
    assert len(drawn.sites) == (0 if not dropping else 2 if name == "lenet" else 8)
    assert opened.check(drawn, (), rows)[0] <= TOLERANCE
    check_graph(drawn.graph)


@torch.no_grad()
def test_a_dropout_is_a_product_with_its_mask_and_the_trunk_runs_once_a_row(tmp_path: Path) -> None:
    network = exported("lenet", tmp_path / "net.onnx", dropping=True)
    assert isinstance(network, LeNet)
    captured = OnnxNetwork(tmp_path / "net.onnx", InputSpec("image", (1, 8, 8))).capture(
        {"/one/Dropout": 0}, dropping=True
    )
    (site,) = captured.sites
    assert (site.name, site.shape, site.probability) == ("/two/Dropout", (12,), pytest.approx(0.4))
    rows, masks = torch.randn(2, 1, 8, 8), torch.rand(3, 12)
    outputs, features = run_graph(
        Session(captured.graph, rows.device), rows, {site.mask: masks}, [0, 1, 1, 0], [2, 0, 1, 0]
    )
    hidden = F.relu(network.first(F.max_pool2d(F.relu(network.norm(network.conv(rows))), 2).flatten(1)))
    dropped = hidden[[0, 1, 1, 0]] * masks[[2, 0, 1, 0]]
    torch.testing.assert_close(features, dropped, atol=1e-5, rtol=0)
    torch.testing.assert_close(outputs, network.last(dropped), atol=1e-5, rtol=0)
    shapes = {value.name: value for value in onnx.load_model_from_string(captured.graph).graph.value_info}
    convolution = next(n for n in onnx.load_model_from_string(captured.graph).graph.node if n.op_type == "Conv")
    assert shapes[convolution.output[0]].type.tensor_type.shape.dim[0].dim_param == "rows"


def file_of(
    nodes: Sequence[onnx.NodeProto],
    weights: dict[str, np.ndarray],  # type: ignore[type-arg]
    shape: Sequence[int | str],
    outputs: Sequence[onnx.ValueInfoProto],
    path: Path,
    kind: int = TensorProto.FLOAT,
) -> Path:
    """Write a file whose weights are inputs too, as older converters do."""
    tensors = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    inputs = [helper.make_tensor_value_info("x", kind, shape)]
    inputs += [helper.make_tensor_value_info(t.name, t.data_type, list(t.dims)) for t in tensors]
    graph = helper.make_graph(nodes, "g", inputs, outputs, tensors)
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid("ai.onnx.ml", 1)]
    path.write_bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())
    return path


def test_channels_that_are_last_and_a_softmax_are_taken_as_keras_writes_them(tmp_path: Path) -> None:
    stream = np.random.default_rng(0)
    kernel, weight = (stream.standard_normal(size).astype(np.float32) for size in ((4, 3, 3, 3), (4, 2)))
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["t", "kernel"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("GlobalMaxPool", ["c"], ["g"]),
        helper.make_node("Squeeze", ["g", "axes"], ["s"]),
        helper.make_node("MatMul", ["s", "weight"], ["m"]),
        helper.make_node("Softmax", ["m"], ["dense/Softmax:0"], axis=-1),
    ]
    weights = {"kernel": kernel, "weight": weight, "axes": np.array([2, 3])}
    result = helper.make_tensor_value_info("dense/Softmax:0", TensorProto.FLOAT, ["n", 2])
    file = file_of(nodes, weights, ["n", 6, 5, 3], [result], tmp_path / "keras.onnx")
    network = OnnxNetwork(file, InputSpec("image", (3, 6, 5)))
    assert "the file's channels are the last axis, and a request's the first" in network.told
    captured = network.capture({"s": 0.3}, dropping=True)
    assert captured.outputs.taken.endswith("whose softmax is cut off")
    assert [site.shape for site in captured.sites] == [(4,)]
    rows = torch.randn(4, 3, 6, 5)
    assert network.check(captured, (), rows)[0] <= TOLERANCE
    outputs, _ = answers(network.capture({}, dropping=False).graph, rows)
    logits = F.conv2d(rows, torch.from_numpy(kernel), padding=1).amax((2, 3)) @ torch.from_numpy(weight)
    torch.testing.assert_close(outputs, logits, atol=1e-5, rtol=1e-5)


def test_what_scikit_learn_writes_is_its_probabilities(tmp_path: Path) -> None:
    weight = np.random.default_rng(0).standard_normal((3, 1)).astype(np.float32)
    nodes = [
        helper.make_node("Scaler", ["x"], ["z"], domain="ai.onnx.ml", offset=[1.0, 2.0, 3.0], scale=[0.5, 1.0, 2.0]),
        helper.make_node("MatMul", ["z", "weight"], ["m"]),
        helper.make_node("Sigmoid", ["m"], ["second"]),
        helper.make_node("Sub", ["one", "second"], ["first"]),
        helper.make_node("Concat", ["first", "second"], ["both"], axis=1),
        helper.make_node("ArgMax", ["both"], ["label"], axis=1, keepdims=0),
        helper.make_node("ZipMap", ["both"], ["probabilities"], domain="ai.onnx.ml", classlabels_int64s=[0, 1]),
    ]
    probabilities = onnx.ValueInfoProto(name="probabilities")
    probabilities.type.sequence_type.elem_type.map_type.key_type = TensorProto.INT64
    label = helper.make_tensor_value_info("label", TensorProto.INT64, ["n"])
    weights = {"weight": weight, "one": np.ones(1, np.float32)}
    file = file_of(nodes, weights, ["n", 3], [label, probabilities], tmp_path / "sklearn.onnx")
    network = OnnxNetwork(file, InputSpec("table", (3,)))
    assert network.told == ("of the graph's results both is taken, not label",)
    captured = network.capture({}, dropping=False)
    rows = torch.randn(6, 3)
    assert network.check(captured, (), rows)[0] <= TOLERANCE
    scaled = (rows - torch.tensor([1.0, 2.0, 3.0])) * torch.tensor([0.5, 1.0, 2.0])
    second = (scaled @ torch.from_numpy(weight)).sigmoid()
    torch.testing.assert_close(answers(captured.graph, rows)[0].softmax(-1)[:, 1:], second, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("width", "task"), [(1, "classification"), (3, "multilabel")])
def test_a_sigmoid_says_what_the_outputs_are(width: int, task: str, tmp_path: Path) -> None:
    weight = np.random.default_rng(0).standard_normal((3, width)).astype(np.float32)
    nodes = [helper.make_node("MatMul", ["x", "weight"], ["m"]), helper.make_node("Sigmoid", ["m"], ["y"])]
    result = helper.make_tensor_value_info("y", TensorProto.DOUBLE, [4, width])
    file = file_of(nodes, {"weight": weight.astype(float)}, [4, 3], [result], tmp_path / "s.onnx", TensorProto.DOUBLE)
    network = OnnxNetwork(file, InputSpec("table", (3,)))
    captured = network.capture({}, dropping=False)
    assert captured.outputs.task == task
    rows = torch.randn(6, 3)
    assert network.check(captured, (), rows)[0] <= TOLERANCE
    logits = rows @ torch.from_numpy(weight)
    expected = torch.cat([torch.zeros_like(logits), logits], -1) if width == 1 else logits
    torch.testing.assert_close(answers(captured.graph, rows)[0], expected, atol=1e-5, rtol=0)


def plain(path: Path, nodes: Sequence[onnx.NodeProto], shape: Sequence[int | str] = ("n", 3)) -> Path:
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None] * 2)
    return file_of(nodes, {"w": np.ones((3, 2), np.float32)}, shape, [result], path)


REFUSED = {
    "a random operator": (
        [helper.make_node("RandomNormalLike", ["x"], ["r"]), helper.make_node("MatMul", ["r", "w"], ["y"])],
        r"random numbers of its own \(RandomNormalLike\)",
    ),
    "another domain": ([helper.make_node("Run", ["x"], ["y"], domain="evil")], "operators of evil"),
    "company": (
        [helper.make_node("ReduceMax", ["x"], ["r"], axes=[0]), helper.make_node("Sub", ["x", "r"], ["y"])],
        "a row's answer depends on the rows beside it",
    ),
    "a size by values": (
        [helper.make_node("NonZero", ["x"], ["z"]), helper.make_node("Cast", ["z"], ["y"], to=TensorProto.FLOAT)],
        "NonZero z has a result whose size depends on the values",
    ),
    "a dropout of nothing": (
        [helper.make_node("MatMul", ["x", "w"], ["y"], name="dense")],
        "dropout dens: the graph has no such dropout, node or result; did you mean 'dense'",
    ),
}


@pytest.mark.parametrize("mistake", REFUSED)
def test_what_cannot_be_served_is_refused_in_one_line(mistake: str, tmp_path: Path) -> None:
    nodes, reason = REFUSED[mistake]
    file = plain(tmp_path / "file.onnx", nodes)
    wanted = {"dens": 0.2} if "dropout" in mistake else {}
    with pytest.raises(ImportModelError, match=reason) as refusal:
        take_apart(file, wanted)
    assert "\n" not in str(refusal.value)


def take_apart(file: Path, wanted: dict[str, float]) -> None:
    network = OnnxNetwork(file, InputSpec("table", (3,)))
    network.check(network.capture(wanted, dropping=True), (), torch.randn(4, 3))


def test_rows_of_another_shape_are_refused(tmp_path: Path) -> None:
    file = plain(tmp_path / "file.onnx", [helper.make_node("MatMul", ["x", "w"], ["y"])])
    with pytest.raises(ImportModelError, match="takes rows of 3, and --inputs says 4"):
        OnnxNetwork(file, InputSpec("table", (4,)))
    with pytest.raises(ImportModelError, match=r"^there is no file"):
        OnnxNetwork(tmp_path / "none.onnx", InputSpec("table", (3,)))
    with pytest.raises(ImportModelError, match="no such result; it has y"):
        OnnxNetwork(file, InputSpec("table", (3,)), None, ["z"])
