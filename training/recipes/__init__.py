"""Recipes, one file per family: hyper-parameters with their source, and no loop.

Every file has a tuple ``RECIPES``. Nothing else has to list them. Data that have no recipe of their own are fitted by
one that is composed for them (:mod:`training.recipes.composed`).
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import replace

from models.checkpoints.checkpoint import Manifest, PredictorSpec
from models.errors import did_you_mean
from training.data import Dataset
from training.errors import RecipeError
from training.evaluation.evaluate import FamilyMetrics
from training.recipes.composed import MODELS, can_compose, compose
from training.recipes.kinds.recipe import Recipe


def _discovered() -> dict[str, Recipe]:
    files = (info.name for info in pkgutil.iter_modules(__path__) if not info.ispkg)
    modules = (importlib.import_module(f"{__name__}.{name}") for name in files)
    return {recipe.name: recipe for module in modules for recipe in module.RECIPES}


RECIPES = _discovered()


def find(name: str, data: str | None = None) -> Recipe:
    """Return the recipe of this name, or its twin for other data.

    Where the other data have no recipe of their own, this one's hyper-parameters are taken to them.

    Raises:
        RecipeError: if there is none.
    """
    if name not in RECIPES:
        check_known(name)
        raise RecipeError(f"{name} is a model without data: a recipe names both, such as digits-{name}")
    recipe = RECIPES[name]
    if data is None or data == recipe.data:
        return recipe
    twin = replace(recipe, data=data, bundled=False, starter=False, published=(), taken_from=name)
    return RECIPES.get(twin.name, twin)


def check_known(name: str) -> None:
    """Raise unless there is a recipe or a model of this name.

    Raises:
        RecipeError: with the nearest name that there is.
    """
    if name not in RECIPES and name not in _models() and not can_compose(name):
        nearest = did_you_mean(name, [*_models(), *RECIPES])
        raise RecipeError(f"there is no recipe {name!r}{nearest or '; there are: ' + ', '.join(RECIPES)}")


def expected_data(name: str) -> str:
    """Return the name of a recipe's data; for a model's name alone, such as ``mlp-mc_dropout``, there must be others.

    Raises:
        RecipeError: if there is no such recipe, or if it is a model's name alone.
    """
    check_known(name)
    if name in RECIPES:
        return RECIPES[name].data
    own = [recipe.name for recipe in RECIPES.values() if recipe.model == name]
    with_data = f", or take a recipe that has its own: {', '.join(own)}" if own else ""
    raise RecipeError(f"{name} is a model without data; name them with --data{with_data}")


def suited(name: str, dataset: Dataset) -> Recipe:
    """Return the recipe of this name for some data.

    For a model's name alone it is the data's own recipe, else one that is composed for them, else the first of a
    generator. Away from its own data a recipe keeps the best epoch: nobody has looked how many are enough.

    Raises:
        RecipeError: if there is none, or none that suits.
    """
    check_known(name)
    if name in RECIPES:
        found = find(name, dataset.name)
    elif f"{dataset.name}-{name}" in RECIPES:
        found = RECIPES[f"{dataset.name}-{name}"]
    elif can_compose(name):
        found = compose(name, dataset)
    else:
        found = find(next(recipe.name for recipe in RECIPES.values() if recipe.model == name), dataset.name)
    found.spec(dataset)  # raises unless they suit
    return found.keeping_best() if found.taken_from else found


def family_metrics(manifest: Manifest) -> FamilyMetrics:
    """Return the function that measures what only models of this family have: nothing but for generators.

    Raises:
        RecipeError: if no recipe made the model.
    """
    return (lambda *_: {}) if isinstance(manifest.model, PredictorSpec) else of_manifest(manifest).metrics


def of_manifest(manifest: Manifest) -> Recipe:
    """Return the recipe that made a model: the one that it names, or for an older checkpoint the one in its name.

    Raises:
        RecipeError: if none did.
    """
    if manifest.origin is not None and manifest.origin.recipe in RECIPES:
        return find(manifest.origin.recipe, manifest.data)
    return of_model(manifest.name)


def of_model(name: str) -> Recipe:
    """Return the first recipe that could have made a model of this name.

    Raises:
        RecipeError: if none could.
    """
    for recipe in RECIPES.values():
        data = name.removesuffix(f"-{recipe.model}")
        if data != name:
            return find(recipe.name, data)
    raise RecipeError(f"no recipe makes a model named {name!r}")


def _models() -> tuple[str, ...]:
    """Return the names of all models, without data."""
    return tuple(dict.fromkeys([*(recipe.model for recipe in RECIPES.values()), *MODELS]))
