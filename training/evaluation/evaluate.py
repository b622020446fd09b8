"""Evaluation of a model on the data of its recipe, or on other data of the same shape."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from models.checkpoints.checkpoint import Model
from models.guarantees.calibration import CalibrationRows
from models.prediction.predictor import Predictor
from training.data import Dataset
from training.errors import DataError
from training.evaluation.breakdown import break_down
from training.evaluation.cautions import find_cautions, find_generator_cautions
from training.evaluation.evidence import generator_evidence, predictor_evidence
from training.evaluation.generator import GeneratorEvaluation, default_images
from training.evaluation.inception import Inception
from training.evaluation.measurement import Measurement, Metrics
from training.evaluation.metrics.generation import measure_generator, remark
from training.evaluation.metrics.prediction import measure_predictor
from training.evaluation.ood_inputs import OodInputs
from training.evaluation.plots import generation, prediction
from training.evaluation.predictor import PredictorEvaluation

FamilyMetrics = Callable[[Model, Dataset, int, int], Metrics]
"""From a model, its data, the number of samples and the seed to metrics that only models of its family have."""

SAMPLES = 50
"""Number of draws behind the metrics on a predictor's card: as many as the service takes by default."""
SEED = 0


def measure(
    model: Model,
    dataset: Dataset,
    family_metrics: FamilyMetrics,
    samples: int | None = None,
    seed: int = SEED,
    ood: OodInputs | None = None,
    calibration: CalibrationRows | None = None,
    *,
    plots: bool = False,
    inception: Inception | None = None,
) -> Measurement:
    """Measure everything about a model: the metrics of its kind, and those of its family.

    Args:
        model: A trained model in evaluation mode.
        dataset: Data whose test split is measured.
        family_metrics: Function that measures what only models of its family have; the recipe's ``metrics``.
        samples: Number of a predictor's draws (by default 50; 0 is the posterior's mean), or of a generator's images
            (by default 10 000).
        seed: Seed of the draws, or of the first image.
        ood: Inputs that a predictor should tell apart from those of the data set.
        calibration: What a predictor said of its calibration rows.
        plots: Whether to draw the plots too.
        inception: A network whose features are compared too, beside those of the feature classifier.

    Raises:
        DataError: if a generator is to generate fewer than two images.
    """
    started = time.perf_counter()
    family = partial(family_metrics, model, dataset)
    if isinstance(model, Predictor):
        samples = model.available_samples(SAMPLES if samples is None else samples)
        measured = _predictor(PredictorEvaluation(model, dataset, samples, seed, ood, calibration), family, plots)
    else:
        samples = default_images(dataset.inputs) if samples is None else samples
        if samples < 2:
            raise DataError(f"a generator is judged by at least 2 images, not {samples}")
        measured = _generator(GeneratorEvaluation(model, dataset, samples, seed, inception), family, plots)
    return replace(measured, seconds=time.perf_counter() - started, arguments=dataset.arguments)


def _predictor(evaluation: PredictorEvaluation, family: Callable[[int, int], Metrics], plots: bool) -> Measurement:
    samples, seed = evaluation.samples, evaluation.seed
    metrics = measure_predictor(evaluation) | family(samples, seed)
    breakdown = break_down(evaluation)
    return Measurement(
        metrics,
        samples,
        seed,
        plots=prediction.render_plots(evaluation) if plots else {},
        evidence=predictor_evidence(evaluation, metrics),
        cautions=find_cautions(metrics, breakdown, len(evaluation.dataset.test.inputs)),
        breakdown=breakdown,
    )


def _generator(evaluation: GeneratorEvaluation, family: Callable[[int, int], Metrics], plots: bool) -> Measurement:
    samples, seed, classifier = evaluation.samples, evaluation.seed, evaluation.classifier
    metrics = measure_generator(evaluation) | family(samples, seed)
    classes = 0 if classifier is None else classifier.predictor.outputs.size
    return Measurement(
        metrics,
        samples,
        seed,
        plots=generation.render_plots(evaluation) if plots else {},
        remark=remark(evaluation),
        evidence=generator_evidence(evaluation, metrics),
        cautions=find_generator_cautions(metrics, classes),
    )


def write_plots(plots: Mapping[str, bytes], folder: Path) -> list[str]:
    """Write the plots into a folder, which is created if it does not exist, and return their names in order.

    Raises:
        OSError: if one cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in plots.items():
        (folder / name).write_bytes(content)
    return sorted(plots)
