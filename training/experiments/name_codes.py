"""Names for the codes of a trained InfoGAN, which discovers them without knowing what they mean.

References:
    Chen et al. (2016), InfoGAN, figure 2: a code for the digit, one for the rotation, one for the width.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from models.catalogue import Component
from models.checkpoints.checkpoint import Checkpoint, GeneratorSpec, Manifest, Origin, load, save
from models.checkpoints.selftest import canary_examples, verify
from models.generators.infogan import CODE_NAME, InfoGAN
from training import recipes
from training.data import Dataset
from training.errors import RecipeError
from training.evaluation.evaluate import measure
from training.evaluation.measurement import Measurement, Metrics
from training.evaluation.metrics.generation.infogan import codes_of_strokes, stroke_correlations
from training.evaluation.plots.traversal import png, traversal
from training.recipes.infogan import order_classes
from training.run.card import card

STROKE_NAMES = {"slant": "rotation", "width": "width"}
"""Names of continuous codes that move these measures."""

_LEAST = 0.5
"""Size of a rank correlation, below which a code is not named after a measure."""

_IMAGES = 2000


def draw_codes(checkpoint: Checkpoint, folder: Path) -> dict[str, Metrics]:
    """Draw the traversal of each code into a folder, and return the stroke correlations of the continuous codes.

    Raises:
        RecipeError: if the model is not an InfoGAN.
    """
    model = _infogan(checkpoint)
    folder.mkdir(parents=True, exist_ok=True)
    for code in (*model.categorical, *model.continuous):
        (folder / f"{code}.png").write_bytes(png(traversal(model, code)))
    return {code: {} for code in (*model.categorical, *model.continuous)} | _correlations(model)


def propose_names(checkpoint: Checkpoint) -> str:
    """Propose names for the codes that follow a measure, one to one, in the form of ``--names``."""
    measured = _correlations(_infogan(checkpoint))
    pairs = {code: stroke for stroke, code in codes_of_strokes(measured).items()}
    clear = {code: stroke for code, stroke in pairs.items() if abs(measured[code][stroke]) >= _LEAST}
    return ",".join(f"{code}={STROKE_NAMES[clear[code]]}" for code in measured if code in clear) or "CODE=NAME,..."


def _infogan(checkpoint: Checkpoint) -> InfoGAN:
    if not isinstance(checkpoint.model, InfoGAN):
        raise RecipeError(f"{checkpoint.manifest.name} is not an infogan: it has no codes to name")
    return checkpoint.model


def _correlations(model: InfoGAN) -> dict[str, Metrics]:
    latents = model.latents(range(_IMAGES))
    return stroke_correlations(model, model.generate(latents), latents)


def parse_names(text: str) -> dict[str, str]:
    """Parse ``c1=rotation,c2=width`` into new names by old ones.

    Raises:
        RecipeError: if the text has another form.
    """
    pairs = [part.strip().partition("=") for part in text.split(",")]
    names = {code: name for code, _, name in pairs}
    if len(names) != len(pairs) or not all(code and CODE_NAME.fullmatch(name) for code, name in names.items()):
        raise RecipeError(
            f"names are given once a code, as c1=rotation,c2=width, made of a-z, 0-9 and '_'; not {text!r}"
        )
    return names


def name_codes(checkpoint: Checkpoint, names: Mapping[str, str], dataset: Dataset, store: Path) -> tuple[Path, Metrics]:
    """Save the model with new names for its codes as the next version.

    If a categorical code has as many values as the data have classes, its values are put in the order of the classes.
    The noise of a code is drawn under its name, so a seed draws other values of a renamed code than before.

    Args:
        checkpoint: Checkpoint of an InfoGAN.
        names: New names by old ones; codes that are left out keep theirs.
        dataset: Data that the model was trained on.
        store: Folder of all checkpoints.

    Returns:
        The new checkpoint's folder and figures.

    Raises:
        RecipeError: if there is no such code, or if two would have the same name.
    """
    spec, old = _renamed(checkpoint, names), checkpoint.manifest
    model = spec.build()
    assert isinstance(model, InfoGAN)  # as the checkpoint's is
    model.load_state_dict(checkpoint.model.state_dict())
    order_classes(model, dataset)
    recipe = recipes.of_manifest(old)
    measured = measure(model, dataset, recipe.metrics, plots=True)
    seconds = old.figures.get("training_seconds", 0.0)
    figures = {**measured.metrics, "training_seconds": seconds}
    before = ", ".join(f"{new} was {code}" for code, new in names.items())
    origin = _origin(old, names, measured)
    described = card(recipe, spec, origin, old.seed, seconds, measured, store)
    text = f"{described}\n## Named codes\n\n{before}.\n"
    manifest = msgspec.structs.replace(old, model=spec, figures=figures, origin=origin)
    examples = {**checkpoint.examples, **canary_examples(model, checkpoint.examples["inputs"])}
    folder = save(store, manifest, model, examples, text, measured.plots)
    verify(load(folder))
    return folder, figures


def _origin(old: Manifest, names: Mapping[str, str], measured: Measurement) -> Origin:
    renamed = ",".join(f"{code}={name}" for code, name in names.items())
    naming = f"python -m training name-codes {old.name} --names {renamed}"
    if old.origin is None:
        return Origin(naming, "a machine that is not recorded", "test split", measured.samples)
    return msgspec.structs.replace(old.origin, command=f"{old.origin.command} && {naming}", samples=measured.samples)


def _renamed(checkpoint: Checkpoint, names: Mapping[str, str]) -> GeneratorSpec:
    model, spec = _infogan(checkpoint), checkpoint.manifest.model
    assert isinstance(spec, GeneratorSpec)  # as the model is one
    codes = [*model.categorical, *model.continuous]
    unknown = sorted(set(names) - set(codes))
    if unknown:
        raise RecipeError(f"there is no code {unknown[0]!r}; there are: {', '.join(codes)}")
    new = [names.get(code, code) for code in codes]
    if len({"z", *new}) != 1 + len(new):
        raise RecipeError(f"every code needs a name of its own, and 'z' is the noise; not {', '.join(new)}")
    config = {
        **spec.generator.config,
        "categorical": {names.get(code, code): values for code, values in model.categorical.items()},
        "continuous": [names.get(code, code) for code in model.continuous],
    }
    return GeneratorSpec(Component(spec.generator.name, config), spec.images)
