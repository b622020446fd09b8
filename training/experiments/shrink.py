"""Models small enough to be handed out: weights in 16 bits, and no more calibration rows and examples than are of use.

What is saved is the rounded model: its reference, its calibration and its figures are its own, made and measured anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec
import torch
from torch import Tensor

from models.checkpoints.checkpoint import Checkpoint, Model, Origin, PredictorSpec, load, save
from models.checkpoints.selftest import canary_examples, verify
from models.errors import CheckpointError
from models.guarantees.calibration import CalibrationRows
from models.prediction.predictor import Predictor
from training import recipes
from training.data import Dataset, Split
from training.evaluation.evaluate import measure
from training.evaluation.measurement import Metrics
from training.run.calibrate import calibrate, fit_reference
from training.run.card import compare_figures
from training.run.fit import join_splits

DTYPE = torch.bfloat16
"""Type of the weights: float32 without its last 16 bits, so that nothing is too large or too small for it."""
ROWS = 1000
"""Calibration rows that are kept at most: a quantile of 90 % is known to one point of coverage then."""
_FEWEST_EXAMPLES = 2
_EXAMPLE_VALUES = 2**18
"""Numbers in all examples and their answers together, unless the fewest take more."""


def shrink(checkpoint: Checkpoint, dataset: Dataset, store: Path, note: str = "") -> tuple[Path, Metrics, Metrics]:
    """Round a model's weights to bfloat16, and save it under its name in a store.

    Args:
        checkpoint: Checkpoint to shrink; its model is changed.
        dataset: Data that the model was trained on.
        store: Folder of checkpoints.
        note: Text for the card, in Markdown: whose data it has seen, and under which licence, say.

    Returns:
        The new checkpoint's folder, and the figures before and after.

    Raises:
        CheckpointError: if the network is a graph, which has weights of its own.
    """
    if checkpoint.graph is not None:
        raise CheckpointError(f"{checkpoint.manifest.name} has a graph, which is not rounded; shrink it before export")
    model, manifest, before = checkpoint.model, checkpoint.manifest, checkpoint.manifest.figures
    round_weights(model)
    spec, calibration = manifest.model, None
    if isinstance(model, Predictor) and isinstance(spec, PredictorSpec) and checkpoint.calibration is not None:
        fit_reference(model, dataset.train)
        round_weights(model)
        assert model.reference is not None  # as it was fitted just now
        spec = msgspec.structs.replace(spec, reference=model.reference.spec)
        calibration = calibrate(model, _calibration_rows(checkpoint.calibration, dataset))
    measured = measure(model, dataset, recipes.family_metrics(manifest), calibration=calibration)
    manifest = msgspec.structs.replace(
        manifest, model=spec, figures={**before, **measured.metrics}, origin=_origin(checkpoint)
    )
    kept = 0 if calibration is None else len(calibration)
    folder = save(
        store,
        manifest,
        model,
        fewer_examples(model, checkpoint.examples),
        f"{checkpoint.card}\n{_section(before, measured.metrics, kept, note)}",
        checkpoint.pictures,
        calibration,
        dtype=DTYPE,
    )
    verify(load(folder))
    return folder, before, measured.metrics


def round_weights(model: Model) -> None:
    """Round every weight and buffer of a model to the nearest number of 16 bits; counts stay as they are."""
    weights = model.state_dict()
    model.load_state_dict(
        {name: tensor.to(DTYPE).float() if tensor.is_floating_point() else tensor for name, tensor in weights.items()}
    )


def _calibration_rows(before: CalibrationRows, dataset: Dataset) -> Split:
    """Return rows that nothing else has seen: those of validation too, where they calibrated the model in full."""
    rows = dataset.calibration
    if len(before) > len(rows.inputs):
        rows = join_splits(rows, dataset.validation)
    return rows.rows(_spread(len(rows.inputs), ROWS))


def fewer_examples(model: Model, examples: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return examples ``(N, ...)`` by name, fewer where they are large, with the model's answers in float32."""
    values = sum(examples[name][0].numel() for name in ("inputs", "answers"))
    chosen = _spread(len(examples["inputs"]), max(_FEWEST_EXAMPLES, _EXAMPLE_VALUES // values))
    kept = {name: tensor[chosen] for name, tensor in examples.items()}
    answered = canary_examples(model, kept["inputs"])
    return kept | {"answers": answered["answers"].float()}


def _spread(count: int, most: int) -> Tensor:
    """Return numbers of rows at even distances, ``(min(count, most),)``."""
    kept = min(count, most)
    return torch.arange(kept) * count // kept


def _origin(checkpoint: Checkpoint) -> Origin | None:
    origin, name = checkpoint.manifest.origin, checkpoint.manifest.name
    if origin is None:
        return None
    return msgspec.structs.replace(origin, command=f"{origin.command} && python -m training shrink {name}")


def _section(before: Metrics, after: Metrics, calibration_rows: int, note: str) -> str:
    kept = f" {calibration_rows} rows calibrate it." if calibration_rows else ""
    noted = f"\n{note}\n" if note else ""
    return f"""## In 16 bits
{noted}
The weights of this checkpoint are rounded to bfloat16.{kept} Figures and pictures above are those of the model before;
measured again:

{compare_figures(before, after)}"""
