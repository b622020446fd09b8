"""The rules that hold the house together, read from the source: who imports whom, and what nobody may call."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("models", "service", "training")
FORBIDDEN_IMPORTS = {
    "models": {"service", "training", "fastapi", "starlette", "pydantic", "prometheus_client", "sklearn", "uvicorn"},
    "service": {"training", "sklearn"},
    "training": {"service", "fastapi", "starlette", "uvicorn"},
}
FORBIDDEN_EVERYWHERE = {
    "pickle",
    "dill",
    "cloudpickle",
    "joblib",
    "torch.load",
    "torch.save",
    "torch.jit.load",
    "numpy.random.seed",
    "random.seed",
    "torch.nn.functional.dropout",
    "torch.dropout",
    "time.time",
}
SEEDING = {"torch.manual_seed", "torch.seed", "torch.cuda.manual_seed", "torch.cuda.manual_seed_all"}
MAY_SEED = {"training/seeds.py"}
MAY_LOAD = {"training/run/importing/source.py"}
"""Reads weights of strangers, as tensors alone: a test hands it code."""
"""Initial weights come from torch's own generator, which one file of training seeds."""
MAY_TELL_THE_TIME = {"models/checkpoints/writing.py"}
"""The age of an abandoned folder is wall-clock time, as its modification time is; no deadline is."""
ROOMS = {
    "models": (
        "errors",
        "noise",
        "columns",
        "tables",
        "png",
        "pictures",
        "specs",
        "parts",
        "catalogue",
        "graph_sizes",
        "graphs",
        "prediction",
        "guarantees",
        "networks",
        "posteriors",
        "likelihoods",
        "generation",
        "generators",
        "checkpoints",
    ),
    "service": (
        "client",
        "settings",
        "errors",
        "telemetry",
        "scheduling",
        "http",
        "schemas",
        "backends",
        "runtime",
        "handlers",
        "routes",
        "app",
        "ray_app",
        "ray_predict",
        "__main__",
    ),
    "training": (
        "errors",
        "seeds",
        "data",
        "losses",
        "loops",
        "evaluation",
        "recipes",
        "run",
        "experiments",
        "cli",
        "__main__",
    ),
}
"""The rooms of each package and the files beside them, from the bottom up: each imports only what stands before it."""
MAX_ROOMS = 8
MAX_FLAT_FILES = {"service": 7, "training": 5}
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "tools"}

SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def names_used(source: str) -> set[str]:
    """Every imported module and every dotted name that starts at an import, by its full name.

    >>> sorted(names_used("import torch.nn.functional as F; from torch import nn; F.dropout(1); nn.ReLU()"))
    ['torch.nn', 'torch.nn.ReLU', 'torch.nn.functional', 'torch.nn.functional.dropout']
    """
    tree = ast.parse(source)
    full_names = dict(_bindings(tree))
    used = set(full_names.values()) | {node.module for node in ast.walk(tree) if _names_a_module(node)}
    dotted = (_dotted(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute))
    return used | {full for name in dotted if name and (full := _resolved(name, full_names))}


def _names_a_module(node: ast.AST) -> bool:
    return isinstance(node, ast.ImportFrom) and bool(node.module) and node.names[0].name == "*"


def _bindings(tree: ast.AST) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.asname or alias.name, alias.name
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module or '.'}.{alias.name}"


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    before = _dotted(node.value) if isinstance(node, ast.Attribute) else ""
    return f"{before}.{node.attr}" if before and isinstance(node, ast.Attribute) else ""


def _resolved(name: str, full_names: Mapping[str, str]) -> str:
    for bound, full in full_names.items():
        if name.startswith(f"{bound}."):
            return full + name.removeprefix(bound)
    return ""


def broken_rules(place: str, source: str) -> list[str]:
    """What a file at ``place`` (from the root) uses though its rules forbid it."""
    forbidden = FORBIDDEN_IMPORTS[place.split("/")[0]] | FORBIDDEN_EVERYWHERE
    forbidden |= set() if place in MAY_SEED else SEEDING
    forbidden -= {"torch.load"} if place in MAY_LOAD else set()
    forbidden -= {"time.time"} if place in MAY_TELL_THE_TIME else set()
    return [f"{place} uses {name}" for name in sorted(names_used(source)) if _falls_under(name, forbidden)]


def _falls_under(name: str, forbidden: set[str]) -> bool:
    parts = name.split(".")
    return any(".".join(parts[:length]) in forbidden for length in range(1, len(parts) + 1))


def test_nobody_imports_or_calls_what_is_forbidden() -> None:
    broken = [rule for path in SOURCES for rule in broken_rules(path.relative_to(ROOT).as_posix(), path.read_text())]
    assert not broken


def upward_imports(place: str, source: str) -> list[str]:
    """Imports by the file at ``place`` (a path from the root) of a room of its own package that stands above its own.

    >>> upward_imports("service/http/a.py", "from service.routes import predict")
    ['service/http/a.py imports service.routes']
    """
    package, room = place.removesuffix(".py").split("/")[:2]
    order = ROOMS[package]
    above = {f"{package}.{name}" for name in order[order.index(room) + 1 :]} if room in order else set()
    imported = {".".join(name.split(".")[:2]) for name in names_used(source)}
    return [f"{place} imports {name}" for name in sorted(imported & above)]


def test_rooms_import_only_rooms_below_them() -> None:
    broken = [line for path in SOURCES for line in upward_imports(path.relative_to(ROOT).as_posix(), path.read_text())]
    assert not broken


def test_the_client_imports_nothing_of_the_service() -> None:
    used = {name for path in (ROOT / "service" / "client").rglob("*.py") for name in names_used(path.read_text())}
    assert not {name for name in used if name.startswith("service.") and not name.startswith("service.client")}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_room_has_its_place_in_the_order(package: str) -> None:
    files = {path.stem for path in (ROOT / package).glob("*.py")} - {"__init__"}
    rooms = {path.parent.name for path in (ROOT / package).glob("*/__init__.py")}
    assert files | rooms == set(ROOMS[package])
    assert len(rooms) <= MAX_ROOMS
    assert len(files) <= MAX_FLAT_FILES.get(package, len(files))


def test_only_backends_execute_torch_in_the_service() -> None:
    outside = [path for path in (ROOT / "service").rglob("*.py") if "backends" not in path.parts]
    assert not [path for path in outside if any(n.split(".")[0] == "torch" for n in names_used(path.read_text()))]


OF_AN_EXTRA = {"alembic", "obstore", "psycopg", "redis"}
"""Libraries that are imported when they are needed: those of extras, and one for the first use of a database."""


def test_what_is_not_always_needed_is_not_always_imported() -> None:
    sources = [path for path in SOURCES if "migrations" not in path.parts]
    early = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources
        for node in ast.parse(path.read_text()).body
        for _, name in _bindings(node)
        if isinstance(node, ast.Import | ast.ImportFrom) and name.split(".")[0] in OF_AN_EXTRA
    ]
    assert not early


PLANTED = [
    ("models/a.py", "import service.app"),
    ("models/a.py", "from training import data"),
    ("models/a.py", "from fastapi import FastAPI"),
    ("models/a.py", "from starlette.requests import Request"),
    ("models/a.py", "import pydantic"),
    ("models/a.py", "from prometheus_client import Counter"),
    ("models/a.py", "from sklearn.datasets import load_digits"),
    ("models/a.py", "def f():\n    from service import app"),
    ("models/a.py", "from service import *"),
    ("service/a.py", "import training.recipes as recipes"),
    ("training/a.py", "from service.app import create_app"),
    ("models/a.py", "import torch\ntorch.load('x')"),
    ("service/a.py", "from torch import load"),
    ("service/a.py", "import torch as t\nread = t.load"),
    ("service/a.py", "import pickle"),
    ("models/a.py", "import torch\ntorch.manual_seed(0)"),
    ("training/a.py", "import torch\ntorch.manual_seed(0)"),
    ("training/a.py", "import numpy as np\nnp.random.seed(0)"),
    ("models/a.py", "from torch.nn import functional as F\nF.dropout(x)"),
    ("models/a.py", "import torch.nn.functional as F\nF.dropout(x)"),
    ("models/a.py", "import torch\ntorch.nn.functional.dropout(x)"),
    ("service/a.py", "import time\ndeadline = time.time() + 1"),
]


@pytest.mark.parametrize(("place", "source"), PLANTED)
def test_a_planted_line_is_caught(place: str, source: str) -> None:
    assert broken_rules(place, source)


@pytest.mark.parametrize(
    ("place", "source"),
    [
        ("models/a.py", "from torch.nn import functional as F\nF.relu(x)"),
        ("models/a.py", "import torch\nx.load()\nself.time.time()"),
        ("service/a.py", "from models.checkpoints.checkpoint import load"),
        ("training/seeds.py", "import torch\ntorch.manual_seed(0)"),
        ("models/checkpoints/writing.py", "import time\ntime.time()"),
    ],
)
def test_a_line_that_is_allowed_is_not_caught(place: str, source: str) -> None:
    assert not broken_rules(place, source)


def test_there_is_something_to_read() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in SOURCES} == set(PACKAGES)


def test_every_file_is_named_after_what_is_in_it() -> None:
    tests = (ROOT / "tests").rglob("*.py")
    vague = [path for path in (*SOURCES, *tests) if path.stem in VAGUE or path.parent.name in VAGUE]
    assert not vague
