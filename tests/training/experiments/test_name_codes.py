"""Named codes are a new version of the same model, which requests and figures know by the new names."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from rounding import SAME_PIXELS
from starter_store import trained_store

from models.checkpoints.checkpoint import Checkpoint, load
from models.errors import ControlError
from models.generators.infogan import InfoGAN
from training import recipes
from training.data import Dataset
from training.errors import RecipeError
from training.evaluation.evaluate import measure
from training.experiments.name_codes import draw_codes, name_codes, parse_names, propose_names


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    return load(trained_store() / "digits-infogan" / "1")


def test_a_new_version_has_the_same_weights_under_new_names(
    checkpoint: Checkpoint, digits: Dataset, tmp_path: Path
) -> None:
    folder, figures = name_codes(checkpoint, {"c1": "rotation", "digit": "number"}, digits, tmp_path)
    named = load(folder)
    assert [control.name for control in named.model.controls] == ["z", "number", "rotation", "c2"]
    latents = checkpoint.model.latents(range(4))
    renamed = {{"c1": "rotation", "digit": "number"}.get(name, name): part for name, part in latents.items()}
    torch.testing.assert_close(named.model.generate(renamed), checkpoint.model.generate(latents), **SAME_PIXELS)
    with pytest.raises(ControlError, match="z, number, rotation, c2"):
        named.model.latents([0], {"c1": 0.5})
    assert "rotation_slant_spearman" in figures
    assert "rotation was c1" in named.card
    again = measure(named.model, digits, recipes.find("digits-infogan").metrics).metrics
    assert all(f"| [{name}](#{name}) |" in named.card for name in again)


def test_what_is_shown_is_a_picture_and_a_row_of_every_code(checkpoint: Checkpoint, tmp_path: Path) -> None:
    shown = draw_codes(checkpoint, tmp_path / "codes")
    assert {path.name for path in (tmp_path / "codes").iterdir()} == {"digit.png", "c1.png", "c2.png"}
    assert list(shown) == ["digit", "c1", "c2"]
    assert shown["digit"] == {}
    assert set(shown["c1"]) == {"slant", "width", "stroke_width"}


def test_the_closest_pairs_are_proposed_and_no_others(checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    measured = {"c1": {"slant": 0.6, "width": -0.9}, "c2": {"slant": 0.7, "width": 0.8}}
    monkeypatch.setattr("training.experiments.name_codes._correlations", lambda model: measured)
    assert propose_names(checkpoint) == "c1=width,c2=rotation"
    measured["c2"] = {"slant": 0.4, "width": 0.1}
    assert propose_names(checkpoint) == "c1=width"
    measured.clear()
    assert propose_names(checkpoint) == "CODE=NAME,..."


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        ({"c9": "rotation"}, "no code 'c9'; there are: digit, c1, c2"),
        ({"c1": "digit"}, "a name of its own"),
        ({"c1": "a", "c2": "a"}, "a name of its own"),
        ({"c1": "z"}, "'z' is the noise"),
    ],
)
def test_names_that_do_not_fit_are_refused(
    names: dict[str, str], reason: str, checkpoint: Checkpoint, digits: Dataset, tmp_path: Path
) -> None:
    with pytest.raises(RecipeError, match=reason):
        name_codes(checkpoint, names, digits, tmp_path)
    assert not list(tmp_path.iterdir())


def test_codes_can_swap_their_names(checkpoint: Checkpoint, digits: Dataset, tmp_path: Path) -> None:
    folder, _ = name_codes(checkpoint, {"c1": "c2", "c2": "c1"}, digits, tmp_path)
    swapped = load(folder).model
    assert isinstance(swapped, InfoGAN)
    assert swapped.continuous == ("c2", "c1")


def test_names_as_they_are_given() -> None:
    assert parse_names("c1=rotation, c2=width") == {"c1": "rotation", "c2": "width"}
    for wrong in ("", "c1", "c1=", "=a", "c1=a,c1=b", "c1=Two words", "c1=a=b", "c1=" + "a" * 33):
        with pytest.raises(RecipeError, match="given once a code, as c1=rotation,c2=width"):
            parse_names(wrong)
