"""A store with every bundled model, the starter set trained, the others as they are before it; and two of tables."""

from __future__ import annotations

import shutil
from pathlib import Path

from form_models import save_forms

from models.checkpoints.checkpoint import Manifest, save
from training.data import load
from training.recipes import RECIPES
from training.run.fit import examples
from training.seeds import initialised


def fill(store: Path, starter: Path) -> None:
    """Copy the trained models, and save untrained ones of the bundled recipes that are missing then, and of tables."""
    shutil.copytree(starter, store, dirs_exist_ok=True)
    for recipe in RECIPES.values():
        if recipe.bundled and not (store / recipe.name).exists():
            dataset = load(recipe.data)
            spec = recipe.spec(dataset)
            model = initialised(spec, 0).eval()
            manifest = Manifest(recipe.name, 0, spec, dataset.name, 0, {})
            save(store, manifest, model, examples(model, dataset), f"# {recipe.name}, untrained")
    save_forms(store)
