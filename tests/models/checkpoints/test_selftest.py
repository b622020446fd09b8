"""The self-test refuses every fault that is planted here, and no sound model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.catalogue import Component
from models.checkpoints import selftest
from models.checkpoints.checkpoint import Checkpoint, GeneratorSpec, Manifest, PredictorSpec
from models.checkpoints.selftest import canary_examples, verify
from models.errors import CheckpointError
from models.generators.vae import VAE
from models.likelihoods.categorical import Categorical
from models.networks.mlp import MLP
from models.posteriors.ensemble import Ensemble
from models.posteriors.mc_dropout import MCDropout
from models.prediction.draws import CHUNK_BYTES
from models.prediction.predictor import Predictor
from models.specs import InputSpec, OutputSpec

INPUTS = InputSpec("table", (6,))
OUTPUTS = OutputSpec("classification", ("a", "b", "c"))
SPEC = PredictorSpec(Component("mlp"), Component("mc_dropout"), Component("categorical"), INPUTS, OUTPUTS)
IMAGES = InputSpec("image", (1, 4, 4), low=0.0, high=1.0)


def checkpoint(network: nn.Module) -> Checkpoint:
    model = Predictor(MCDropout(network, INPUTS.shape), Categorical(3), INPUTS, OUTPUTS).eval()
    return Checkpoint(Manifest("m", 1, SPEC, "random", 0, {}), model, canary_examples(model, torch.rand(5, 6)), "")


def sound() -> Checkpoint:
    torch.manual_seed(0)
    return checkpoint(MLP((6,), 3, hidden=(8,)))


def sound_generator() -> Checkpoint:
    torch.manual_seed(0)
    vae, spec = VAE((1, 4, 4), hidden=(8,), latent=2).eval(), GeneratorSpec(Component("vae"), IMAGES)
    examples = canary_examples(vae, torch.rand(5, 1, 4, 4))
    return Checkpoint(Manifest("m", 1, spec, "random", 0, {}), vae, examples, "")


class _Planted(nn.Module):
    """A sound network with a fault in its forward pass."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.dropout, self.last = nn.Linear(6, 8), nn.Dropout(0.5), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.last(self.dropout(self.layer(x).relu()))
        return output


class _IgnoresItsMasks(_Planted):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * 0 + self.last(self.layer(x))


class _HidesDropout(_Planted):
    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(super().forward(x), 0.5, training=True)


class _SeesItsNeighbours(_Planted):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x - x.mean(0))


class _Counts(_Planted):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.get_buffer("calls").add_(1)
        return super().forward(x)


class _DiesOnOneRow(_Planted):
    def forward(self, x: Tensor) -> Tensor:
        if len(x) == 1 and x.any():
            raise IndexError("no second row")
        return super().forward(x)


PLANTED: dict[type[nn.Module], str] = {
    _IgnoresItsMasks: "gives the same answer to every seed",
    _HidesDropout: "canary prediction failed|does not repeat",
    _SeesItsNeighbours: "lets a row depend on its neighbours",
    _Counts: "changes when it predicts",
    _DiesOnOneRow: "the canary prediction failed",
}


@pytest.fixture(params=[CHUNK_BYTES, 0], ids=["cheap", "dear"])
def cost(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """All rows and draws are tried, or the few of a model that takes seconds a row."""
    monkeypatch.setattr(selftest, "CHUNK_BYTES", request.param)


@pytest.mark.usefixtures("cost")
@pytest.mark.parametrize("model", [sound, sound_generator])
def test_a_sound_model_passes(model: Callable[[], Checkpoint]) -> None:
    assert_sound(model())


def test_a_row_that_no_draw_changes_says_nothing_of_the_others() -> None:
    torch.manual_seed(0)
    network = _Planted()
    with torch.no_grad():
        network.layer.weight.abs_()  # so that every unit is 0 for rows far below it, and no mask changes that
    rows = torch.rand(5, 6)
    rows[0] = -100
    good = checkpoint(network)
    assert isinstance(good.model, Predictor)
    assert_sound(replace(good, examples=canary_examples(good.model, rows)))


def test_the_planted_networks_are_sound_without_their_fault() -> None:
    torch.manual_seed(0)
    assert_sound(checkpoint(_Planted()))


@pytest.mark.usefixtures("cost")
@pytest.mark.parametrize(("network", "reason"), PLANTED.items(), ids=lambda kind: getattr(kind, "__name__", ""))
def test_planted_faults_are_refused(network: type[nn.Module], reason: str) -> None:
    torch.manual_seed(0)
    with pytest.raises(CheckpointError, match=reason):
        # The hidden dropout cannot even answer the examples: vmap forbids it.
        verify(replace(sound(), model=_with_network(network())))


def _with_network(network: nn.Module) -> Predictor:
    return Predictor(MCDropout(network, INPUTS.shape), Categorical(3), INPUTS, OUTPUTS).eval()


@pytest.mark.parametrize("rows", [1, 5])
def test_normalisation_over_the_batch_is_refused(rows: int) -> None:
    torch.manual_seed(0)
    sane = checkpoint(nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 3)))
    verify(sane)
    sane.model.train()
    with pytest.raises(CheckpointError):
        verify(replace(sane, examples={name: tensor[:rows] for name, tensor in sane.examples.items()}))


def test_rows_that_mix_without_any_other_sign_are_refused() -> None:
    """Nothing moves, nothing raises and the stored answers are repeated."""
    torch.manual_seed(0)
    mixing = checkpoint(nn.Sequential(_CentredOverTheBatch(), nn.Linear(6, 8), nn.Dropout(0.5), nn.Linear(8, 3)))
    with pytest.raises(CheckpointError, match=r"lets a row depend on its neighbours$"):
        verify(mixing)


class _CentredOverTheBatch(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x - x.mean(0, keepdim=True)


def an_ensemble() -> Checkpoint:
    torch.manual_seed(0)
    model = Predictor(Ensemble(MLP((6,), 3, hidden=(8,)), (6,), 3), Categorical(3), INPUTS, OUTPUTS).eval()
    return Checkpoint(Manifest("m", 1, SPEC, "random", 0, {}), model, canary_examples(model, torch.rand(5, 6)), "")


def test_an_ensemble_whose_members_differ_passes_and_one_of_copies_is_refused() -> None:
    verify(an_ensemble())
    copies = an_ensemble()
    with torch.no_grad():
        for stacked in copies.model.parameters():
            stacked.copy_(stacked[:1].clone().expand_as(stacked))
    assert isinstance(copies.model, Predictor)
    examples = canary_examples(copies.model, copies.examples["inputs"])
    with assert_refused(r"^the model has draws that are all alike$"):
        verify(replace(copies, examples=examples))


def assert_sound(checkpoint: Checkpoint) -> None:
    try:
        verify(checkpoint)
    except CheckpointError as error:
        pytest.fail(f"a sound model is refused: {error}")


@contextmanager
def assert_refused(reason: str) -> Iterator[None]:
    with pytest.raises(CheckpointError, match=reason):
        yield


@pytest.mark.parametrize("model", [sound, sound_generator])
def test_changed_answers_are_refused(model: Callable[[], Checkpoint]) -> None:
    good = model()
    answers = good.examples["answers"]
    changed = answers.clone()
    changed[2].flatten()[0] += 0.01
    nan = answers.clone()
    nan[0].flatten()[0] = torch.nan
    for wrong in (changed, nan, answers[:3], answers.flip(0)):
        with assert_refused("does not repeat its stored answers"):
            verify(replace(good, examples={**good.examples, "answers": wrong}))


@pytest.mark.parametrize("model", [sound, sound_generator])
def test_a_changed_weight_is_refused(model: Callable[[], Checkpoint]) -> None:
    good = model()
    with torch.no_grad():
        list(good.model.parameters())[-1][0] += 0.1
    with assert_refused("does not repeat its stored answers"):
        verify(good)


def test_rounding_is_not_refused() -> None:
    good = sound()
    assert_sound(replace(good, examples={**good.examples, "answers": good.examples["answers"] * (1 + 1e-6)}))


@pytest.mark.parametrize(
    "examples",
    [
        {},
        {"inputs": torch.rand(2, 6)},
        {"inputs": torch.rand(0, 6), "answers": torch.rand(0, 3)},
        {"inputs": torch.tensor(1.0), "answers": torch.rand(1, 3)},
        {"inputs": torch.rand(2, 6), "answers": torch.zeros(2, 3, dtype=torch.int64)},
    ],
    ids=lambda examples: "-".join(examples) or "none",
)
def test_missing_examples_are_refused(examples: Mapping[str, Tensor]) -> None:
    with assert_refused("lacks inputs or answers"):
        verify(replace(sound(), examples=dict(examples)))


def test_more_examples_than_are_compared_in_a_moment_are_refused() -> None:
    with assert_refused("examples.safetensors has 1001 inputs; allowed are 1000"):
        verify(replace(sound(), examples={"inputs": torch.rand(1001, 6), "answers": torch.rand(1001, 2)}))


@pytest.mark.parametrize("inputs", [torch.rand(5, 7), torch.full((5, 6), torch.nan)])
def test_examples_that_the_model_does_not_take_are_refused(inputs: Tensor) -> None:
    good = sound()
    with assert_refused("the canary prediction failed"):
        verify(replace(good, examples={**good.examples, "inputs": inputs}))


def test_a_generator_that_ignores_its_code_is_refused() -> None:
    good = sound_generator()
    assert isinstance(good.model, VAE)
    with torch.no_grad():
        good.model.decoder[0].weight.zero_()
    with assert_refused("gives the same answer to every seed"):
        verify(good)
