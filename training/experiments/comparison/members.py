"""The members of a comparison: one network under every posterior, and of a regression by quantiles too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from models.errors import CredenceError
from models.likelihoods import LIKELIHOODS
from models.posteriors import POSTERIORS
from training import recipes
from training.data import Dataset
from training.errors import DataError, RecipeError
from training.recipes.composed import suiting_networks
from training.recipes.kinds.recipe import Recipe

_QUANTILES = "deterministic-quantile"


@dataclass(frozen=True)
class Members:
    """Models to be fitted.

    Attributes:
        recipes: Recipes by label, which is the name of a posterior, perhaps with a likelihood.
        refused: Reason why others cannot be fitted to the data, by label.
        epochs: Number of epochs that each of them is given.
    """

    recipes: Mapping[str, Recipe]
    refused: Mapping[str, str]
    epochs: int


def choose_members(
    dataset: Dataset, network: str | None, epochs: int | None, change: Callable[[Recipe, str], Recipe]
) -> Members:
    """Return a recipe for every posterior over one network, all with the same number of epochs.

    Args:
        dataset: Data with a class or numbers to predict for each row.
        network: Name of the network; ``None`` for the first that suits the data.
        epochs: Number of epochs; ``None`` for that of the recipe that has most.
        change: Function of a recipe and its label that changes it as the user wants.

    Raises:
        DataError: if the rows have no such outcomes.
        RecipeError: if the network does not suit them, or fewer than two members can be fitted.
    """
    _check_outcomes(dataset)
    if epochs == 0:
        raise RecipeError("compare trains every model it compares; give --epochs of at least 1")
    suiting = suiting_networks(dataset)
    network = network or suiting[0]
    if network not in suiting:
        raise RecipeError(f"--network {network} does not suit {dataset.name!r}; take {' or '.join(suiting)}")
    found: dict[str, Recipe] = {}
    refused: dict[str, str] = {}
    for label in list_labels(dataset):
        try:
            recipe = change(recipes.suited(f"{network}-{label}", dataset), label)
            recipe.spec(dataset)
            found[label] = recipe
        except CredenceError as error:
            refused[label] = str(error)
    check_enough(found, refused)
    epochs = epochs or max(recipe.settings.epochs for recipe in found.values())
    return Members({label: recipe.with_epochs(epochs) for label, recipe in found.items()}, refused, epochs)


def check_enough(found: Mapping[str, object], refused: Mapping[str, str]) -> None:
    """Refuse a comparison of fewer than two models.

    Raises:
        RecipeError: with the reason of each of the others.
    """
    if len(found) < 2:
        said = [f"{len(found)} of the models can be fitted; two are needed to compare"]
        raise RecipeError("\n".join([*said, *(f"{label}: {reason}" for label, reason in refused.items())]))


def list_labels(dataset: Dataset) -> tuple[str, ...]:
    """Return the labels of all members that the outcomes allow."""
    assert dataset.outputs is not None  # as was checked
    quantiles = dataset.outputs.task == LIKELIHOODS["quantile"].task
    return (*POSTERIORS, _QUANTILES) if quantiles else tuple(POSTERIORS)


def _check_outcomes(dataset: Dataset) -> None:
    task = None if dataset.outputs is None else dataset.outputs.task
    if task not in ("classification", "regression") or dataset.positions:
        many = " with many outcomes a row" if dataset.positions else ""
        found = "data without targets" if task is None else f"a {task}{many}"
        raise DataError(
            f"compare takes a classification or a regression with one outcome a row, and {dataset.name!r} is {found};"
            " fit the models one by one, and read their cards"
        )
