"""The run of a comparison: fit every member with every seed, judge them on the same rows, and save one of each."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from models.checkpoints.checkpoint import Manifest, load, save
from models.checkpoints.selftest import verify
from models.errors import CheckpointError, CredenceError
from training.data import Dataset
from training.errors import StateError
from training.evaluation.checkpoints import versions
from training.evaluation.ood_inputs import OodInputs
from training.experiments.comparison.comparison import Comparison
from training.experiments.comparison.judging import Judged, judge
from training.experiments.comparison.members import Members, check_enough
from training.experiments.comparison.plot import FILE, render_plot
from training.experiments.comparison.table import card_section
from training.loops.progress import Epoch
from training.loops.state import StateFile
from training.recipes.kinds.recipe import Recipe
from training.run.card import fit_command
from training.run.fit import fit, state_file, tested

ShowEpochs = Callable[[str], AbstractContextManager[Callable[[Epoch], None]]]
"""From the name of a run to a context whose value is a callback for its epochs."""


@dataclass(frozen=True)
class Compared:
    """A finished comparison.

    Attributes:
        comparison: The figures of all models.
        folders: Checkpoint of the first seed's model, by label.
    """

    comparison: Comparison
    folders: Mapping[str, Path]


def compare(
    members: Members,
    dataset: Dataset,
    ood: OodInputs | None,
    store: Path,
    seeds: Sequence[int],
    command: str,
    show_epochs: ShowEpochs,
    *,
    resume: bool,
) -> Compared:
    """Fit and judge all members, and save the model of the first seed of each with the comparison on its card.

    Finished runs wait in ``<store>/.training/``, so that an interrupted comparison goes on where it was. A member whose
    run fails (it diverges, say) is left out with the reason.

    Args:
        members: Recipes of the models.
        dataset: Data to fit them to.
        ood: Inputs out of distribution; ``None`` for none.
        store: Folder of all checkpoints.
        seeds: Seeds of the runs.
        command: Command that compares again, for the cards.
        show_epochs: Shows the progress of a run.
        resume: Whether to go on with an interrupted comparison.

    Raises:
        CredenceError: if fewer than two members can be fitted, or the data are being compared already.
        OSError: if the store cannot be written.
    """
    staging = store.resolve() / ".training" / f"{dataset.name}-comparison"
    with StateFile(staging.with_suffix(".safetensors"), "").alone():
        if not resume and staging.exists():
            shutil.rmtree(staging)
        judged, refused = dict[str, Sequence[Judged]](), dict(members.refused)
        first: dict[str, Path] = {}
        for label, recipe in members.recipes.items():
            try:
                folders = [_fitted(recipe, dataset, staging, seed, show_epochs, resume=resume) for seed in seeds]
            except StateError:
                raise
            except CredenceError as error:
                refused[label] = str(error)
                continue
            judged[label] = [judge(load(folder), _megabytes(folder), dataset, ood) for folder in folders]
            first[label] = folders[0]
        check_enough(judged, refused)
        name, task = dataset.name, _task(dataset)
        where = "" if ood is None else f"{ood.name}, {len(ood.rows)} rows"
        rows = len(dataset.test.inputs)
        comparison = Comparison(name, task, judged, refused, seeds, members.epochs, tested(dataset), rows, where)
        plot = render_plot(comparison)
        saved = {
            label: _publish(folder, store, card_section(comparison, label, command), plot)
            for label, folder in first.items()
        }
        shutil.rmtree(staging)
    return Compared(comparison, saved)


def _task(dataset: Dataset) -> str:
    assert dataset.outputs is not None  # as the members were chosen for them
    return dataset.outputs.task


def _fitted(
    recipe: Recipe, dataset: Dataset, staging: Path, seed: int, show_epochs: ShowEpochs, *, resume: bool
) -> Path:
    """Return the checkpoint of a member's run, from an interrupted comparison if it was finished there."""
    if resume and (done := _find_finished(recipe, dataset, staging, seed)) is not None:
        return done
    begun = resume and state_file(recipe, dataset, staging, seed).fits()
    with show_epochs(f"{recipe.name} seed {seed}") as report:
        return fit(recipe, dataset, staging, seed, resume=begun, report=report).folder


def _find_finished(recipe: Recipe, dataset: Dataset, staging: Path, seed: int) -> Path | None:
    command = fit_command(recipe, dataset.arguments, seed)
    for folder in versions(staging / recipe.name):
        try:
            manifest = load(folder).manifest
        except CheckpointError:
            continue
        if _is_of(manifest, command, dataset):
            return folder
    return None


def _is_of(manifest: Manifest, command: str, dataset: Dataset) -> bool:
    """Return whether a checkpoint is what this command makes of these data."""
    origin = manifest.origin
    return origin is not None and (origin.command, origin.fingerprint) == (command, dataset.fingerprint)


def _megabytes(folder: Path) -> float:
    return (folder / "weights.safetensors").stat().st_size / 1e6


def _publish(folder: Path, store: Path, section: str, plot: bytes) -> Path:
    """Save a finished run's model as the next version in the store, with the comparison on its card."""
    done = load(folder)
    pictures = {**done.pictures, FILE: plot}
    saved = save(store, done.manifest, done.model, done.examples, f"{done.card}{section}", pictures, done.calibration)
    verify(load(saved))
    return saved
