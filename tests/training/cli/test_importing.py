"""A stranger's network becomes a model like any other by one command, or one line says why not."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from typer.testing import CliRunner

from models.checkpoints.checkpoint import Checkpoint, load
from models.prediction.predictor import Predictor
from training.cli import app as cli
from training.cli.commands import app

CODE = """
import torch
from torch import nn
from torch.nn import functional as F


class Net(nn.Module):
    def __init__(self, outputs=3):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.head = nn.Linear(8, outputs)

    def forward(self, x):
        x = F.relu(self.norm(self.conv(x))).mean((2, 3))
        return self.head(F.dropout(x, 0.4, self.training))


class TwoHeads(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Dropout(0.2))
        self.mean, self.log_var = nn.Linear(32, 1), nn.Linear(32, 1)

    def forward(self, x):
        x = self.body(x)
        return {"mean": self.mean(x), "log_var": self.log_var(x)}


class Branch(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, x):
        if x.sum() > 0:
            return self.layer(x)
        return -self.layer(x)


def build():
    torch.manual_seed(0)
    return Net()


def one_output():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 1))


def plain():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))


def broken():
    return 1 / 0


def sigmoid():
    return nn.Sequential(plain(), nn.Sigmoid())


def softmax():
    return nn.Sequential(plain(), nn.Softmax(-1))


class Text(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embedding, self.output = nn.Embedding(50, 8), nn.Linear(8, 3)

    def forward(self, ids):
        return self.output(F.dropout(self.embedding(ids).mean(1), 0.3, self.training))


class Half(nn.Linear):
    def forward(self, x):
        y = super().forward(x)
        return torch.cat([y, F.softplus(y)], 1)


class Logistic(nn.Linear):
    def forward(self, x):
        return 1 / (1 + torch.exp(-super().forward(x)))


def half():
    return Half(4, 1)


def logistic():
    return Logistic(4, 3)
"""
IMAGES = ("--from", "strange:build", "--inputs", "image:3x12x10")
ROWS = ("--inputs", "table:4")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "strange.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "strange", raising=False)
    monkeypatch.setenv("COLUMNS", "300")
    return tmp_path


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["import", *map(str, arguments), "--out", "store"])
    assert result.exit_code == 0, result.output
    return result.output


def imported(name: str) -> tuple[Checkpoint, Predictor]:
    checkpoint = load(Path("store") / name / "1")
    assert isinstance(checkpoint.model, Predictor)
    return checkpoint, checkpoint.model


def test_features_are_columns_of_a_table_by_their_names(folder: Path) -> None:
    numbers = np.random.default_rng(0).normal(size=(90, 4))
    rows = [",".join(f"{value:.4f}" for value in row) for row in numbers]
    Path("rows.csv").write_text("\n".join(["a,b,c,d,kind", *(f"{row},{i % 3}" for i, row in enumerate(rows))]))
    table = ("--from", "strange:plain", "--target", "kind", "--data", "rows.csv", "--task", "classification")
    said = run("named", *table, "--inputs", "table:4")
    assert "features are the columns a, b, c, d, in this order, as numbers" in said
    assert "all 90 rows of rows.csv" in said
    assert "of no effect" not in said
    _, model = imported("named")
    assert model.inputs.table is not None
    assert model.inputs.table.features == ("a", "b", "c", "d")
    Path("order.json").write_text('{"kind": "table", "shape": [4], "names": ["d", "c", "b", "a"]}')
    run("turned", *table, "--inputs", "order.json")
    assert imported("turned")[1].inputs.names == ("d", "c", "b", "a")
    for inputs, fault in (
        ("table:3", "4 columns beside kind, and a row of the network 3"),
        ("other.json", "no column"),
    ):
        Path("other.json").write_text('{"kind": "table", "shape": [4], "names": ["d", "c", "b", "e"]}')
        refused = CliRunner().invoke(app, ["import", "x", *table, "--inputs", inputs, "--out", "store"])
        assert fault in refused.output


def test_ids_are_whole_numbers_that_the_network_gets_as_such(folder: Path) -> None:
    ids = np.random.default_rng(0).integers(50, size=(90, 12))
    np.savez("ids.npz", x=ids, y=np.arange(90) % 3)
    tokens = ("--from", "strange:Text", "--inputs", "tokens:12x50")
    assert "the network reads ids of 0 to 49 as int64" in run("text", *tokens, "--data", "ids.npz")
    _, model = imported("text")
    rows = torch.from_numpy(ids[:6])
    expected = (sys.modules["strange"].Text().eval()(rows) / model.outputs.temperature).softmax(-1)
    torch.testing.assert_close(model.predict(rows.float(), 0).mean.float(), expected, atol=1e-5, rtol=0)
    for strange in (50, -1, 1.5):
        other = ids.astype(float)
        other[3, 2] = strange
        np.savez("strange.npz", x=other, y=np.arange(90) % 3)
        refused = CliRunner().invoke(app, ["import", "other", *tokens, "--data", "strange.npz", "--out", "store"])
        assert "the first at /inputs/3/2; allowed are whole numbers from 0 to 49" in refused.output


def test_dropouts_make_the_draws_and_rows_of_ones_own_calibrate(folder: Path) -> None:
    stream = np.random.default_rng(0)
    classes = stream.integers(3, size=240)
    bright = classes[:, None, None, None] == np.arange(3)[:, None, None]
    pixels = stream.integers(0, 120, (240, 3, 12, 10)) + 60 * bright
    np.savez("mine.npz", x=pixels.astype(np.uint8), y=classes)
    standardised = ("--mean", "0.4,0.5,0.6", "--scale", "0.2,0.25,0.3", "--labels", "red,green,blue")
    said = run("colours", *IMAGES, *standardised, "--data", "mine.npz")
    assert "pixels of 0 to 1 (a file's 0 to 255, divided by 255)" in said
    assert "classes of mine.npz are numbers, taken as places in --labels" in said
    assert "draws are masks of 1 dropout: strange.py:16 0.4" in said
    np.savez("named.npz", x=pixels.astype(np.uint8), y=np.array(["red", "green", "blue"])[classes])
    unnamed = CliRunner().invoke(app, ["import", "unnamed", *IMAGES, "--data", "named.npz", "--out", "store"])
    assert "does not know: 0, 1, 2: give --labels NAME,..." in unnamed.output
    checkpoint, model = imported("colours")
    assert checkpoint.calibration is not None
    assert checkpoint.manifest.figures["test_accuracy"] >= 0
    assert "## Glossary" in checkpoint.card
    assert model.outputs.names == ("red", "green", "blue")
    rows = torch.from_numpy(pixels[:6]).float()
    network = sys.modules["strange"].build().eval()
    x = (rows / 255 - torch.tensor([0.4, 0.5, 0.6])[:, None, None]) / torch.tensor([0.2, 0.25, 0.3])[:, None, None]
    logits = network(x) / model.outputs.temperature
    torch.testing.assert_close(model.predict(rows, 0).mean.float(), logits.softmax(-1), atol=1e-5, rtol=0)
    one, other = model.predict(rows, 20, 3), model.predict(rows[3:4], 20, 3)
    torch.testing.assert_close(one.mean[3:4], other.mean, atol=1e-5, rtol=0)
    assert one.mutual_information is not None
    assert (one.mutual_information > 0).all()


def test_two_heads_are_a_mean_and_a_variance_and_nothing_is_calibrated_without_data(folder: Path) -> None:
    said = run("heads", "--from", "strange:TwoHeads", *ROWS, "--target", "price [EUR]")
    assert "two heads: mean is the mean, log_var the log-variance" in said
    assert "nothing was calibrated" in said
    checkpoint, model = imported("heads")
    assert checkpoint.calibration is None
    answer = model.predict(torch.zeros(2, 4), 30)
    assert answer.epistemic_variance is not None
    assert (answer.epistemic_variance > 0).all()


def test_an_output_without_a_variance_learns_the_noise_from_rows(folder: Path) -> None:
    stream = np.random.default_rng(0)
    x = stream.standard_normal((300, 4)).astype(np.float32)
    weights = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 1))
    save_file(weights.state_dict(), "w.safetensors")
    with torch.no_grad():
        y = weights.eval()(torch.from_numpy(x)).numpy()[:, 0] + 0.5 * stream.standard_normal(300)
    np.savez("rows.npz", x=x, y=y.astype(np.float32))
    own = ("--from", "strange:one_output", *ROWS, "--weights", "w.safetensors", "--task", "regression", "--target", "y")
    refused = CliRunner().invoke(app, ["import", "line", *own, "--out", "store"])
    assert "answers without a variance" in refused.output
    run("line", *own, "--data", "rows.npz")
    checkpoint, model = imported("line")
    noise = float(model.predict(torch.zeros(1, 4), 20).aleatoric_variance.sqrt())
    assert noise == pytest.approx(0.5, rel=0.25)
    assert checkpoint.manifest.figures["test_conformal_picp_90"] > 0.8


def test_a_dropout_can_be_added_and_a_network_without_one_is_one_function(folder: Path) -> None:
    assert "nothing epistemic is estimated" in run("plain", "--from", "strange:plain", *ROWS)
    assert imported("plain")[1].posterior.max_samples == 0
    run("added", "--from", "strange:plain", *ROWS, "--dropout", "1=0.3")
    assert imported("added")[1].predict(torch.ones(1, 4), 20).mutual_information is not None


def test_an_onnx_file_is_served_as_a_module_is(folder: Path) -> None:
    stream = np.random.default_rng(0)
    np.savez("mine.npz", x=stream.standard_normal((90, 4)).astype(np.float32), y=stream.integers(3, size=90))
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 3), nn.Softmax(-1)).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(network, (torch.zeros(1, 4),), "net.onnx", dynamo=True, external_data=False, verbose=False)
    file = ("--onnx", "net.onnx", *ROWS, "--data", "mine.npz")
    said = run("whole", *file, "--dropout", "before:node_linear_1=0.3")
    assert "the file takes 1 rows at once, and the graph any number" in said
    assert "whose softmax is cut off" in said
    assert "draws are masks of 1 dropout: before:node_linear_1 0.3" in said
    rows = torch.randn(5, 4)
    checkpoint, model = imported("whole")
    temperature = model.outputs.temperature
    expected = (network[:-1](rows) / temperature).softmax(-1)
    torch.testing.assert_close(model.predict(rows, 0).mean.float(), expected, atol=1e-5, rtol=0)
    assert (model.predict(rows, 20).mutual_information > 0).all()
    assert checkpoint.manifest.figures["test_accuracy"] >= 0
    assert "last layer, 51 weights" in run("drawn", *file, "--posterior", "laplace")


REFUSED = {
    "no network": (ROWS, "a network comes --from MODULE:NAME, as --onnx FILE or as --timm NAME: give one of them"),
    "two networks": (("--from", "strange:plain", "--onnx", "a.onnx", *ROWS), "give one of them"),
    "no file": (("--onnx", "a.onnx", *ROWS), "there is no file a.onnx"),
    "no graph": (("--onnx", "evil.pt", *ROWS), "evil.pt: this is no ONNX graph"),
    "no inputs": (("--from", "strange:plain"), "--inputs says what a row is"),
    "weights beside a file": (("--onnx", "a.onnx", *ROWS, "--weights", "other.pt"), "an ONNX file holds its own"),
    "result of a module": (("--from", "strange:plain", *ROWS, "--output", "y"), "--output goes with --onnx"),
    "no timm": (("--timm", "resnet18"), "--timm needs timm: pip install timm"),
    "no place": (("--from", "strange", *ROWS), "--from strange is no MODULE:NAME"),
    "no module": (("--from", "nowhere:build", *ROWS), "No module named 'nowhere'"),
    "no name": (("--from", "strange:builder", *ROWS), "has no attribute 'builder'"),
    "an error of theirs": (("--from", "strange:broken", *ROWS), "strange.py:57: ZeroDivisionError"),
    "no shape": (
        ("--from", "strange:plain", "--inputs", "table"),
        "--inputs table is not understood: give image",
    ),
    "another shape": (
        ("--from", "strange:plain", "--inputs", "table:5"),
        "the network does not take 7 rows of shape (5,)",
    ),
    "no dropout": (("--from", "strange:plain", *ROWS, "--posterior", "mc_dropout"), "the network has none: --dropout"),
    "dropout of one function": (
        ("--from", "strange:plain", *ROWS, "--posterior", "deterministic", "--dropout", "0=0.2"),
        "--dropout goes with --posterior mc_dropout",
    ),
    "sigmoid": (("--from", "strange:sigmoid", *ROWS), "end in sigmoid, and a classification takes logits: return what"),
    "softmax": (("--from", "strange:softmax", *ROWS, "--task", "regression"), "give --task classification"),
    "a branch": (("--from", "strange:Branch", *ROWS), "strange.py"),
    "no weights": (("--from", "strange:plain", *ROWS, "--weights", "none.pt"), "there is no file none.pt"),
    "other weights": (("--from", "strange:plain", *ROWS, "--weights", "other.pt"), "other.pt lacks"),
    "code as weights": (
        ("--from", "strange:plain", *ROWS, "--weights", "evil.pt"),
        "evil.pt is no file of weights alone",
    ),
    "names": (
        ("--from", "strange:plain", *ROWS, "--labels", "a,b"),
        "2 names are given, and the network has 3",
    ),
    "names as classes of masks": (
        ("--from", "strange:plain", *ROWS, "--classes", "names.txt"),
        "the names of the network's classes go to --labels",
    ),
    "reading without rows": (
        ("--from", "strange:plain", *ROWS, "--encoding", "latin-1"),
        "--encoding says how --data is read, and no --data is given",
    ),
    "numbers": ((*IMAGES, "--mean", "1,x"), "--mean 1,x is no list of numbers"),
    "too many": ((*IMAGES, "--mean", "1,2"), "--mean has 2 numbers; give 1 or 3"),
    "heads of classes": (
        ("--from", "strange:TwoHeads", *ROWS, "--task", "classification"),
        "it takes the logits of two classes or more: return the one tensor of logits alone",
    ),
    "half a variance": (
        ("--from", "strange:half", *ROWS, "--task", "regression", "--target", "price"),
        "the second half of the outputs is never negative, so it is no log-variance: return its logarithm",
    ),
    "sigmoid by hand": (
        ("--from", "strange:logistic", *ROWS, "--task", "multilabel"),
        "all between 0 and 1, so they are probabilities of labels, and a multilabel takes logits: return what",
    ),
    "one output": (("--from", "strange:one_output", *ROWS), "the network has one output: give --task regression"),
}


class Evil:
    """An object whose loading would run a function."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('it ran')",)


@pytest.mark.parametrize("mistake", REFUSED)
def test_what_cannot_be_imported_ends_in_one_line(mistake: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save({"layer.weight": torch.zeros(2)}, "other.pt")
    torch.save(Evil(), "evil.pt")
    arguments, said = REFUSED[mistake]
    monkeypatch.setitem(sys.modules, "timm", None)  # as where it is not installed
    result = CliRunner().invoke(app, ["import", "strange", *arguments, "--out", "store"])
    assert result.exit_code == cli.USER_ERROR, result.output
    (line,) = (line for line in result.output.splitlines() if line.startswith("error: "))
    assert said in line
    assert not Path("store").exists()
