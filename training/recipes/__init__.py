"""Recipes, one file per family: hyper-parameters with their source, and no loop.

Every file has a tuple ``RECIPES``. Nothing else has to list them.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import replace

from models.checkpoints.checkpoint import Manifest
from training.data import Dataset
from training.errors import RecipeError
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
        raise RecipeError(f"there is no recipe {name!r}; there are: {', '.join(RECIPES)}")
    recipe = RECIPES[name]
    if data is None or data == recipe.data:
        return recipe
    twin = replace(recipe, data=data, bundled=False, starter=False, published=(), taken_from=name)
    return RECIPES.get(twin.name, twin)


def expected_data(name: str) -> str:
    """Return the name of a recipe's data; for a model's name alone, such as ``mlp-mc_dropout``, of its first recipe's.

    Raises:
        RecipeError: if there is no such recipe.
    """
    return next((recipe.data for recipe in RECIPES.values() if recipe.model == name), None) or find(name).data


def suited(name: str, dataset: Dataset) -> Recipe:
    """Return the recipe of this name for some data; for a model's name alone, the first that predicts what they hold.

    Raises:
        RecipeError: if none does.
    """
    if name in RECIPES:
        return find(name, dataset.name)
    refused: list[RecipeError] = []
    for recipe in RECIPES.values():
        if recipe.model == name:
            try:
                recipe.spec(dataset)
            except RecipeError as error:
                refused.append(error)
            else:
                return find(recipe.name, dataset.name)
    raise refused[0] if refused else RecipeError(f"there is no recipe {name!r}; there are: {', '.join(RECIPES)}")


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
