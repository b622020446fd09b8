"""How soon the service is ready with one model and with every bundled one, and what the others cost."""

from __future__ import annotations

import re
import statistics
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
from page import Target, number, table
from peers.servers import CREDENCE, Process

from models.checkpoints.checkpoint import Manifest, save
from training.data import load
from training.recipes import RECIPES
from training.run.fit import examples
from training.seeds import initialised

ASKED = "digits-mlp-mc_dropout"
_REQUESTS = 100
_SECONDS = 5
_LISTED = 6


@dataclass(frozen=True)
class Started:
    """A service that got ready.

    Attributes:
        models: Number of models in its store.
        seconds: Seconds from the start of the process to ``/health/ready``.
        bytes: Memory of the process then.
        median: Milliseconds of a request to one model, one after the other.
        loads: Seconds that each model took, by name, as the log tells.
    """

    models: int
    seconds: float
    bytes: int
    median: float
    loads: dict[str, float]


def measure_starts(folder: Path) -> tuple[str, Target]:
    """Start the service with one model and with all that are bundled, untrained; return a table and a figure."""
    bundled = [recipe.name for recipe in RECIPES.values() if recipe.bundled]
    few, all_models = (start(folder / str(len(names)), names) for names in ([ASKED], bundled))
    headings = ["models", "seconds until ready", "memory [MB]", "median of a request [ms]"]
    lines = [
        [str(one.models), number(one.seconds), number(one.bytes / 1e6), number(one.median)] for one in (few, all_models)
    ]
    slowest = sorted(all_models.loads.items(), key=lambda load: -load[1])[:_LISTED]
    told = ", ".join(f"{name} {seconds:.2f}" for name, seconds in slowest)
    total = sum(all_models.loads.values())
    text = f"{table(headings, lines)}\n\nThe slowest to load, in seconds: {told}; all together {total:.1f}."
    figure = f"service ready after start, {all_models.models} models, seconds"
    return text, Target(figure, _SECONDS, all_models.seconds, least=False)


def start(folder: Path, names: Sequence[str]) -> Started:
    """Start the service with some bundled models, and ask one of them."""
    for name in names:
        save_untrained(folder / "store", name)
    begun = time.perf_counter()
    process = Process(CREDENCE, folder, CREDENCE_DEFAULT_MODEL=ASKED)
    seconds = time.perf_counter() - begun
    try:
        memory = subprocess.run(["ps", "-o", "rss=", "-p", str(process.pid)], capture_output=True, check=True).stdout
        median = ask(process.url)
    finally:
        process.stop()
    log = process.log.read_text(encoding="utf-8")
    loads = {name: float(took) for name, took in re.findall(r"loaded (\S+) version \d+ in ([\d.]+) s", log)}
    return Started(len(names), seconds, int(memory) * 1024, median, loads)


def save_untrained(store: Path, name: str) -> None:
    """Save a bundled model as it is before training, which costs the same to load."""
    recipe = RECIPES[name]
    dataset = load(recipe.data)
    spec = recipe.spec(dataset)
    model = initialised(spec, 0).eval()
    save(store, Manifest(name, 0, spec, dataset.name, 0, {}), model, examples(model, dataset), f"# {name}, untrained")


def ask(url: str) -> float:
    """Return the median time of a request in milliseconds."""
    body, times = {"inputs": [[0.0] * 64], "samples": 50}, []
    with httpx.Client(base_url=url) as client:
        for _ in range(_REQUESTS):
            begun = time.perf_counter()
            client.post("/predict", json=body).raise_for_status()
            times.append(1000 * (time.perf_counter() - begun))
    return statistics.median(times)
