"""Is a loaded model what this house promises? Run on every checkpoint before it serves."""

from __future__ import annotations

import torch
from torch import Tensor

from models.checkpoints.checkpoint import Checkpoint, Model
from models.errors import CheckpointError
from models.prediction.draws import CHUNK_BYTES
from models.prediction.predictor import Predictor

CANARY_SAMPLES = 8
CANARY_SEED = 0
_FEW_ROWS, _FEW_SAMPLES = 2, 2
_MOST_EXAMPLES = 1000
"""Most stored answers that are compared: training keeps a few."""
_TOLERANCE = 1e-3
"""Between machines, relative to the answers' spread: far above rounding, far below a damaged weight's effect."""


def canary_examples(model: Model, rows: Tensor) -> dict[str, Tensor]:
    """Return what a checkpoint keeps as examples: a few raw inputs with the answers that the model gives now.

    Args:
        rows: Raw inputs ``(N, *shape)``; for a generator, the real images that it imitates.
    """
    return {"inputs": rows, "answers": _answers(model, rows)}


def verify(checkpoint: Checkpoint) -> None:
    """Raise if the model misbehaves.

    A draw must be one function of the seed: the same seed repeats the answer, another changes it (where the draws are
    a few that are known, they must differ), a row does not depend on its neighbours, and predicting changes nothing
    in the model. And the answers to the stored examples must be those that were stored.

    Raises:
        CheckpointError: saying which law is broken.
    """
    model, rows = checkpoint.model, checkpoint.examples.get("inputs")
    stored = checkpoint.examples.get("answers")
    if rows is None or stored is None or not rows.ndim or not len(rows) or not stored.is_floating_point():
        raise CheckpointError("examples.safetensors lacks inputs or answers")
    if len(rows) > _MOST_EXAMPLES:
        raise CheckpointError(f"examples.safetensors has {len(rows)} inputs; allowed are {_MOST_EXAMPLES}")
    dear = _is_dear(model)
    compared, tried, samples = (1, rows[:_FEW_ROWS], _FEW_SAMPLES) if dear else (len(rows), rows, CANARY_SAMPLES)
    spread = float(stored.std()) + 1e-6 if stored.numel() > 1 else 1.0
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    try:
        answers = _answers(model, rows[:compared])
        together = _answers(model, tried, samples) if dear else answers
        alone, again = _answers(model, tried[:1], samples), _answers(model, tried, samples)
        other = _answers(model, tried, samples, CANARY_SEED + 1)
    except Exception as error:  # whatever a model may raise, it is refused and its neighbours serve
        raise CheckpointError("the canary prediction failed") from error
    laws = {
        "does not repeat its stored answers": stored.shape == (len(rows), *answers.shape[1:])
        and _close(answers, stored[:compared], spread * _TOLERANCE),
        "does not repeat the answer of a seed": bool((again == together).all()),
        "gives the same answer to every seed": bool((other != together).any()) or _knows_its_draws(model),
        "has draws that are all alike": not _knows_its_draws(model) or _draws_differ(model, tried),
        "lets a row depend on its neighbours": _close(alone, together[:1], spread * _TOLERANCE),
        "changes when it predicts": all(bool((t == state[n]).all()) for n, t in model.state_dict().items()),
    }
    broken = [law for law, holds in laws.items() if not holds]
    if broken:
        raise CheckpointError(f"the model {' and '.join(broken)}")


def _is_dear(model: Model) -> bool:
    """Return whether a single row takes seconds, as maps of many pixels do: then fewer rows and draws are tried."""
    return isinstance(model, Predictor) and CANARY_SAMPLES * model.draw_bytes + model.row_bytes > CHUNK_BYTES


def _answers(model: Model, rows: Tensor, samples: int = CANARY_SAMPLES, seed: int = CANARY_SEED) -> Tensor:
    if isinstance(model, Predictor):
        return model.predict(model.inputs.rows(rows), samples, seed).mean
    return model.generate(model.latents([seed + 2 * i for i in range(len(rows))]))


def _knows_its_draws(model: Model) -> bool:
    """Return whether the draws are the same few, or none, for every seed."""
    return isinstance(model, Predictor) and model.posterior.max_samples is not None


def _draws_differ(model: Model, rows: Tensor) -> bool:
    """Return whether known draws are not all one function; true where there is none."""
    assert isinstance(model, Predictor)  # no generator knows its draws
    if not model.posterior.max_samples:
        return True
    spread = model.predict(model.inputs.rows(rows), CANARY_SAMPLES, CANARY_SEED).epistemic_variance
    return spread is not None and bool(spread.any())


def _close(a: Tensor, b: Tensor, tolerance: float) -> bool:
    return bool(((a - b).abs() <= tolerance).all()) and bool(torch.isfinite(a).all())
