"""What ``samples=auto`` saves, and what stopping does to the answer: rows that leave against rows that wait.

Run from the repository's root: ``python benchmarks/adaptive.py FILE.npz STORE MODEL [--write docs/predictions.md]``;
the file holds raw rows as ``inputs``. Every row is predicted under many seeds; many more draws are the truth.

A rule that stops where the *estimated* error is small stops too early where the estimate is too small by chance: the
error is then larger than it says, and a mean that few draws would move is missed. Both are measured.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))

from page import table, write

from models.checkpoints.checkpoint import load
from models.prediction.predictor import Predictor
from models.prediction.uncertainty import DrawSums
from service.backends.predictor_jobs import PredictJob
from service.backends.torch_loader import configure_torch
from service.backends.torch_predictor import DrawCache, TorchPredictor

TOLERANCES = (0.02, 0.01, 0.005)
MOST = 1000
_TRUTH_SEED = 2**40


@dataclass(frozen=True)
class Truth:
    """Mean and variance of the class probabilities over many draws, ``(B, C)`` each."""

    mean: NDArray[np.float64]
    variance: NDArray[np.float64]


def main() -> None:
    """Measure all tolerances and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("store", type=Path)
    parser.add_argument("model")
    parser.add_argument("--rows", type=int, default=256)
    parser.add_argument("--seeds", type=int, default=40)
    parser.add_argument("--truth", type=int, default=20_000, help="draws of the truth")
    parser.add_argument("--write", type=Path, help="page whose part between the marks of this script is replaced")
    options = parser.parse_args()
    configure_torch(1)
    model = load(max((options.store / options.model).iterdir(), key=lambda folder: int(folder.name))).model
    assert isinstance(model, Predictor)
    with np.load(options.file) as arrays:
        rows = model.inputs.check_rows(arrays["inputs"][: options.rows])
    text = report(model, rows, options.seeds, options.truth)
    text += f"\n{options.model}: {len(rows)} rows, {options.seeds} seeds, the truth of {options.truth} draws.\n"
    if options.write:
        write(options.write, text, "adaptive.py")
    sys.stdout.write(text)


def report(model: Predictor, rows: NDArray[np.float32], seeds: int, truth_draws: int) -> str:
    """Return the table."""
    truth = find_truth(model, rows, truth_draws)
    head = ["tolerance", "draws of a row", "draws if 64 rows wait", "equal draws of the same error", "saved of those"]
    head += ["error over what it is said to be", "bias in tolerances"]
    return table(head, [measure(model, rows, truth, tolerance, seeds) for tolerance in TOLERANCES])


@torch.inference_mode()
def find_truth(model: Predictor, rows: NDArray[np.float32], draws: int) -> Truth:
    """Return what many draws say, of a seed that no request has."""
    x, step = torch.from_numpy(rows), model.draw_block
    parts = [
        DrawSums.of(part)
        for start in range(0, draws, step)
        for part in model.conditionals(x, model.posterior.sample(_TRUTH_SEED, start + step, start))
    ]
    sums = sum(parts[1:], parts[0])
    return Truth((sums.mean / sums.draws).numpy(), sums.epistemic_variance().numpy())


def measure(model: Predictor, rows: NDArray[np.float32], truth: Truth, tolerance: float, seeds: int) -> list[str]:
    """Return a line of the table.

    Its errors are root mean squares over rows, classes and seeds. Equal draws for all rows have the same error when
    there are so many that the rows' mean variance over their number is its square.
    """
    backend = TorchPredictor(model, torch.device("cpu"), DrawCache(2**30), weighs_evidence=False)
    top, everyone = truth.mean.argmax(-1), np.arange(len(rows))
    taken, waiting, squares, said, signed = [], [], [], [], []
    for seed in range(seeds):
        (one,) = backend.run([PredictJob(rows, seed, MOST, tolerance)], lambda: None)
        mean, error, draws = one.statistics["mean"], one.statistics["standard_error"], one.row_samples
        assert mean is not None
        assert error is not None
        assert draws is not None
        taken.append(draws.mean())
        waiting.append(np.mean([part.max() for part in np.array_split(draws, max(1, len(rows) // 64))]))
        squares.append(np.square(mean - truth.mean).sum(-1).mean())
        said.append(np.square(error).sum(-1).mean())
        signed.append((mean - truth.mean)[everyone, top].mean() / tolerance)
    equal = truth.variance.sum(-1).mean() / np.mean(squares)
    saved = 1 - np.mean(taken) / equal
    bias = f"{np.mean(signed):+.4f} ± {np.std(signed) / np.sqrt(seeds):.4f}"
    numbers = [f"{value:.0f}" for value in (np.mean(taken), np.mean(waiting), equal)]
    return [f"{tolerance:g}", *numbers, f"{saved:.0%}", f"{np.sqrt(np.mean(squares) / np.mean(said)):.2f}", bias]


if __name__ == "__main__":
    main()
