"""Components are found by their file's name and refused with what exists."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from models.catalogue import Component, build, components
from models.errors import CatalogueError, UnknownComponentError
from models.networks import NETWORKS
from models.networks.mlp import MLP
from models.posteriors import POSTERIORS
from models.posteriors.bayes_by_backprop import BayesByBackprop, ScaleMixturePrior

DIGITS = (1, 8, 8)
Shelf = Callable[[dict[str, str]], dict[str, type]]
"""Finds the components of a package of these files, by their sources."""


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


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "shelf").mkdir()

    def find(sources: dict[str, str]) -> dict[str, type]:
        for name, source in ({"__init__": ""} | sources).items():
            (tmp_path / "shelf" / f"{name}.py").write_text(source)
        return components(importlib.import_module("shelf"), nn.Module)

    yield find
    for name in [name for name in sys.modules if name.partition(".")[0] == "shelf"]:
        del sys.modules[name]


def classes(*names: str) -> str:
    """The source of a file with these classes, each a module of torch."""
    return "\n".join(["from torch.nn import Linear, Module", *(f"class {name}(Module): ..." for name in names)])


def test_a_new_file_is_a_new_component(shelf: Shelf) -> None:
    found = shelf({"linear": classes("_Part", "OneLayer"), "_blocks": classes("Block", "Other")})
    assert {name: cls.__name__ for name, cls in found.items()} == {"linear": "OneLayer"}


def test_two_components_in_one_file_are_refused_by_name(shelf: Shelf) -> None:
    with pytest.raises(
        CatalogueError, match=r"shelf\.two defines 2 public classes .* \(First, Second\); .* underscore"
    ):
        shelf({"one": classes("One"), "two": classes("Second", "First")})


def test_a_file_without_a_component_is_refused(shelf: Shelf) -> None:
    with pytest.raises(CatalogueError, match=r"shelf\.empty defines 0 public classes .* \(none\)"):
        shelf({"empty": classes("_Part")})
