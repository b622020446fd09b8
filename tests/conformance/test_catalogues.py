"""A component is one file with one class of its own."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from types import ModuleType

import pytest
from conformance.cases import SMALL
from torch import nn

from models import generators, likelihoods, networks, posteriors
from models.generation.generator import Generator
from models.prediction.likelihood import Likelihood
from models.prediction.posterior import Posterior

PACKAGES: list[tuple[ModuleType, type[nn.Module]]] = [
    (networks, nn.Module),
    (posteriors, Posterior),
    (likelihoods, Likelihood),
    (generators, Generator),
]


def public_classes(module: ModuleType, base: type[nn.Module]) -> list[str]:
    return [
        name
        for name, cls in inspect.getmembers(module, inspect.isclass)
        if cls.__module__ == module.__name__ and issubclass(cls, base) and not name.startswith("_")
    ]


@pytest.mark.parametrize(("package", "base"), PACKAGES, ids=["networks", "posteriors", "likelihoods", "generators"])
def test_every_file_defines_one_component(package: ModuleType, base: type[nn.Module]) -> None:
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        assert len(public_classes(module, base)) == 1, f"{info.name}: start the names of its parts with an underscore"


def test_small_options_are_of_components_that_exist() -> None:
    kinds = (networks.NETWORKS, posteriors.POSTERIORS, likelihoods.LIKELIHOODS, generators.GENERATORS)
    assert SMALL.keys() <= {name for registered in kinds for name in registered}
