"""Imported networks with draws of their own kinds: last layers, members, epochs; and several labels a row."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from running_service import started
from torch import Tensor, nn
from torch.func import functional_call
from typer.testing import CliRunner

from models.checkpoints.checkpoint import Checkpoint, load
from models.prediction.predictor import Predictor
from training.cli import app as cli
from training.cli.commands import app

CODE = """
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.head = nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Linear(3, 3)

    def forward(self, x):
        return self.head(self.norm(self.conv(x)).relu().mean((2, 3)))


def line():
    return nn.Sequential(nn.Linear(4, 6), nn.Dropout(0.3), nn.Tanh(), nn.Linear(6, 3))


def softmax():
    return nn.Sequential(line(), nn.Softmax(-1))


def sigmoid():
    return nn.Sequential(line(), nn.Sigmoid())
"""
IMAGES = ("--from", "theirs:Net", "--inputs", "image:1x5x4")
ROWS = ("--from", "theirs:line", "--inputs", "table:4")
EPOCHS = ("epoch0.pt", "epoch1.pt", "epoch2.pt", "epoch3.pt")
MEMBERS = ("member0.pt", "member1.pt", "member2.pt")
_DRAWS = 2000


def weights(files: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(argument for file in files for argument in ("--weights", file))


def write_files(stream: np.random.Generator) -> None:
    """Write data, and weights that differ as those of trained networks do, statistics of normalisation too."""
    pixels = stream.integers(0, 255, (90, 1, 5, 4)).astype(np.uint8)
    np.savez("images.npz", x=pixels, y=stream.integers(3, size=90))
    rows = stream.standard_normal((120, 4)).astype(np.float32)
    np.savez("labels.npz", x=rows, y=(rows[:, :3] + stream.standard_normal((120, 3)) > 0).astype(np.int64))
    np.savez("numbers.npz", x=rows, y=rows[:, :3] + stream.standard_normal((120, 3)).astype(np.float32))
    np.savez("fewer.npz", x=rows, y=(rows[:, :2] > 0).astype(np.int64))
    for names, network, spread in ((MEMBERS, theirs().Net(), 1.0), (EPOCHS, theirs().line(), 0.1)):
        for file in names:
            state = network.state_dict()
            noisy = {n: t + spread * torch.rand(t.shape) if t.is_floating_point() else t for n, t in state.items()}
            torch.save(noisy, file)
    torch.save(torch.load(EPOCHS[0], weights_only=True), "copy.pt")


def theirs() -> Any:
    return sys.modules["theirs"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    place = tmp_path_factory.mktemp("strangers")
    (place / "theirs.py").write_text(CODE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.syspath_prepend(place)
        patch.setenv("COLUMNS", "300")
        __import__("theirs")
        with torch.random.fork_rng():
            torch.manual_seed(0)
            write_files(np.random.default_rng(0))
        yield place
        del sys.modules["theirs"]


def run(*arguments: object, command: str = "import") -> str:
    result = CliRunner().invoke(app, [command, *map(str, arguments), "--out", "store"])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def said(folder: Path) -> dict[str, str]:
    """What the command said of each model, which is in the store."""
    first = ("--weights", MEMBERS[0])
    return {
        "laplace": run("laplace", *IMAGES, *first, "--posterior", "laplace", "--data", "images.npz"),
        "ensemble": run("ensemble", *IMAGES, *weights(MEMBERS), "--posterior", "ensemble"),
        "swag": run("swag", *ROWS, *weights(EPOCHS), "--posterior", "swag"),
        "labels": run(
            *("labels", *ROWS, "--task", "multilabel", "--labels", "red,round,big"),
            *("--posterior", "laplace", "--data", "labels.npz"),
        ),
    }


def imported(name: str) -> tuple[Checkpoint, Predictor]:
    checkpoint = load(Path("store") / name / "1")
    assert isinstance(checkpoint.model, Predictor)
    return checkpoint, checkpoint.model


def outputs_of_draws(model: Predictor, rows: Tensor, samples: int) -> Tensor:
    """Return the outputs ``(S, B, outputs)`` of draws for raw rows."""
    draws = model.posterior.sample(0, samples)
    return torch.cat(list(model.functions.outputs(model.inputs.standardise(rows), draws)))


def with_weights(network: Any, file: str) -> Any:
    network.load_state_dict(torch.load(file, weights_only=True))
    return network.eval()


def test_it_says_what_a_draw_is(said: dict[str, str]) -> None:
    assert "draws are last layers; dropout acts in none of them" in said["laplace"]
    assert "fitted on the reference, the first third of the rows: last layer, 12 weights" in said["laplace"]
    listed = ", ".join(MEMBERS)
    assert f"draws are 3 networks, each with its own 2 statistics of normalisation: {listed}" in said["ensemble"]
    assert f"draws are weights about the mean of 4 epochs, {', '.join(EPOCHS)}" in said["swag"]
    card = imported("laplace")[0].card
    assert "Fitted on the reference, the first third of the rows: last layer, 12 weights" in card


def test_a_member_answers_as_the_network_with_its_weights(said: dict[str, str]) -> None:
    _, model = imported("ensemble")
    rows = torch.rand(5, 1, 5, 4) * 255
    found = outputs_of_draws(model, rows, 200)
    assert len(found) == len(MEMBERS)
    for output, file in zip(found, MEMBERS, strict=True):
        torch.testing.assert_close(output, with_weights(theirs().Net(), file)(rows), atol=1e-5, rtol=1e-5)


def test_a_last_layer_is_drawn_around_the_one_that_was_trained(said: dict[str, str]) -> None:
    """What it reads is known, so that mean and variance of the outputs follow from the Gaussian itself."""
    _, model = imported("laplace")
    rows = torch.rand(5, 1, 5, 4) * 255
    network = with_weights(theirs().Net(), MEMBERS[0])
    read = network.norm(network.conv(rows)).relu().mean((2, 3))
    read = nn.functional.pad(read, (0, 1), value=1.0)
    root = model.posterior.get_buffer("root").view(3, 4, -1)
    deviations = torch.einsum("cdk,bd->bck", root, read)
    check_moments(outputs_of_draws(model, rows, _DRAWS), network(rows), deviations.square().sum(-1))


def test_epochs_make_a_gaussian_about_their_mean(said: dict[str, str]) -> None:
    """Against draws made by the paper's formula from the files, and evaluated by torch."""
    _, model = imported("swag")
    rows = torch.randn(4, 4)
    states = [torch.load(file, weights_only=True) for file in EPOCHS]
    flat = torch.stack([torch.cat([tensor.flatten() for tensor in state.values()]) for state in states])
    means = flat.cumsum(0) / torch.arange(1, len(flat) + 1).unsqueeze(-1)
    noise = torch.randn(_DRAWS, flat.shape[1]), torch.randn(_DRAWS, len(flat))
    low_rank = noise[1] @ (flat - means) / math.sqrt(2 * (len(flat) - 1))
    drawn = means[-1] + flat.std(0, correction=0) / math.sqrt(2) * noise[0] + low_rank
    network, like = theirs().line().eval(), states[0]
    parts = torch.split(drawn, [tensor.numel() for tensor in like.values()], 1)
    named = {n: part.view(_DRAWS, *t.shape) for (n, t), part in zip(like.items(), parts, strict=True)}
    expected = torch.stack([functional_call(network, {n: t[s] for n, t in named.items()}, rows) for s in range(_DRAWS)])
    check_moments(outputs_of_draws(model, rows, _DRAWS), expected.mean(0), expected.var(0), draws=_DRAWS)


def check_moments(found: Tensor, mean: Tensor, variance: Tensor, draws: float = math.inf) -> None:
    """Compare moments of draws with known ones, or with those of some draws, within four standard errors."""
    share = 1 / len(found) + 1 / draws
    assert ((found.mean(0) - mean).abs() <= 4 * (variance * share).sqrt() + 1e-5).all()
    fourth = (found - found.mean(0)).pow(4).mean(0)
    error = ((fourth - found.var(0).square()).clamp_min(0) * share).sqrt()
    assert ((found.var(0) - variance).abs() <= 4 * error + 1e-6).all()


def test_labels_are_probabilities_of_their_own(said: dict[str, str]) -> None:
    checkpoint, model = imported("labels")
    assert model.outputs.names == ("red", "round", "big")
    assert checkpoint.calibration is not None
    rows = torch.randn(3, 4)
    drawn = outputs_of_draws(model, rows, 20).sigmoid()
    torch.testing.assert_close(model.predict(rows, 20).mean.float(), drawn.mean(0), atol=1e-5, rtol=0)


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_they_are_served_like_any_other(said: dict[str, str]) -> None:
    row = {"laplace": [[[9] * 4] * 5], "ensemble": [[[9] * 4] * 5], "swag": [0, 1, 0, 1], "labels": [0, 1, 0, 1]}
    async with started(store=Path("store"), default_model="laplace") as client:
        listed = {model["name"]: model for model in (await client.get("/models")).json()["models"]}
        assert listed.keys() == row.keys()
        for name, values in row.items():
            many = {"inputs": [values] * 3}
            answer = (await client.post("/predict", params={"model": name, "samples": 20}, json=many)).json()
            alone = {"inputs": [values]}
            single = (await client.post("/predict", params={"model": name, "samples": 20}, json=alone)).json()
            np.testing.assert_allclose(answer["mean"][1:2], single["mean"], atol=1e-5)
            assert np.max(answer["epistemic_variance"]) > 0, name
            assert answer["samples"] == (len(MEMBERS) if name == "ensemble" else 20)
            again = await client.post("/predict", params={"model": name, "samples": 0}, json=alone)
            assert again.status_code == 200, again.text
            assert (await client.get(f"/models/{name}")).status_code == 200
            assert (await client.get(f"/models/{name}/examples")).status_code == 200
            versioned = await client.post(f"/v1/models/{name}:predict", json={"instances": [values]})
            assert versioned.status_code == 200, versioned.text
            rule = {"acquisition": "random"} if name == "labels" else {}  # of labels there is no joint distribution
            chosen = await client.post("/acquire", params={"model": name, "n": 1, **rule}, json=many)
            assert chosen.status_code == 200, chosen.text
        sets = await client.post("/predict?model=labels&interval=0.9", json={"inputs": [row["labels"]]})
        assert sets.json()["prediction_set"] is not None


COMMANDS = {
    "prune": (("prune", "laplace"), "laplace was not trained by Bayes by Backprop"),
    "export": (("export", "swag"), "swag was imported: its network is a graph already"),
    "start": (
        ("fit", "mlp-mc_dropout", "--data", "numbers.npz", "--task", "regression", "--start", "ensemble"),
        "ensemble was imported: its network is a graph, which is not trained further",
    ),
}


@pytest.mark.parametrize("mistake", COMMANDS)
def test_what_needs_a_network_of_this_house_says_so(mistake: str, said: dict[str, str]) -> None:
    arguments, reason = COMMANDS[mistake]
    check_refused(*arguments, reason=reason)


def test_an_ensemble_is_calibrated_later(said: dict[str, str]) -> None:
    run("ensemble", "--data", "images.npz", command="calibrate")
    assert load(Path("store/ensemble/2")).calibration is not None


REFUSED = {
    "laplace without rows": ((*ROWS, "--posterior", "laplace"), "laplace is fitted to rows of yours: give --data"),
    "one member": (
        (*ROWS, "--posterior", "ensemble", "--weights", "epoch0.pt"),
        "ensemble takes the weights of 2 or more networks that were trained apart, and 1 are given",
    ),
    "two epochs": (
        (*ROWS, "--posterior", "swag", *weights(EPOCHS[:2])),
        "swag takes the weights of 3 or more epochs of one run, and 2 are given",
    ),
    "members of what": ((*ROWS, *weights(EPOCHS)), "4 files of weights are given: say --posterior ensemble"),
    "another's member": (
        (*ROWS, "--posterior", "ensemble", "--weights", "epoch0.pt", "--weights", "member0.pt"),
        "member0.pt lacks 0.bias",
    ),
    "the same twice": (
        (*ROWS, "--posterior", "ensemble", "--weights", "epoch0.pt", "--weights", "copy.pt"),
        "epoch0.pt and copy.pt hold the same weights",
    ),
    "softmax last": (
        ("--from", "theirs:softmax", "--inputs", "table:4", "--posterior", "laplace", "--data", "numbers.npz"),
        "this one ends with softmax",
    ),
    "dropout of members": (
        (*ROWS, "--posterior", "swag", *weights(EPOCHS), "--dropout", "1=0.1"),
        "--dropout goes with --posterior mc_dropout: swag drops nothing",
    ),
    "sigmoid": (
        ("--from", "theirs:sigmoid", "--inputs", "table:4", "--task", "multilabel"),
        "end in sigmoid, and a multilabel takes logits: return what",
    ),
    "softmax of labels": (
        ("--from", "theirs:softmax", "--inputs", "table:4", "--task", "multilabel"),
        "end in softmax, so that one excludes the others: give --task classification",
    ),
    "other labels": (
        (*ROWS, "--task", "multilabel", "--data", "fewer.npz"),
        "fewer.npz: y has 2 columns, and the model 3 labels",
    ),
    "numbers": (
        (*ROWS, "--task", "multilabel", "--data", "numbers.npz"),
        "numbers.npz: targets of --task multilabel are 0 and 1",
    ),
}


@pytest.mark.parametrize("mistake", REFUSED)
def test_what_makes_no_draws_ends_in_one_line(mistake: str, folder: Path) -> None:
    arguments, reason = REFUSED[mistake]
    check_refused("import", "refused", *arguments, reason=reason)
    assert not Path("store/refused").exists()


def check_refused(*arguments: str, reason: str) -> None:
    result = CliRunner().invoke(app, [*arguments, "--out", "store"])
    assert result.exit_code == cli.USER_ERROR, result.output
    (line,) = (line for line in result.output.splitlines() if line.startswith("error: "))
    assert reason in line
