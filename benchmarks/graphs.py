"""What fifty draws cost by each way of evaluating them: one pass, a loop of passes, ``vmap``, and the graph of pairs.

Run from the repository's root: ``python benchmarks/graphs.py [--samples 50] [--repeats 21] [--threads 1]
[--device cpu] [--write docs/performance.md]``. With ``--write`` the table takes the place of this machine's in a page.

The last two columns are whole backends, from rows to an answer with its statistics and the evidence of a calibrated
model; draws are kept, as the service keeps those of its default seed. Ways take turns, so that a busy machine slows
all of them; compare the ratios.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import onnxruntime
import torch
from machine import processor
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))

from models.catalogue import Component
from models.checkpoints.checkpoint import PredictorSpec
from models.prediction.draws import evaluate
from models.prediction.predictor import Predictor
from models.prediction.reference import Reference
from models.specs import InputSpec, OutputSpec
from service.backends.onnx_predictor import OnnxPredictor
from service.backends.predictor_jobs import PredictJob
from service.backends.torch_loader import configure_torch, find_device
from service.backends.torch_predictor import DrawCache, TorchPredictor
from training.run.export.answer import export_answer
from training.run.export.network import export_network

MNIST = InputSpec("image", (1, 28, 28), (0.0,), (1.0,), 0.0, 1.0)
DIGITS = OutputSpec("classification", tuple("0123456789"))
NETWORKS = {
    "MLP 784-512-512-10": Component("mlp", {"hidden": [512, 512]}),
    "LeNet, dropout before the last layer": Component("convnet"),
    "LeNet, dropout everywhere": Component("convnet", {"conv_dropout": 0.2}),
}
ROWS = (1, 8)
_SEEN = 2000


def calibrated(network: Component) -> Predictor:
    """Return a model of initial weights that has seen rows, which new ones are compared with."""
    spec = PredictorSpec(network, Component("mc_dropout"), Component("categorical"), MNIST, DIGITS)
    model = spec.build().requires_grad_(False)
    _, features, compared = model.observe(torch.rand(_SEEN, *MNIST.shape))
    model.reference = Reference.fit(features, compared, torch.arange(_SEEN) % DIGITS.size, DIGITS.size)
    return model


def ways(
    model: Predictor, graph: bytes, answer: bytes | None, device: torch.device, rows: int, samples: int
) -> Mapping[str, Callable[[], object]]:
    """Return each way of evaluating draws for some rows."""
    cache = DrawCache(2**29)
    by_torch = TorchPredictor(model, device, cache, weighs_evidence=True)
    by_graph = OnnxPredictor(model, graph, device, cache, answer, weighs_evidence=True)
    raw = torch.rand(rows, *model.inputs.shape)
    x, network = model.inputs.standardise(raw.to(device)), model.posterior.network
    draws, job = model.posterior.sample(0, samples), PredictJob(raw.numpy(), 0, samples)
    return {
        "one pass": lambda: network(x),
        "loop": lambda: evaluate(network, x, draws, vectorise=False),
        "vmap": lambda: evaluate(network, x, draws),
        "pairs": lambda: list(by_graph.model.functions.outputs(x, draws)),
        "backend, torch": lambda: by_torch.run([job], lambda: None),
        "backend, onnx": lambda: by_graph.run([job], lambda: None),
    }


@torch.inference_mode()
def milliseconds(work: Mapping[str, Callable[[], object]], repeats: int, wait: Callable[[], None]) -> dict[str, float]:
    """Return the median of several runs of each way, after one that warms up; the ways take turns."""
    times: dict[str, list[float]] = {name: [] for name in work}
    for turn in range(repeats + 1):
        for name, way in work.items():
            start = time.perf_counter()
            way()
            wait()
            if turn:
                times[name].append(1000 * (time.perf_counter() - start))
    return {name: statistics.median(taken) for name, taken in times.items()}


def measure(device: torch.device, samples: int, repeats: int) -> list[list[str]]:
    """Return the table, its headings first: milliseconds, with the multiples of one pass in brackets."""
    wait = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    table: list[list[str]] = []
    for name, network in NETWORKS.items():
        model = calibrated(network)
        graph = export_network(model)
        answer = export_answer(model, graph)
        for rows in ROWS:
            found = milliseconds(ways(model, graph, answer, device, rows, samples), repeats, wait)
            one = found["one pass"]
            table = table or [["network", "rows", *found]]
            table.append([name, str(rows), *(f"{value:.2f} ({value / one:.1f})" for value in found.values())])
    return table


def section(device: torch.device, threads: int, samples: int, table: Sequence[Sequence[str]]) -> str:
    """Return the part of a page that tells what was measured on this machine."""
    machine = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{processor()}, {threads} thread"
    lines = [f"| {' | '.join(row)} |" for row in table]
    lines.insert(1, "|---" * len(table[0]) + "|")
    versions = f"torch {torch.__version__}, ONNX Runtime {onnxruntime.__version__}"
    return (
        f"## {machine}{'s' * (threads > 1 and device.type == 'cpu')}\n\n{samples} draws, milliseconds, in brackets the"
        f" multiples of one pass; {versions}.\n\n" + "\n".join(lines) + "\n"
    )


def write(page: Path, part: str) -> None:
    """Put a section into a page, in place of the one that has its heading."""
    head, *parts = re.split(r"^(?=## )", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    heading = part.splitlines()[0]
    kept = [one.rstrip() + "\n" for one in parts if one.splitlines()[0] != heading]
    page.write_text("\n".join([head.rstrip() + "\n", *kept, part]), encoding="utf-8")


def main() -> None:
    """Print the table, and write it into a page if one is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=21)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    configure_torch(options.threads)
    device = find_device(options.device)
    headings, *lines = measure(device, options.samples, options.repeats)
    table = Table(*headings, title=f"{options.samples} draws, milliseconds (multiples of one pass)")
    for line in lines:
        table.add_row(*line)
    Console().print(table)
    if options.write:
        write(options.write, section(device, options.threads, options.samples, [headings, *lines]))


if __name__ == "__main__":
    main()
