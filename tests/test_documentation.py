"""The pages tell the truth: their links lead somewhere, their code runs, their tables are the service's own."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from patience import PATIENCE
from PIL import Image
from starter_store import trained_store
from typer.testing import CliRunner

from service.telemetry import Telemetry
from training.cli.commands import app
from training.recipes import check_known

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text())
    assert [link for link in links if not link.startswith("https://") and not (page.parent / link).exists()] == []


def run(*command: str, folder: Path) -> str:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "140", "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_site_is_built_without_a_warning_and_shows_without_the_internet(tmp_path: Path) -> None:
    run(sys.executable, "-m", "mkdocs", "build", "--site-dir", str(tmp_path), folder=ROOT)
    pages = list(tmp_path.rglob("*.html"))
    assert {"index.html", "404.html"} < {page.name for page in pages}
    fetched = r'<(?:script|link|img|iframe)[^>]*(?:src|href)="(https?:[^"]+)"|@import'
    assert [page.name for page in pages if re.search(fetched, page.read_text())] == []


@pytest.mark.parametrize(("page", "blocks"), [("quick-start.md", 1), ("client.md", 4)])
def test_the_python_of_the_pages_on_the_client_runs(
    page: str, blocks: int, pretrained_url: str, tmp_path: Path
) -> None:
    found = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / page).read_text(), re.DOTALL)
    assert len(found) == blocks
    for code in found:
        here = code.replace("http://localhost:8000", pretrained_url).replace("localhost:8000", pretrained_url[7:])
        assert "digits" not in run(sys.executable, "-c", here, folder=tmp_path)
    assert (tmp_path / "seven.png").exists()


def test_the_page_on_outcomes_runs(pretrained_url: str, tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "outcomes.md").read_text(), re.DOTALL)
    said = run(sys.executable, "-c", code.replace("http://localhost:8000", pretrained_url), folder=tmp_path)
    assert "'recorded': 20" in said


def test_the_requests_of_the_pages_are_answered(pretrained_url: str, tmp_path: Path) -> None:
    blocks = [block for page in PAGES for block in re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL)]
    # those that can be typed, and of models that are pretrained: a calibration is made on its own page
    curls = [
        block for block in blocks if block.startswith("curl") and "..." not in block and "/calibrated/" not in block
    ]
    requests = [block.replace("localhost:8000", pretrained_url) for block in curls]
    assert len(requests) == 10
    for request in requests:
        ran = subprocess.run(["bash", "-ec", request], cwd=tmp_path, capture_output=True, text=True, check=True)
        answer = json.loads(ran.stdout or "null")
        assert "errors" not in (answer or {})
    for name in ("digits.png", "grid.png", "seven.png"):
        with Image.open(tmp_path / name) as sheet:
            assert sheet.format == "PNG"


TRAINING = ".venv/bin/python -m training "


def run_page(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Run everything on a page that is marked for it; return the language of each piece.

    The commands of training run in this process: an own one for each would take longer to start than most of them.
    """
    found = re.findall(r"<!-- run -->\n```(\w+)\n(.*?)```", (ROOT / "docs" / name).read_text(), re.DOTALL)
    monkeypatch.chdir(folder)
    known = set(sys.modules)
    for language, code in found:
        if language == "python":
            run(sys.executable, "-c", code, folder=folder)
            continue
        for line in code.splitlines():
            if line.startswith(TRAINING):
                ran = CliRunner().invoke(app, shlex.split(line.removeprefix(TRAINING)))
                assert ran.exit_code == 0, ran.output
            else:
                run("bash", "-ec", line.replace(".venv/bin/python", sys.executable), folder=folder)
    for own in set(sys.modules) - known:  # modules of the page, whose names another page may use too
        if str(getattr(sys.modules[own], "__file__", "")).startswith(str(folder)):
            del sys.modules[own]
    return [language for language, _ in found]


def test_the_page_on_own_data_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = run_page("own-data.md", tmp_path, monkeypatch)
    assert ran == ["python", "sh", "sh", "python", "sh", "sh"]
    assert {path.name for path in (tmp_path / "store").iterdir() if path.name[0] != "."} == {
        "patients-mlp-mc_dropout",
        "pictures-mlp-mc_dropout",
        "small",
    }


def test_the_page_on_own_models_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_page("own-model.md", tmp_path, monkeypatch) == ["python", "python", "sh", *["python", "sh"] * 4]
    assert (tmp_path / "store" / "digits-elsewhere" / "1" / "card.md").exists()
    card = (tmp_path / "store" / "digits" / "1" / "card.md").read_text()
    accuracy = re.search(r"\[test_accuracy\]\(#test_accuracy\) \| ([\d.]+)", card)
    assert accuracy
    assert float(accuracy[1]) > 0.85


def commands(page: Path) -> list[str]:
    """The command lines of ``python -m training`` on a page."""
    return re.findall(r"^\.venv/bin/python -m training (.+)$", page.read_text(), re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_on_the_pages_exists_with_its_options(page: Path) -> None:
    for command in commands(page):
        name, *arguments = command.split()
        assert CliRunner().invoke(app, [name, *arguments, "--help"]).exit_code == 0, command
        if name == "fit":
            check_known(arguments[0])


@pytest.mark.parametrize("page", ["training.md", "generators.md"])
def test_the_commands_of_a_page_run(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(trained_store() / "digits-infogan", tmp_path / "store" / "digits-infogan")
    monkeypatch.chdir(tmp_path)
    for command in commands(ROOT / "docs" / page):
        name, *arguments = command.split()
        long = name in ("fit", "learning-curve", "benchmark") and "--epochs" not in arguments
        short = ["--epochs", "1"] if long else ["--epochs", "1", "--seeds", "1"] if name == "compare" else []
        if any(re.fullmatch("[A-Z_]+", argument) for argument in arguments):
            continue  # it is the reader's own data
        result = CliRunner().invoke(app, [name, *arguments, *short])
        assert result.exit_code == 0, f"{command}: {result.output}"


def test_the_page_on_monitoring_lists_every_metric_and_every_alert() -> None:
    page = (ROOT / "docs" / "monitoring.md").read_text()
    telemetry = Telemetry()
    telemetry.watch_loop()
    told = set(re.findall(r"^# TYPE (credence_\w+)", telemetry.exposition().decode(), re.MULTILINE))
    assert set(re.findall(r"`(credence_\w+)`", page)) == told
    rules = (ROOT / "docker" / "prometheus" / "rules.yml").read_text()
    assert re.findall(r"^\| `(Credence\w+)`", page, re.MULTILINE) == re.findall(r"alert: (\w+)", rules)


def test_the_health_check_of_the_container_is_a_prediction(pretrained_url: str) -> None:
    dockerfile = (ROOT / "docker" / "Dockerfile").read_text()
    assert "/health/predict" in dockerfile
    answer = httpx.get(f"{pretrained_url}/health/predict", timeout=PATIENCE)
    assert answer.status_code == 200
    assert answer.json()["model"] == "mnist-convnet-mc_dropout"
