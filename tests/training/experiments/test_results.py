"""The page of results holds the manifests' numbers and no others, and hides nothing that is missing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from random_models import SPECS
from typer.testing import CliRunner

from models.checkpoints.checkpoint import Manifest, Origin, save
from models.checkpoints.selftest import canary_examples
from models.errors import CheckpointError
from training import recipes
from training.__main__ import app
from training.experiments import records, results
from training.experiments.records import Record
from training.experiments.results import render_page
from training.recipes.kinds.published import BENCHMARKS, Published

ORIGIN = Origin("python -m training fit NAME --seed 3", "Some CPU, 1 thread", "test split, 70 rows", 50)
BAYES, VAE = "mnist-mlp-bayes_by_backprop", "mnist-vae"


def page_of(store: Path) -> str:
    return render_page(results.compare(records.read_store(store, results.published())))


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
    row = next(line for line in rows_of(page_of(store)) if "table 1" in line[0])
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
    ours = {line[1]: line[3] for line in rows_of(page_of(store)) if "table 2" in line[0]}
    assert ours == {
        "test error, %: 0 % of the weights removed (the paper's have 2 x 1200 units)": "1.367",
        "test error, %: 75 % of the weights removed (the paper's have 2 x 1200 units)": "2.11",
    }


def test_a_line_is_said_to_be_reached_or_not(store: Path) -> None:
    page = page_of(store)
    lines = {line[1]: (line[3], line[4]) for line in rows_of(page) if VAE in line[-1]}
    assert lines == {
        "NLL of binarised images, nats (theirs is deeper)": ("not measured", "at most 95: not measured"),
        "-ELBO, nats": ("104.2", "at most 103: **not reached**"),
        "active units, of 20": ("12", "at least 10: reached"),
    }
    assert f"Lines reached: 2 of 3. Not reached: {VAE}: -ELBO" in page


def test_what_is_missing_is_listed_with_its_command(store: Path) -> None:
    missing = page_of(store).split("## Not trained here yet")[1]
    assert "- `mnist-infogan`: `python -m training fit mnist-infogan`\n" in missing
    assert "- `yacht-mlp-mc_dropout`: `python -m training benchmark yacht`\n" in missing
    assert f"- `{BAYES}` with 2% of its weights: `python -m training prune {BAYES} --keep 0.02`\n" in missing
    assert "`mnist-convnet-ensemble`" in missing.split("No command trains these yet")[1]
    assert f"`{BAYES}`:" not in missing
    assert f"`{VAE}`:" not in missing


def test_an_empty_store_has_no_table(tmp_path: Path) -> None:
    page = page_of(tmp_path)
    assert not rows_of(page)
    assert all(f"`{model}`" in page for model in results.published())


def test_old_checkpoints_and_figures_that_were_not_measured_are_said_to_be_so(tmp_path: Path) -> None:
    put(tmp_path, VAE, "vae", {"active_code_units": 12.0}, origin=None)
    *_, bound, units = rows_of(page_of(tmp_path))
    assert bound[3:5] == ["not measured", "at most 103: not measured"]
    assert units[3] == "12"
    assert units[-1] == f"`{VAE}/1`, seed 3, command and machine not recorded"


def test_means_over_splits_have_both_standard_errors(tmp_path: Path) -> None:
    figures = {"uci_rmse_target_units": 0.7171, "uci_rmse_standard_error": 0.0512, "uci_log_likelihood_nats": -1.2}
    put(tmp_path, "yacht-mlp-mc_dropout", "regression", figures)
    assert [line[2:4] for line in rows_of(page_of(tmp_path))] == [
        ["0.666 ± 0.049", "0.7171 ± 0.051"],
        ["-1.25 ± 0.015", "-1.2"],
    ]


def test_one_pass_has_no_draws(tmp_path: Path) -> None:
    figures = {"test_nll_nats": 8.0, "test_nll_nats_deterministic": 9.0}
    put(tmp_path, "jsb_chorales-recurrent-mc_dropout", "tunes", figures)
    assert [(line[3], line[5]) for line in rows_of(page_of(tmp_path))] == [("8", "50"), ("9", "0")]


def test_a_damaged_checkpoint_is_named(store: Path) -> None:
    (store / VAE / "1" / "weights.safetensors").write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"^mnist-vae/1: weights.safetensors does not have the SHA-256"):
        page_of(store)


def test_every_family_is_a_heading_with_one_sentence(store: Path) -> None:
    headings = re.findall(r"^## (.+)\n\n(.+)\n\n\| paper", page_of(store), re.MULTILINE)
    assert headings == [
        ("Bayes by Backprop", "A draw is one set of weights from a factorised Gaussian."),
        ("Variational autoencoder", "Auto-encoding variational Bayes."),
    ]


INFOGAN = "mnist-infogan"
FRECHET = "Fréchet distance, over that of real images to real ones"


def run(seed: int, figures: dict[str, float], name: str = INFOGAN, version: int = 1) -> Record:
    return Record(name, version, "infogan" if name == INFOGAN else "wgan", "mnist", seed, figures, ORIGIN)


def test_of_several_seeds_the_best_and_the_median_are_rows_of_their_own() -> None:
    shares = {0: 0.8, 1: 0.95, 2: 0.5, 3: 0.85, 4: 0.9}
    runs = [run(seed, {"test_one_to_one_agreement": share}, version=1 + seed) for seed, share in shares.items()]
    rows = {line[1]: (line[3], line[-1]) for line in rows_of(render_page(results.compare(runs)))}
    what = "test images whose class the code reads, one to one, % (the paper's error is 5 %)"
    assert rows[f"{what}, best of 5 seeds"][0] == "95"
    assert rows[f"{what}, median of 5 seeds"][0] == "85"
    assert f"`{INFOGAN}/2`, seed 1" in rows[f"{what}, best of 5 seeds"][1]
    assert f"`{INFOGAN}/4`, seed 3" in rows[f"{what}, median of 5 seeds"][1]


def test_a_seed_that_was_run_twice_counts_once() -> None:
    runs = [run(0, {"test_one_to_one_agreement": share}, version=i) for i, share in enumerate((0.9, 0.7))]
    assert "best of 1 seed | 95 | 70 |" in render_page(results.compare(runs))


def test_the_page_keeps_what_the_store_no_longer_has(store: Path, tmp_path: Path) -> None:
    page = tmp_path / "docs" / "results.md"
    page.parent.mkdir()
    gone = [run(0, {"frechet_lenet_ratio": 3.5}, "mnist-wgan"), run(0, {"active_code_units": 3.0}, VAE)]
    records.write(page.with_suffix(".json"), gone)
    for _ in range(2):  # a second time it is all known
        assert CliRunner().invoke(app, ["results", "--out", str(store), "--output", str(page)]).exit_code == 0
        ours = {(line[1], line[3]) for line in rows_of(page.read_text())}
        assert {
            ("Fréchet distance, over that of real images to real ones", "3.5"),
            ("active units, of 20", "12"),
        } <= ours
        assert ("active units, of 20", "3") not in ours
    assert {record.name for record in records.read(page.with_suffix(".json"))} == {"mnist-wgan", VAE, BAYES}


def test_what_holds_no_records_is_refused(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text('{"no": "records"}')
    ran = CliRunner().invoke(app, ["results", "--out", str(tmp_path), "--output", str(tmp_path / "results.md")])
    assert (ran.exit_code, "results.json does not hold records" in ran.output) == (2, True)
    assert not (tmp_path / "results.md").exists()


def test_the_page_in_the_repository_is_the_one_of_its_records() -> None:
    docs = Path(__file__).parents[3] / "docs"
    page = render_page(results.compare(records.read(docs / "results.json")))
    assert (docs / "results.md").read_text() == page


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


def test_the_rows_that_were_judged_are_named_for_what_they_are() -> None:
    streets = Origin("fit", "a CPU", "validation split (there is no test split), 101 rows", 50)
    camvid = Record("camvid-segnet-mc_dropout", 1, "mc_dropout", "camvid", 0, {"test_mean_iou": 0.5}, streets)
    made = run(0, {"frechet_lenet_ratio": 3.5, "critic_distance_test": 0.1}, "mnist-wgan")
    on = {line[1]: line[6] for line in rows_of(render_page(results.compare([camvid, made])))}
    assert on["mean IoU, % (the paper's on its test split)"] == f"camvid, {streets.tested}"
    assert on[FRECHET] == "mnist, made images, beside real ones that were held out"
    assert next(where for what, where in on.items() if what.startswith("the critic's")) == f"mnist, {ORIGIN.tested}"
