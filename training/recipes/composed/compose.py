"""A recipe for any network, posterior and likelihood on any data that they suit."""

from __future__ import annotations

from itertools import product

from models.catalogue import Component
from models.likelihoods import LIKELIHOODS
from models.networks import NETWORKS
from models.posteriors import POSTERIORS
from training.data import Dataset
from training.errors import RecipeError
from training.recipes.composed import hyper_parameters
from training.recipes.kinds.predictive import PredictiveRecipe
from training.recipes.recurrent import RecurrentRecipe

MODELS = tuple(f"{network}-{posterior}" for network, posterior in product(NETWORKS, POSTERIORS))
"""Names of all models that can be composed; a likelihood may follow."""

_LIKELIHOODS = {
    "classification": "categorical",
    "segmentation": "categorical",
    "multilabel": "bernoulli",
    "regression": "heteroscedastic_gaussian",
}
"""The likelihood of a task, where none is named."""


def can_compose(model: str) -> bool:
    """Return whether a name is one of a network and a posterior, such as ``mlp-swag`` or ``mlp-swag-student_t``."""
    network, posterior, likelihood = _parts(model)
    return network in NETWORKS and posterior in POSTERIORS and (not likelihood or likelihood in LIKELIHOODS)


def compose(model: str, dataset: Dataset) -> PredictiveRecipe:
    """Return a recipe for a model of this name with hyper-parameters that follow from the data.

    Raises:
        RecipeError: if the network does not read such rows, or does not answer where they have targets.
    """
    network, posterior, likelihood = _parts(model)
    if dataset.outputs is None:
        raise RecipeError(f"{dataset.name!r} has no targets, which {model} needs; a generator, such as vae, needs none")
    if network not in (suiting := suiting_networks(dataset)):
        raise RecipeError(
            f"{network} does not suit {dataset.name!r}, {_rows_of(dataset)}: take {' or '.join(suiting)}, as in"
            f" {suiting[0]}-{posterior}"
        )
    kind = RecurrentRecipe if network == "recurrent" else PredictiveRecipe
    return kind(
        data=dataset.name,
        model=model,
        description=f"{network} under {posterior}, with hyper-parameters that follow from the data",
        network=Component(network, hyper_parameters.of_network(network, posterior, dataset)),
        posterior=Component(posterior, hyper_parameters.of_posterior(posterior, dataset)),
        likelihood=Component(likelihood or _LIKELIHOODS[dataset.outputs.task]),
        settings=hyper_parameters.of_loop(network, posterior, dataset),
        kl_warm_up=hyper_parameters.kl_warm_up(posterior),
        taken_from=model,
    )


def _parts(model: str) -> tuple[str, str, str]:
    """Return the names of network, posterior and likelihood; the last is empty where none is named."""
    network, _, rest = model.partition("-")
    posterior, _, likelihood = rest.partition("-")
    return network, posterior, likelihood


def suiting_networks(dataset: Dataset) -> tuple[str, ...]:
    """Return the networks that read rows of these data and answer where they have targets, the usual one first."""
    kind, positions = dataset.inputs.kind, len(dataset.positions)
    if positions == 2:
        return ("segnet",)
    if positions == 1:
        return ("recurrent",)
    if kind == "image":
        return ("convnet", "mlp", "recurrent")
    if kind == "sequence":
        return ("recurrent",) if dataset.ragged else ("recurrent", "mlp")
    return ("mlp",)


def _rows_of(dataset: Dataset) -> str:
    """Describe the rows of a data set and their answers in words."""
    kind = {"table": "a table", "image": "images", "sequence": "sequences"}[dataset.inputs.kind]
    answers = {0: "one answer a row", 1: "an answer at every step", 2: "an answer for every pixel"}
    return f"{kind}{' of different lengths' if dataset.ragged else ''} with {answers[len(dataset.positions)]}"
