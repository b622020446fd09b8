"""Pruned models are new versions of the same model, with fewer weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.checkpoints.checkpoint import load
from models.posteriors.bayes_by_backprop import BayesByBackprop
from models.prediction.predictor import Predictor
from training import recipes
from training.data import load as load_data
from training.errors import RecipeError
from training.experiments.prune import prune
from training.run.fit import fit


def fitted(name: str, store: Path) -> Path:
    recipe = recipes.find(name).with_epochs(40)
    return fit(recipe, load_data(recipe.data), store, 0, resume=False, report=lambda epoch: None).folder


def test_a_quarter_of_the_weights_is_the_next_version(tmp_path: Path) -> None:
    folder, figures = prune(
        load(fitted("diabetes-mlp-bayes_by_backprop", tmp_path)), 0.25, load_data("diabetes"), tmp_path
    )
    assert folder.name == "2"
    assert figures["kept_weights_share"] == 0.25
    checkpoint = load(folder)
    assert isinstance(checkpoint.model, Predictor)
    assert isinstance(checkpoint.model.posterior, BayesByBackprop)
    ratios = [ratio.flatten() for ratio in checkpoint.model.posterior.signal_to_noise().values()]
    kept = sum(int((ratio > 0).sum()) for ratio in ratios) / sum(len(ratio) for ratio in ratios)
    assert kept == pytest.approx(0.25, abs=0.01)
    assert "25% of the weights are kept" in checkpoint.card
    whole = load(tmp_path / "diabetes-mlp-bayes_by_backprop" / "1").manifest
    assert figures["training_seconds"] == whole.figures["training_seconds"]
    pruning = "python -m training prune diabetes-mlp-bayes_by_backprop --keep 0.25"
    assert checkpoint.manifest.origin.command == f"{whole.origin.command} && {pruning}"


@pytest.mark.parametrize(
    ("name", "keep", "reason"),
    [
        ("curve-mlp-mc_dropout", 0.5, "not trained by Bayes by Backprop"),
        ("diabetes-mlp-bayes_by_backprop", 0.0, "above 0"),
    ],
)
def test_what_cannot_be_pruned_is_refused(name: str, keep: float, reason: str, tmp_path: Path) -> None:
    checkpoint = load(fitted(name, tmp_path))
    with pytest.raises(RecipeError, match=reason):
        prune(checkpoint, keep, load_data(checkpoint.manifest.data), tmp_path)
