"""What fifty draws cost by each way of evaluating them: one pass, a loop of passes, ``vmap``, and the graph of pairs.

Run from the repository's root: ``python benchmarks/graphs.py [--samples 50] [--repeats 21] [--threads 1]``.

The last two columns are whole backends, from rows to an answer with its statistics; draws are kept, as the service
keeps those of its default seed. Ways take turns, so that a busy machine slows all of them; compare the ratios.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))

from models.catalogue import Component
from models.checkpoints.checkpoint import PredictorSpec
from models.prediction.draws import evaluate
from models.prediction.predictor import Predictor
from models.specs import InputSpec, OutputSpec
from service.backends.onnx_predictor import OnnxPredictor
from service.backends.predictor_jobs import PredictJob
from service.backends.torch_predictor import DrawCache, TorchPredictor
from training.run.export.network import export_network

MNIST = InputSpec("image", (1, 28, 28), (0.0,), (1.0,), 0.0, 1.0)
DIGITS = OutputSpec("classification", tuple("0123456789"))
NETWORKS = {
    "MLP 784-512-512-10": Component("mlp", {"hidden": [512, 512]}),
    "LeNet, dropout before the last layer": Component("convnet"),
    "LeNet, dropout everywhere": Component("convnet", {"conv_dropout": 0.2}),
}
ROWS = (1, 8)


def ways(model: Predictor, graph: bytes, rows: int, samples: int) -> Mapping[str, Callable[[], object]]:
    """Return each way of evaluating draws for some rows."""
    cpu, cache = torch.device("cpu"), DrawCache(2**29)
    by_torch = TorchPredictor(model, cpu, cache, weighs_evidence=False)
    by_graph = OnnxPredictor(model, graph, cpu, cache, weighs_evidence=False)
    raw = torch.rand(rows, *model.inputs.shape)
    x, draws, network = model.inputs.standardise(raw), model.posterior.sample(0, samples), model.posterior.network
    job = PredictJob(raw.numpy(), 0, samples)
    return {
        "one pass": lambda: network(x),
        "loop": lambda: evaluate(network, x, draws, vectorise=False),
        "vmap": lambda: evaluate(network, x, draws),
        "pairs": lambda: list(by_graph.model.functions.outputs(x, draws)),
        "backend, torch": lambda: by_torch.run([job], lambda: None),
        "backend, onnx": lambda: by_graph.run([job], lambda: None),
    }


@torch.inference_mode()
def milliseconds(work: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Return the median of several runs of each way, after one that warms up; the ways take turns."""
    times: dict[str, list[float]] = {name: [] for name in work}
    for turn in range(repeats + 1):
        for name, way in work.items():
            start = time.perf_counter()
            way()
            if turn:
                times[name].append(1000 * (time.perf_counter() - start))
    return {name: statistics.median(taken) for name, taken in times.items()}


def main() -> None:
    """Print milliseconds, with the multiples of one pass in brackets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=21)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    table, headed = Table(title=f"{options.samples} draws, milliseconds (multiples of one pass)"), False
    for name, network in NETWORKS.items():
        spec = PredictorSpec(network, Component("mc_dropout"), Component("categorical"), MNIST, DIGITS)
        model = spec.build().requires_grad_(False)
        graph = export_network(model)
        for rows in ROWS:
            found = milliseconds(ways(model, graph, rows, options.samples), options.repeats)
            if not headed:
                for column in ("network", "rows", *found):
                    table.add_column(column, justify="left" if column == "network" else "right")
                headed = True
            one = found["one pass"]
            table.add_row(name, str(rows), *(f"{value:.2f} ({value / one:.1f})" for value in found.values()))
    Console().print(table)


if __name__ == "__main__":
    main()
