"""The page of results holds the manifests' numbers and no others, and hides nothing that is missing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from random_models import SPECS

from models.checkpoint import Manifest, Origin, save
from models.errors import CheckpointError
from models.selftest import canary_examples
from training import recipes, results
from training.published import BENCHMARKS, Published
from training.results import compared, markdown

ORIGIN = Origin("python -m training fit NAME --seed 3", "Some CPU, 1 thread", "test split, 70 rows", 50)
BAYES, VAE = "mnist-mlp-bayes_by_backprop", "mnist-vae"


def put(store: Path, name: str, model: str, figures: dict[str, float], origin: Origin | None = ORIGIN) -> None:
    """A real checkpoint of a small model with made-up figures."""
    spec = SPECS[model]
    built = spec.build()
    inputs = getattr(spec, "inputs", None) or spec.images
    manifest = Manifest(name, 0, spec, "mnist", 3, figures, origin=origin)
    save(store, manifest, built, canary_examples(built, inputs.example()), "# card")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    put(tmp_path, BAYES, "convnet", {"test_error": 0.5, "training_seconds": 1.0})
    put(tmp_path, BAYES, "convnet", {"test_error": 0.01367, "training_seconds": 1234.5})
    put(tmp_path, BAYES, "convnet", {"test_error": 0.0211, "kept_weights_share": 0.25})
    put(tmp_path, VAE, "vae", {"test_negative_elbo_binarised_nats": 104.25, "active_code_units": 12.0})
    return tmp_path


def rows_of(page: str) -> list[list[str]]:
    lines = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    return [line for line in lines if line[0] not in ("paper", "---")]


def test_a_row_holds_the_numbers_of_the_manifest_and_the_paper(store: Path) -> None:
    row = next(line for line in rows_of(markdown(compared(store))) if "table 1" in line[0])
    assert row == [
        "Blundell et al. (2015), table 1",
        "test error, %: 2 x 400 units, scale mixture",
        "1.36",
        "1.367",
        "at most 1.5: reached",
        "50",
        "mnist, test split, 70 rows",
        f"`{BAYES}/2`, seed 3, 1234.5 s on Some CPU, 1 thread:<br>`{ORIGIN.command}`",
    ]


def test_pruned_versions_are_rows_of_their_own_and_do_not_hide_the_whole_model(store: Path) -> None:
    ours = {line[1]: line[3] for line in rows_of(markdown(compared(store))) if "table 2" in line[0]}
    assert ours == {
        "test error, %: 0 % of the weights removed (the paper's have 2 x 1200 units)": "1.367",
        "test error, %: 75 % of the weights removed (the paper's have 2 x 1200 units)": "2.11",
    }


def test_a_line_is_said_to_be_reached_or_not(store: Path) -> None:
    page = markdown(compared(store))
    lines = {line[1]: (line[3], line[4]) for line in rows_of(page) if VAE in line[-1]}
    assert lines == {
        "NLL of binarised images, nats (theirs is deeper)": ("not measured", "at most 95: not measured"),
        "-ELBO, nats": ("104.2", "at most 103: **not reached**"),
        "active units, of 20": ("12", "at least 10: reached"),
    }
    assert f"Lines reached: 2 of 3. Not reached: {VAE}: -ELBO" in page


def test_what_is_missing_is_listed_with_its_command(store: Path) -> None:
    missing = markdown(compared(store)).split("## Not trained here yet")[1]
    assert "- `mnist-infogan`: `python -m training fit mnist-infogan`\n" in missing
    assert "- `yacht-mlp-mc_dropout`: `python -m training benchmark yacht`\n" in missing
    assert f"- `{BAYES}` with 2% of its weights: `python -m training prune {BAYES} --keep 0.02`\n" in missing
    assert "`mnist-convnet-ensemble`" in missing.split("No command trains these yet")[1]
    assert f"`{BAYES}`:" not in missing
    assert f"`{VAE}`:" not in missing


def test_an_empty_store_has_no_table(tmp_path: Path) -> None:
    page = markdown(compared(tmp_path))
    assert not rows_of(page)
    assert all(f"`{model}`" in page for model in results.published())


def test_old_checkpoints_and_figures_that_were_not_measured_are_said_to_be_so(tmp_path: Path) -> None:
    put(tmp_path, VAE, "vae", {"active_code_units": 12.0}, origin=None)
    *_, bound, units = rows_of(markdown(compared(tmp_path)))
    assert bound[3:5] == ["not measured", "at most 103: not measured"]
    assert units[3] == "12"
    assert units[-1] == f"`{VAE}/1`, seed 3, command and machine not recorded"


def test_means_over_splits_have_both_standard_errors(tmp_path: Path) -> None:
    figures = {"uci_rmse_target_units": 0.7171, "uci_rmse_standard_error": 0.0512, "uci_log_likelihood_nats": -1.2}
    put(tmp_path, "yacht-mlp-mc_dropout", "regression", figures)
    assert [line[2:4] for line in rows_of(markdown(compared(tmp_path)))] == [
        ["0.666 ± 0.049", "0.7171 ± 0.051"],
        ["-1.25 ± 0.015", "-1.2"],
    ]


def test_one_pass_has_no_draws(tmp_path: Path) -> None:
    figures = {"test_nll_nats": 8.0, "test_nll_nats_deterministic": 9.0}
    put(tmp_path, "jsb_chorales-recurrent-mc_dropout", "tunes", figures)
    assert [(line[3], line[5]) for line in rows_of(markdown(compared(tmp_path)))] == [("8", "50"), ("9", "0")]


def test_a_damaged_checkpoint_is_named(store: Path) -> None:
    (store / VAE / "1" / "weights.safetensors").write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"^mnist-vae/1: weights.safetensors does not have the SHA-256"):
        compared(store)


def test_every_family_is_a_heading_with_one_sentence(store: Path) -> None:
    headings = re.findall(r"^## (.+)\n\n(.+)\n\n\| paper", markdown(compared(store)), re.MULTILINE)
    assert headings == [
        ("Bayes by Backprop", "A draw is one set of weights from a factorised Gaussian."),
        ("Variational autoencoder", "Auto-encoding variational Bayes."),
    ]


def test_a_recipes_own_rows_come_before_the_table_of_benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BENCHMARKS, VAE, BENCHMARKS["mnist-convnet-ensemble"])
    assert results.published()[VAE] == recipes.find(VAE).published


@pytest.mark.parametrize(
    ("bounds", "ours", "reached"),
    [
        ({"at_most": 1.0}, 1.0, True),
        ({"at_most": 1.0}, 1.1, False),
        ({"at_least": 1.0}, 1.0, True),
        ({"at_least": 1.0}, 0.9, False),
        ({}, 1.0, None),
    ],
)
def test_a_line_holds_on_its_own_side(bounds: dict[str, float], ours: float, reached: bool | None) -> None:
    assert Published(paper="p", place="q", what="r", figure="f", **bounds).reached(ours) is reached
