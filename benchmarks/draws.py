"""What fifty draws cost: as one vectorised program (``vmap``) and as a loop of fifty passes, side by side.

Run from the repository's root: ``python benchmarks/draws.py [--samples 50] [--repeats 7] [--threads N]``.

Making the draws is timed apart: the service keeps those of its default seed. Threads that share cores with other busy
processes wait for each other and distort everything: measure on an idle machine, or with ``--threads 1``.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, str(Path(__file__).parents[1]))

from models.networks.convnet import ConvNet
from models.posteriors.bayes_by_backprop import BayesByBackprop
from models.posteriors.mc_dropout import MCDropout
from models.prediction.draws import Draws, evaluate
from models.prediction.posterior import Posterior

MNIST = (1, 28, 28)
DIGITS = (1, 8, 8)


@dataclass(frozen=True)
class Case:
    """One network, its posterior and the numbers of rows to try."""

    name: str
    posterior: Posterior
    shape: tuple[int, int, int]
    rows: tuple[int, ...]


def cases() -> list[Case]:
    """LeNet with a mask before its last layer, and convolutions whose weights are drawn, small and large."""
    small = ConvNet(DIGITS, 10, channels=(16, 32), kernel=3, padding=1, hidden=128)
    return [
        Case("LeNet, MC-dropout before the last layer", MCDropout(ConvNet(MNIST, 10), MNIST), MNIST, (1, 8, 32)),
        Case("ConvNet 8x8, Bayes by Backprop", BayesByBackprop(small, DIGITS), DIGITS, (1, 8, 32, 128)),
        Case("LeNet, Bayes by Backprop", BayesByBackprop(ConvNet(MNIST, 10), MNIST), MNIST, (1, 8, 32)),
    ]


def milliseconds(work: Callable[[], object], repeats: int) -> float:
    """The median of several runs, after one that warms up."""
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times)


def flops(network: nn.Module, x: Tensor, draws: Draws, vectorise: bool) -> int:
    """Floating-point operations of an evaluation."""
    with FlopCounterMode(display=False) as counter:
        evaluate(network, x, draws, vectorise=vectorise)
    total: int = counter.get_total_flops()
    return total


def measure(case: Case, rows: int, samples: int, repeats: int) -> tuple[str, ...]:
    """One line of the table."""
    network, x = case.posterior.eval().network, torch.rand(rows, *case.shape)
    draws = case.posterior.sample(0, samples)
    single = flops(network, x, {}, True)
    difference = (evaluate(network, x, draws) - evaluate(network, x, draws, vectorise=False)).abs().max()
    vectorised = milliseconds(lambda: evaluate(network, x, draws), repeats)
    looped = milliseconds(lambda: evaluate(network, x, draws, vectorise=False), repeats)
    return (
        case.name,
        str(rows),
        f"{milliseconds(lambda: evaluate(network, x, {}), repeats):.2f}",
        f"{vectorised:.1f}",
        f"{looped:.1f}",
        f"{looped / vectorised:.2f}",
        f"{flops(network, x, draws, True) / single:.2f}",
        f"{flops(network, x, draws, False) / single:.2f}",
        f"{float(difference):.1e}",
    )


@torch.inference_mode()
def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)

    title = f"{options.samples} draws, {options.threads} threads, median of {options.repeats}"
    columns = ("model", "rows", "1 pass ms", "vmap ms", "loop ms", "loop/vmap", "vmap FLOPs", "loop FLOPs", "max diff")
    evaluation = Table(*columns, title=title, caption="FLOPs in units of one pass")
    making = Table("model", "making the draws ms", title="Noise")
    for case in cases():
        for rows in case.rows:
            evaluation.add_row(*measure(case, rows, options.samples, options.repeats))
        duration = milliseconds(partial(case.posterior.sample, 0, options.samples), options.repeats)
        making.add_row(case.name, f"{duration:.1f}")
    console = Console(width=140)
    console.print(evaluation)
    console.print(making)


if __name__ == "__main__":
    main()
