"""A trained model, calibrated on other rows: its weights stay, what comes after them is fitted anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import torch

from models.checkpoints.checkpoint import Checkpoint, Manifest, Origin, PredictorSpec, load, save
from models.checkpoints.selftest import canary_examples, verify
from models.guarantees.calibration import CalibrationRows
from models.prediction.predictor import Predictor
from training.data import Dataset, Split
from training.errors import DataError
from training.evaluation.evaluate import measure
from training.evaluation.measurement import Metrics
from training.run.calibrate import calibrate, fit_reference
from training.run.card import compare_figures
from training.run.export.answer import export_answer
from training.run.temperature import fit_temperature

FIGURES = (
    "test_nll_nats",
    "test_ece",
    "test_log_likelihood_nats",
    "test_conformal_coverage_90",
    "test_conformal_set_size_90",
    "test_conformal_picp_90",
    "test_conformal_mpiw_90_target_units",
    "abstained_share",
)
"""Figures that calibration can change."""
_FEWEST = 20


def recalibrate(
    checkpoint: Checkpoint, dataset: Dataset, rows: Split, tested: str, store: Path
) -> tuple[Path, Metrics, Metrics]:
    """Fit temperature, scores and thresholds on rows, and save the model as the next version.

    Args:
        checkpoint: A predictor's checkpoint.
        dataset: Data that the rows are of.
        rows: Rows that the model was not trained on; all of them calibrate.
        tested: Description of the rows.
        store: Folder of all checkpoints.

    Returns:
        The new checkpoint's folder, and the figures before and after. Those after are of either half of the rows,
        calibrated on the other one, so that no row judges what it was fitted to.

    Raises:
        DataError: if the model is a generator, or there are too few rows.
    """
    model, spec = checkpoint.model, checkpoint.manifest.model
    if not isinstance(model, Predictor) or not isinstance(spec, PredictorSpec):
        raise DataError("a generator has nothing to calibrate")
    if len(rows.inputs) < _FEWEST:
        raise DataError(f"{len(rows.inputs)} rows are too few to calibrate on; give {_FEWEST} or more")
    if model.reference is None and dataset.train is not dataset.test:
        fit_reference(model, dataset.train)
    before = _figures(model, dataset, rows, lambda _fitted: checkpoint.calibration)
    original = model.outputs
    after = _figures(model, dataset, rows, lambda fitted: _calibrated(model, fitted))
    model.outputs = original
    calibration = _calibrated(model, rows)
    reference = None if model.reference is None else model.reference.spec
    manifest = msgspec.structs.replace(
        checkpoint.manifest,
        model=msgspec.structs.replace(spec, outputs=model.outputs, reference=reference),
        origin=_origin(checkpoint.manifest, tested),
    )
    examples = {**checkpoint.examples, **canary_examples(model, checkpoint.examples["inputs"])}
    card = f"{checkpoint.card}\n{_section(tested, len(rows.inputs), before, after)}"
    answer = export_answer(model, checkpoint.graph)
    folder = save(store, manifest, model, examples, card, checkpoint.pictures, calibration, checkpoint.graph, answer)
    verify(load(folder))
    return folder, before, after


def _calibrated(model: Predictor, rows: Split) -> CalibrationRows | None:
    fit_temperature(model, rows)
    return calibrate(model, rows)


def _figures(
    model: Predictor, dataset: Dataset, rows: Split, calibration: Callable[[Split], CalibrationRows | None]
) -> Metrics:
    """Return the mean of each figure over both halves of the rows, where the other half is what calibrates."""
    order = torch.randperm(len(rows.inputs), generator=torch.Generator().manual_seed(0))
    halves = [rows.rows(part) for part in order.chunk(2)]
    both = []
    for fitted, judged in (halves, halves[::-1]):
        calibrated = calibration(fitted)
        both.append(measure(model, replace(dataset, test=judged), lambda *_: {}, calibration=calibrated).metrics)
    return {name: (both[0][name] + both[1][name]) / 2 for name in FIGURES if all(name in one for one in both)}


def _origin(manifest: Manifest, tested: str) -> Origin | None:
    if manifest.origin is None:
        return None
    command = f"{manifest.origin.command} && python -m training calibrate {manifest.name}"
    choices = (*manifest.origin.choices, f"calibrated anew on {tested}")
    return msgspec.structs.replace(manifest.origin, command=command, choices=choices)


def _section(tested: str, rows: int, before: Metrics, after: Metrics) -> str:
    return f"""## Calibrated anew

On {tested}; the figures after it are of either half of the {rows} rows, calibrated on the other one.

{compare_figures(before, after)}"""
