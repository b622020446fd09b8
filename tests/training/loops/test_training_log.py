"""What can be looked at while a run goes on, and what is left of it afterwards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from models.checkpoints.checkpoint import load
from training import recipes
from training.data import Dataset
from training.evaluation.plots import training_curves
from training.loops.progress import Epoch
from training.loops.training_log import TrainingLog, grid
from training.run.fit import fit


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (2, "L"), (3, "RGB"), (5, "L")])
def test_images_of_any_channels_fill_ten_rows(channels: int, mode: str) -> None:
    sheet = Image.fromarray(grid(torch.rand(100, channels, 28, 14)))
    assert (sheet.mode, sheet.size) == (mode, (10 * 2 * 14, 10 * 2 * 28))


def test_images_stand_in_reading_order() -> None:
    images = torch.arange(100).reshape(100, 1, 1, 1).expand(-1, 1, 32, 32) / 255
    tiles = grid(images)[::32, ::32]
    assert np.array_equal(tiles, np.arange(100).reshape(10, 10))


def test_losses_are_told_by_name_and_of_an_epoch_done_twice_the_last(tmp_path: Path) -> None:
    log = TrainingLog(tmp_path / "run")
    samples = torch.zeros(100, 1, 8, 8)
    for number, loss in ((1, 3.0), (2, 9.0), (2, 2.0)):
        log.note(Epoch(number, 2, {"critic_loss": loss, "generator_loss": 0.5}, samples=samples))
    assert log.losses() == {"critic_loss": {1: 3.0, 2: 2.0}, "generator_loss": {1: 0.5, 2: 0.5}}
    assert list(log.frames()) == [1, 2]
    assert set(training_curves.render_plots(log)) == set(training_curves.CAPTIONS)


def test_a_run_without_samples_leaves_nothing(tmp_path: Path) -> None:
    log = TrainingLog(tmp_path / "run")
    log.note(Epoch(1, 2, {"NLL": 1.0}))
    assert not list(tmp_path.iterdir())
    assert not training_curves.render_plots(log)
    log.remove()


@pytest.fixture
def interrupted(digits: Dataset, tmp_path: Path) -> Path:
    """A store with a run of four epochs, interrupted in its third."""

    def interrupt(epoch: Epoch) -> None:
        if epoch.number == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(recipes.find("digits-wgan").with_epochs(4), digits, tmp_path, 0, resume=False, report=interrupt)
    return tmp_path


def test_a_run_can_be_looked_at_while_it_goes_on(interrupted: Path) -> None:
    folder = interrupted / ".training" / "digits-wgan"
    assert sorted(path.name for path in folder.iterdir()) == [
        *(f"epoch-000{number}.png" for number in (1, 2, 3)),
        "losses.csv",
    ]
    with Image.open(folder / "epoch-0001.png") as sheet:
        assert sheet.size == (320, 320)


def test_a_resumed_runs_card_shows_all_of_it(digits: Dataset, interrupted: Path) -> None:
    recipe = recipes.find("digits-wgan").with_epochs(4)
    before = TrainingLog(interrupted / ".training" / "digits-wgan").losses()
    folder = fit(recipe, digits, interrupted, 0, resume=True, report=lambda epoch: None).folder
    assert all(f"]({name})" in load(folder).card for name in training_curves.CAPTIONS)
    assert all((folder / name).read_bytes().startswith(b"\x89PNG") for name in training_curves.CAPTIONS)
    assert list(before["critic_loss"]) == [1, 2, 3]
    assert [path.suffix for path in (interrupted / ".training").iterdir()] == [".lock"]


def test_a_run_that_begins_anew_forgets_the_old_one(digits: Dataset, interrupted: Path) -> None:
    (interrupted / ".training" / "digits-wgan" / "epoch-0099.png").write_bytes(b"old")
    fit(recipes.find("digits-wgan").with_epochs(1), digits, interrupted, 0, resume=False, report=lambda epoch: None)
    assert [path.suffix for path in (interrupted / ".training").iterdir()] == [".lock"]
