"""A checkpoint of a model that stays where it is: its calibration, and nothing of its network."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
import torch

from models.catalogue import Component
from models.checkpoints.checkpoint import Manifest, Origin, PredictorSpec, load, save
from models.checkpoints.selftest import verify
from models.guarantees.calibration import CalibrationRows, Numbers
from models.likelihoods.homoscedastic_gaussian import HomoscedasticGaussian
from models.prediction.outputs import OUTPUTS
from models.prediction.predictor import Predictor
from models.specs import InputSpec
from training.data import Dataset, Split
from training.errors import DataError
from training.evaluation.checkpoints import versions
from training.evaluation.evaluate import measure
from training.evaluation.measurement import Measurement, Metrics
from training.run.card import figures_table, sections
from training.run.describe import describe
from training.run.fit import calibrate_all, examples
from training.run.machine import machine
from training.run.noise import fit_noise
from training.run.outputs.read import OutputsFile

_LIKELIHOODS = {"mean": "homoscedastic_gaussian", "mean_and_variance": "heteroscedastic_gaussian"}
_COMPARED = ("test_nll_nats", "test_ece", "test_brier")
"""Figures that a temperature changes; a regression has none."""
_OF_ANSWER = ("predictive_entropy", "total_variance")
"""Evidence that every answer has."""
_RAISED = np.float32(1.001)
_ALIKE = 1e-4
"""Spread of evidence below which it is rounding, and tells rows apart by nothing."""


@dataclass(frozen=True)
class CalibratedOutputs:
    """What became of a file of outputs.

    Attributes:
        folder: Folder of the new checkpoint.
        before: Figures of the outputs as they are, on the rows of the card.
        measured: Figures of the card.
        choices: Sentences on what was decided for the user.
    """

    folder: Path
    before: Metrics
    measured: Measurement
    choices: tuple[str, ...]


def calibrate_outputs(name: str, file: OutputsFile, source: str, command: str, store: Path) -> CalibratedOutputs:
    """Calibrate the outputs of a model on a part of their rows, measure them on another, and save what was fitted.

    Args:
        name: Name of the model.
        file: Outputs with their outcomes.
        source: Name of the file.
        command: Command line that does it again.
        store: Folder of all checkpoints.

    Raises:
        CredenceError: if the name is taken by a model with a network.
    """
    _check_name(name, store)
    spec = build_spec(file)
    model = spec.build().requires_grad_(False)
    reference, rows, held_out, split = split_rows(file)
    if isinstance(model.likelihood, HomoscedasticGaussian):
        fit_noise(model, model.likelihood, reference)
    dataset = Dataset(source, spec.inputs, spec.outputs, reference, held_out, rows, held_out)
    before = measure(model, dataset, lambda *_: {}).metrics
    spec, calibration = calibrate_all(model, spec, reference, rows)
    assert calibration is not None  # as there are rows
    calibration = without_empty_evidence(calibration, file)
    measured = measure(model, dataset, lambda *_: {}, calibration=calibration, plots=True)
    where = f"{len(held_out.inputs)} rows of {source} that calibrated nothing"
    choices = (*file.notes, split, *_describe_temperature(model))
    origin = Origin(command, machine(torch.device("cpu")), where, measured.samples, OUTPUTS, choices)
    manifest = Manifest(name, 0, spec, source, 0, dict(measured.metrics), origin=origin)
    compared = {figure: value for figure, value in before.items() if figure in _COMPARED}
    card = _card(manifest, origin, compared, measured)
    folder = save(store, manifest, model, examples(model, dataset), card, measured.plots, calibration)
    verify(load(folder))
    return CalibratedOutputs(folder, compared, measured, choices)


def build_spec(file: OutputsFile) -> PredictorSpec:
    """Return the specification of a model without a network, for the outputs in a file."""
    form = file.form
    return PredictorSpec(
        Component(OUTPUTS, msgspec.to_builtins(form)),
        Component(OUTPUTS),
        Component(_LIKELIHOODS.get(form.given, "categorical")),
        InputSpec(OUTPUTS, (form.size(file.outputs),)),
        file.outputs,
    )


def split_rows(file: OutputsFile) -> tuple[Split, Split, Split, str]:
    """Return rows as a reference, to calibrate and to measure on, and in words how they were split.

    A reference is for distances of features and for noise that is measured; without either, the rows are halved.
    """
    order = torch.randperm(len(file.rows), generator=torch.Generator().manual_seed(0))
    needs_reference = file.form.features or file.form.given == "mean"
    parts = [Split(file.rows[part], file.targets[part]) for part in order.tensor_split(3 if needs_reference else 2)]
    reference, rows, held_out = parts[0], parts[-2], parts[-1]
    words = f"of the rows, split at random, {len(rows.inputs)} calibrate and {len(held_out.inputs)} are measured"
    words += f"; the other {len(reference.inputs)} are the reference" if needs_reference else ""
    return reference, rows, held_out, words


def without_empty_evidence(calibration: CalibrationRows, file: OutputsFile) -> CalibrationRows:
    """Return calibration rows without evidence that says nothing: of features that none sends, or of probabilities.

    Probabilities, and logits that are logarithms of them, have lost how large the logits were, and with it the energy.
    """
    lost = {"energy"} if file.is_normalised else set()
    kept = {
        name: values
        for name, values in calibration.evidence.items()
        if name not in lost and (len(values) > 1 or _varies(values))
    }
    if not kept:  # as of means with one noise: raised, since no rounding shall seem to be more than all rows have
        kept = {name: values * _RAISED + _ALIKE for name, values in calibration.evidence.items() if name in _OF_ANSWER}
    return replace(calibration, evidence=kept)


def _varies(values: Numbers) -> bool:
    return float(np.ptp(values)) > _ALIKE


def _check_name(name: str, store: Path) -> None:
    """Refuse a name whose newest version has a network, which a calibration of outputs would replace."""
    for folder in versions(store / name)[-1:]:
        spec = load(folder.resolve()).manifest.model
        if not isinstance(spec, PredictorSpec) or spec.inputs.kind != OUTPUTS:
            raise DataError(f"{name} is a model with a network of its own in the store; choose another name")


def _describe_temperature(model: Predictor) -> list[str]:
    if model.outputs.task != "classification":
        return []
    if model.outputs.temperature == 1.0:
        return ["no temperature: none makes rows likelier that it was not fitted to"]
    return [f"logits are divided by a temperature of {model.outputs.temperature:.3g}"]


def _card(manifest: Manifest, origin: Origin, before: Metrics, measured: Measurement) -> str:
    choices = "".join(f"- {choice[:1].upper()}{choice[1:]}\n" for choice in origin.choices)
    described = describe(manifest.model)
    lines = "".join(f"| {name} | {value:.4g} | {measured.metrics[name]:.4g} |\n" for name, value in before.items())
    compared = f"| figure | as sent | calibrated |\n|---|---|---|\n{lines}\n" if lines else ""
    cautions = "".join(f"> **Caution.** {sentence}\n\n" for sentence in measured.cautions)
    return f"""# {manifest.name}

{described[:1].upper()}{described[1:]}.

A calibration of outputs; the model that they are of is elsewhere, and `POST /calibrated/{manifest.name}` takes them:

    {origin.command}

{choices}
{compared}{cautions}{figures_table(measured)}

Measured on {origin.tested}, with {measured.samples} samples, seed {measured.seed}.
{sections(measured)}"""
