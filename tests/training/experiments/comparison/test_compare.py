"""The command that compares posteriors: real fits on a small table, interrupted and gone on with."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from models.checkpoints.checkpoint import load
from models.noise import Normal, Site, draw_noise
from training.cli.commands import app
from training.experiments.comparison import compare as running

POSTERIORS = ("bayes_by_backprop", "deterministic", "ensemble", "laplace", "mc_dropout", "swag")
LABELS = ("deterministic", "mc_dropout")
"""Members of the comparisons that are run here; the page on training runs all."""
GAUSSIAN = "homoscedastic_gaussian"
LEFT_OUT = f"deterministic-quantile, mlp-deterministic-quantile is by quantile, and --likelihood says {GAUSSIAN}"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["compare", *map(str, arguments)], env={"COLUMNS": "300"})


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``y = a + b`` and noise of deviation 0.5, where ``b`` goes with ``a``; ``kind`` is its sign."""
    drawn = draw_noise(
        [Site("a", (150,), Normal()), Site("b", (150,), Normal()), Site("noise", (150,), Normal())], 0, 1
    )
    a = drawn["a"][0]
    b = a + 0.1 * drawn["b"][0]
    y = a + b + 0.5 * drawn["noise"][0]
    path = tmp_path_factory.mktemp("table") / "sums.csv"
    rows = zip(a.tolist(), b.tolist(), y.tolist(), strict=True)
    path.write_text("a,b,y,kind\n" + "".join(f"{p},{q},{r},{'up' if r > 0 else 'down'}\n" for p, q, r in rows))
    return path


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = (*LABELS, "deterministic-quantile")
    monkeypatch.setattr("training.experiments.comparison.members.list_labels", lambda _: labels)


@pytest.fixture(scope="module")
def own(table: Path) -> tuple[object, ...]:
    small = ("--set", "hidden=[8]", "--epochs", 3, "--likelihood", GAUSSIAN)
    return ("--data", table, "--target", "y", "--drop", "kind", *small)


@pytest.mark.usefixtures("few")
def test_an_interrupted_comparison_goes_on_and_ends_on_every_card(
    own: tuple[object, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted: list[str] = []
    real = running.fit

    def interrupted(recipe, dataset, store, seed, **how):  # type: ignore[no-untyped-def]
        if (recipe.name, seed) == ("sums-mlp-mc_dropout", 1):
            raise KeyboardInterrupt
        fitted.append(f"{recipe.model} {seed}")
        return real(recipe, dataset, store, seed, **how)

    monkeypatch.setattr(running, "fit", interrupted)
    command = (*own, "--seeds", 2, "--out", tmp_path)
    stopped = run(*command)
    assert (stopped.exit_code, stopped.stderr.count("\n")) == (130, 1)
    assert "continue with the same command and --resume" in stopped.stderr
    assert [path.name for path in tmp_path.iterdir() if path.name[0] != "."] == []
    before = list(fitted)
    monkeypatch.setattr(running, "fit", lambda *a, **how: (fitted.append(f"{a[0].model} {a[3]}"), real(*a, **how))[1])
    done = run(*command, "--resume")
    assert done.exit_code == 0, done.output
    assert before == ["mlp-deterministic 0", "mlp-deterministic 1", "mlp-mc_dropout 0"]
    assert sorted(fitted) == sorted(f"mlp-{label} {seed}" for label in LABELS for seed in (0, 1)), (
        "none was fitted twice"
    )
    assert f"Not compared: {LEFT_OUT}" in done.output
    assert "Take mc_dropout: " in done.output
    assert not (tmp_path / ".training" / "sums-comparison").exists()
    for label in LABELS:
        checkpoint = load(tmp_path / f"sums-mlp-{label}" / "1")
        assert checkpoint.manifest.seed == 0
        others = ", ".join(other for other in LABELS if other != label)
        assert f"## Compared with {others}\n" in checkpoint.card
        assert checkpoint.pictures["comparison.png"].startswith(b"\x89PNG")
        assert f"- Not compared: {LEFT_OUT}" in checkpoint.card
        assert "out of distribution: test rows with every column shuffled by itself, 30 rows" in checkpoint.card


@pytest.mark.usefixtures("few")
def test_where_fewer_than_two_can_be_fitted_each_has_its_reason(own: tuple[object, ...], tmp_path: Path) -> None:
    refused = run(*own, "--set", "posterior.start=0.5", "--out", tmp_path)
    assert refused.exit_code == 2
    assert "0 of the models can be fitted; two are needed to compare" in refused.stderr
    assert "mc_dropout: --set posterior.start: there is no such hyper-parameter" in refused.stderr
    diverged = run(*own, "--set", "posterior.length_scale=1e30", "--out", tmp_path)
    assert diverged.exit_code == 2
    assert "mc_dropout: the loss is nan in epoch 1" in diverged.stderr


def test_check_says_what_would_be_done_and_trains_nothing(table: Path, tmp_path: Path) -> None:
    shown = run("--data", table, "--target", "kind", "--drop", "y", "--check", "--out", tmp_path)
    assert shown.exit_code == 0, shown.output
    assert all(f"sums-mlp-{name}: mlp " in shown.output for name in POSTERIORS)
    assert "deterministic-quantile" not in shown.output
    assert "out of distribution: test rows with every column shuffled by itself" in shown.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--data", "diabetes", "--epochs", "0"), "give --epochs of at least 1"),
        ((), "name the data to compare on with --data"),
        (("--data", "scenes"), "and 'scenes' is a segmentation with many outcomes a row; fit the models one by one"),
        (("--data", "diabetes", "--network", "convnet"), "--network convnet does not suit 'diabetes'; take mlp"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_the_remedy(
    arguments: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    refused = run(*arguments, "--out", tmp_path)
    assert refused.exit_code == 2
    assert said in " ".join(refused.stderr.split())
