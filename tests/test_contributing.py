"""The examples of CONTRIBUTING.md work as they stand: written to their files, with nothing else touched."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "CONTRIBUTING.md").read_text()
FILES = dict(re.findall(r'```python title="([\w/.]+)"\n(.*?)```', PAGE, re.DOTALL))
CHANGES = dict(re.findall(r'```diff title="([\w/.]+)"\n(.*?)```', PAGE, re.DOTALL))
COPIED = ("models", "training", "service", "tests", "pyproject.toml", ".mypy_cache")
"""The cache spares mypy the files that are as they were."""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository with the page's files in it."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif (ROOT / name).exists():
            shutil.copy2(ROOT / name, folder)
    for name, content in FILES.items():
        assert not (folder / name).exists()
        (folder / name).write_text(content)
    for name, changes in CHANGES.items():
        (folder / name).write_text(changed((folder / name).read_text(), changes))
    return folder


def changed(text: str, changes: str) -> str:
    """Return a file's text after the changes that a page shows, one a paragraph, each with the lines around it."""
    for change in changes.rstrip().split("\n\n"):
        lines = change.splitlines()
        old, new = ("\n".join(line[1:] for line in lines if line[0] in signs) + "\n" for signs in (" -", " +"))
        assert text.count(old) == 1
        text = text.replace(old, new)
    return text


def assert_runs(checkout: Path, *arguments: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(checkout), "COLUMNS": "140"}
    command = [sys.executable, "-m", *arguments]
    ran = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_the_components_keep_the_laws_of_all_others(checkout: Path) -> None:
    chosen = "two_layers or fixed_gaussian or double_exponential or plain_gan"
    ran = assert_runs(checkout, "pytest", "tests/conformance", "-k", chosen, "-q", "-p", "no:cacheprovider")
    passed = re.search(r"(\d+) passed", ran)
    assert passed
    assert int(passed[1]) > 20
    assert "skipped" not in ran


def test_the_recipes_are_fitted(checkout: Path) -> None:
    commands = re.findall(r"^\.venv/bin/python -m (training fit .+)$", PAGE, re.MULTILINE)
    assert len(commands) == 2
    for command in commands:
        assert_runs(checkout, *command.split(), "--epochs", "1")
    fitted = {path.parent.name for path in (checkout / "store").glob("*/1")}
    assert fitted == {"diabetes-two_layers-fixed_gaussian", "digits-plain_gan"}


def test_the_backend_serves_predictions(checkout: Path) -> None:
    ask = """
import sys, time
from pathlib import Path
sys.path.insert(0, "tests")
from conformance.cases import predictor_spec, saved_and_loaded
from starlette.testclient import TestClient
from service.app import create_app
from service.backends.uniform import UniformLoader
from service.runtime.registry import Registry
from service.settings import Settings
store = Path("uniform")
spec = predictor_spec("mlp", "mc_dropout", "categorical")
saved_and_loaded(spec, spec.build(), store)
settings = Settings(store=store, default_model="conformance", drain_seconds=0)
headers = {"x-key": "sesame"}
with TestClient(create_app(settings, Registry(store, UniformLoader())), headers=headers) as client:
    while client.get("/health/ready").status_code != 200:
        time.sleep(0.05)
    answer = client.post("/predict", json={"inputs": [[0.0] * 64] * 2, "samples": 0}).json()
    assert answer["mean"] == [[1 / 3] * 3] * 2, answer
    assert answer["mutual_information"] is None
    assert 'backend="uniform"' in client.get("/metrics").text
"""
    (checkout / "ask_backend.py").write_text(ask)
    assert_runs(checkout, "ask_backend")


def test_the_middleware_guards_every_route(checkout: Path) -> None:
    ask = """
from starlette.testclient import TestClient
from service.app import create_app
from service.settings import Settings
client = TestClient(create_app(Settings(), None))
for path, status in (("/health/live", 200), ("/nowhere", 404)):
    assert client.get(path, headers={"x-key": "sesame"}).status_code == status
    assert client.get(path).json()["detail"] == "no key was given; send one as X-Key"
"""
    (checkout / "ask.py").write_text(ask)
    assert_runs(checkout, "ask")


def test_the_examples_are_typed_and_tidy(checkout: Path) -> None:
    assert_runs(checkout, "ruff", "check", *FILES, *CHANGES)
    assert_runs(checkout, "ruff", "format", "--check", *FILES, *CHANGES)
    assert_runs(checkout, "mypy", *FILES, *CHANGES)
