"""Hyper-parameters from the command line: each finds its place, or the refusal says which there are."""

from __future__ import annotations

import pytest

from models.catalogue import Component
from training import recipes
from training.errors import RecipeError
from training.recipes.kinds.assignments import assign

RECIPE = recipes.find("digits-mlp-mc_dropout")
BAYES = recipes.find("digits-convnet-bayes_by_backprop")


def test_each_is_set_where_it_belongs() -> None:
    recipe = assign(
        RECIPE, ["hidden=[64,64]", "posterior.length_scale=1", "learning_rate=1e-3", "kl_weight=0.5", "optimiser=sgd"]
    )
    assert recipe.network == Component("mlp", {**RECIPE.network.config, "hidden": [64, 64]})
    assert recipe.posterior.config["length_scale"] == 1
    assert (recipe.settings.learning_rate, recipe.settings.optimiser, recipe.kl_weight) == (1e-3, "sgd", 0.5)
    assert recipe.settings.epochs == RECIPE.settings.epochs
    assert recipe.options == (
        " --set 'hidden=[64,64]' --set posterior.length_scale=1 --set learning_rate=1e-3 --set kl_weight=0.5"
        " --set optimiser=sgd"
    )


def test_the_prior_patience_and_generators_too() -> None:
    assert assign(BAYES, ['prior={"type":"gaussian","scale":0.1}']).posterior.config["prior"]["scale"] == 0.1
    assert assign(RECIPE, ["patience=null"]).settings.patience is None
    infogan = assign(recipes.find("digits-infogan"), ["noise=8", "critic_rate=5e-4"])
    assert (infogan.generator.config["noise"], infogan.settings.critic_rate) == (8, 5e-4)
    assert assign(recipes.find("digits-vae"), ["beta=2"]).beta == 2


def test_what_other_options_show_is_not_repeated() -> None:
    recipe = assign(RECIPE, ["epochs=3", "clip_norm=1"])
    assert (recipe.settings.epochs, recipe.settings.clip_norm, recipe.options) == (3, 1.0, "")


REFUSED = {
    "unknown": ("droput=0.2", "there is no such hyper-parameter; did you mean 'dropout'?"),
    "nothing near": (
        "zzz=1",
        "there is no such hyper-parameter; there are: hidden, dropout, input_dropout, length_scale",
    ),
    "no value": ("dropout", "--set dropout is no KEY=VALUE, such as"),
    "of another part": ("posterior.dropout=0.1", "there is no such hyper-parameter; did you mean 'dropout'?"),
    "text": ("dropout=high", "--set dropout=high is not allowed: expected float, got str; it is dropout=0.3"),
    "a number for a list": (
        "hidden=64",
        "hidden=64 is not allowed: expected array, got int; it is hidden=[256,256]",
    ),
    "no width": ("hidden=[0]", "expected int >= 1"),
    "half a width": ("hidden=[1.5]", "expected int, got float"),
    "all dropped": ("dropout=1.5", "expected float < 1.0; it is dropout=0.3"),
    "less than nothing": ("dropout=-0.1", "expected float >= 0.0"),
    "uphill": ("learning_rate=-1", "expected float > 0.0; it is learning_rate=0.002"),
    "standing": ("learning_rate=0", "expected float > 0.0"),
    "not finite": ("learning_rate=NaN", "expected float, got str"),
    "no rows": ("batch=0", "expected int >= 1"),
    "no epochs": ("epochs=-1", "expected int >= 0"),
    "no weight": ("kl_weight=-1", "expected float >= 0.0"),
    "unknown optimiser": ("optimiser=lion", "invalid enum value"),
}


@pytest.mark.parametrize("mistake", REFUSED)
def test_what_is_not_understood_is_refused(mistake: str) -> None:
    text, said = REFUSED[mistake]
    with pytest.raises(RecipeError) as refused:
        assign(RECIPE, [text])
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_twice_is_once_too_often() -> None:
    with pytest.raises(RecipeError, match=r"--set network.dropout is given twice; leave one out"):
        assign(RECIPE, ["dropout=0.1", "network.dropout=0.2"])


def test_what_would_change_nothing_is_refused() -> None:
    with pytest.raises(RecipeError, match="dropout changes nothing: bayes_by_backprop takes dropout out"):
        assign(BAYES, ["dropout=0.2"])
    with pytest.raises(RecipeError, match="there is no such hyper-parameter"):
        assign(recipes.find("digits-recurrent-mc_dropout"), ["many=true"])


def test_a_name_in_two_places_asks_for_which() -> None:
    both = assign(recipes.find("digits-mlp-mc_dropout-logit_normal"), ["likelihood.aleatoric_samples=10"])
    assert both.likelihood.config["aleatoric_samples"] == 10
