"""A model gets a graph as its next version, or the reason why it can have none."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
import torch
from random_models import SPECS, save_model
from torch import Tensor, nn
from typer.testing import CliRunner

from models.checkpoints.checkpoint import PredictorSpec, load
from models.errors import CheckpointError
from models.networks import NETWORKS
from models.prediction.predictor import Predictor
from training.cli.commands import app
from training.run.export import check
from training.run.export.graph import OPSET


def export(store: Path, name: str) -> str:
    result = CliRunner().invoke(app, ["export", name, "--out", str(store)], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("name", ["mlp", "infogan", "tunes"])
def test_the_next_version_has_the_graph_and_is_the_same_otherwise(name: str, tmp_path: Path) -> None:
    before = load(save_model(tmp_path, name))
    assert f"saved as {name}/2 with a graph of 0." in export(tmp_path, name)
    folder = tmp_path / name / "2"
    after = load(folder)
    assert (before.graph, before.manifest.opset, after.manifest.opset) == (None, None, OPSET)
    assert after.graph == (folder / after.manifest.graph_file).read_bytes()
    assert f"{after.manifest.graph_file}\n" in (folder / "SHA256SUMS").read_text()
    assert f"version {OPSET}" in after.card
    weights = before.model.state_dict()
    assert all(torch.equal(tensor, weights[key]) for key, tensor in after.model.state_dict().items())


def test_a_graph_tells_nothing_of_where_it_was_made(tmp_path: Path) -> None:
    save_model(tmp_path, "convnet")
    export(tmp_path, "convnet")
    graph = (tmp_path / "convnet" / "2" / "network.onnx").read_bytes()
    assert str(Path(__file__).parents[4]).encode() not in graph
    assert b".py" not in graph


def test_a_graph_that_was_changed_is_refused(tmp_path: Path) -> None:
    save_model(tmp_path, "mlp")
    export(tmp_path, "mlp")
    file = tmp_path / "mlp" / "2" / "network.onnx"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match=r"^network.onnx does not have the SHA-256"):
        load(file.parent)


class Counting(nn.Module):
    """A network whose trace has the number of rows as a constant."""

    def __init__(self, input_shape: tuple[int, ...], outputs: int) -> None:
        super().__init__()
        self.dropout, self.last = nn.Dropout(0.5), nn.Linear(64, outputs)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.last(self.dropout(x.reshape(len(x), 64)))
        return output


def test_what_cannot_become_a_graph_is_refused_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NETWORKS, "counting", Counting)
    mlp = SPECS["mlp"]
    assert isinstance(mlp, PredictorSpec)
    monkeypatch.setitem(SPECS, "counting", PredictorSpec(
        type(mlp.network)("counting"), mlp.posterior, mlp.likelihood, mlp.inputs, mlp.outputs
    ))  # fmt: skip
    save_model(tmp_path, "counting")
    result = CliRunner().invoke(app, ["export", "counting", "--out", str(tmp_path)], env={"COLUMNS": "200"})
    assert result.exit_code == 2
    assert result.output == (
        "error: torch cannot make a graph of this network: it makes the number of rows a constant, as len() of a tensor"
        " does: use shape[0]\n"
    )
    assert not (tmp_path / "counting" / "2").exists()


def test_a_graph_of_other_weights_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_model(tmp_path, "mlp")
    export(tmp_path, "mlp")
    checkpoint = load(tmp_path / "mlp" / "2")
    assert isinstance(checkpoint.model, Predictor)
    assert checkpoint.graph is not None
    assert check.check_network(checkpoint.model, checkpoint.graph) <= check.TOLERANCE
    with torch.no_grad():
        checkpoint.model.posterior.network.get_parameter("layers.4.bias")[0] += 1e-3
    with pytest.raises(check.ExportError, match="served by torch alone"):
        check.check_network(checkpoint.model, checkpoint.graph)


def test_the_trunk_of_a_graph_runs_once_a_row(tmp_path: Path) -> None:
    """LeNet with dropout before its last layer: what is computed once a pair is one product of a matrix."""
    save_model(tmp_path, "mlp")
    export(tmp_path, "mlp")
    graph = onnx.load(tmp_path / "mlp" / "2" / "network.onnx").graph
    rows_of = {value.name: value.type.tensor_type.shape.dim[0].dim_param for value in graph.value_info}
    products = [rows_of.get(node.output[0], "pairs") for node in graph.node if node.op_type in ("Gemm", "MatMul")]
    assert sorted(products) == ["pairs", "rows"]
