"""Components are found by their file's name and refused with what exists."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from models.catalogue import Component, build, components
from models.errors import UnknownComponentError
from models.networks import NETWORKS
from models.networks.mlp import MLP
from models.posteriors import POSTERIORS
from models.posteriors.bayes_by_backprop import BayesByBackprop, ScaleMixturePrior

DIGITS = (1, 8, 8)


def network(name: str, config: dict[str, Any]) -> nn.Module:
    return build(NETWORKS, Component(name, config), DIGITS, 10)


def test_a_component_is_built_from_its_configuration() -> None:
    mlp = network("mlp", {"hidden": [7, 5], "dropout": 0.25})
    assert [m.out_features for m in mlp.modules() if isinstance(m, nn.Linear)] == [7, 5, 10]
    assert {m.p for m in mlp.modules() if isinstance(m, nn.Dropout)} == {0.25}


def test_what_is_left_out_has_the_constructors_default() -> None:
    assert str(network("mlp", {})) == str(MLP(DIGITS, 10))


def test_a_nested_option() -> None:
    prior = {"type": "scale_mixture", "weight": 0.25}
    posterior = build(POSTERIORS, Component("bayes_by_backprop", {"prior": prior}), network("mlp", {}), DIGITS)
    assert isinstance(posterior, BayesByBackprop)
    assert posterior.prior == ScaleMixturePrior(weight=0.25)


@pytest.mark.parametrize("name", ["perceptron", "", "../mlp", "MLP", "__init__"])
def test_an_unknown_name_is_refused_with_those_that_exist(name: str) -> None:
    with pytest.raises(UnknownComponentError) as refused:
        network(name, {})
    assert all(existing in str(refused.value) for existing in NETWORKS)


@pytest.mark.parametrize(
    "config",
    [
        {"hiden": [3]},
        {"hidden": "400"},
        {"hidden": 400},
        {"hidden": [4.5]},
        {"hidden": [-3]},
        {"dropout": "0.5"},
        {"dropout": None},
        {"dropout": 1.5},
        {"input_shape": [3]},
        {"outputs": 3},
        {"self": 1},
    ],
    ids=str,
)
def test_options_that_do_not_fit_are_refused_with_those_that_exist(config: dict[str, Any]) -> None:
    with pytest.raises(UnknownComponentError, match=r"^mlp: .*options: hidden, dropout, input_dropout"):
        network("mlp", config)


@pytest.mark.parametrize(
    "config",
    [{"kernel": 99}, {"channels": [1]}, {"padding": -1}, {"hidden": -1}],
    ids=str,
)
def test_a_network_that_cannot_exist_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(UnknownComponentError, match=r"^convnet: "):
        network("convnet", config)


@pytest.mark.parametrize(
    "prior", [{"type": "laplace"}, {}, {"type": "gaussian", "scal": 1.0}, {"type": "gaussian", "scale": "wide"}, "flat"]
)
def test_a_prior_that_does_not_exist_is_refused(prior: object) -> None:
    with pytest.raises(UnknownComponentError, match=r"^bayes_by_backprop: .*prior"):
        build(POSTERIORS, Component("bayes_by_backprop", {"prior": prior}), network("mlp", {}), DIGITS)


def test_a_new_file_is_a_new_component(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "shelf"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "linear.py").write_text(
        "from torch.nn import Linear, Module\n\nclass _Part(Module): ...\n\nclass OneLayer(Module): ...\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    shelf: types.ModuleType = __import__("shelf")
    found = components(shelf, nn.Module)
    assert {name: cls.__name__ for name, cls in found.items()} == {"linear": "OneLayer"}
    del sys.modules["shelf"], sys.modules["shelf.linear"]
