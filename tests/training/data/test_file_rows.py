"""Rows that stay in files: what reads them, what does not, and a data set larger than the memory that it takes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from training import data, recipes
from training.data import Dataset, pictures
from training.data.file_rows import FileRows
from training.data.pixels import pixels
from training.loops.progress import Run
from training.loops.state import fingerprint
from training.seeds import initialised

ROOT = Path(__file__).parents[3]


class Reader:
    """Reads a file's number as its row, and remembers which were read."""

    def __init__(self) -> None:
        self.read: list[int] = []

    def __call__(self, file: Path) -> torch.Tensor:
        self.read.append(int(file.name))
        return torch.full((1, 2, 2), int(file.name), dtype=torch.uint8)


def test_choosing_rows_reads_none_and_any_other_use_reads_those_that_are_left() -> None:
    reader = Reader()
    rows = FileRows([Path(str(i)) for i in range(6)], reader, (1, 2, 2), torch.uint8)
    assert sorted(reader.read) == list(range(6))  # once, for their digests
    reader.read.clear()
    chosen = [rows[2:5], rows[torch.tensor([5, 0])], rows[torch.arange(6) < 2], *torch.split(rows, 4)]
    assert [len(part) for part in chosen] == [3, 2, 2, 4, 2]
    assert (rows.shape, rows.dtype, rows.numel(), rows.is_floating_point()) == ((6, 1, 2, 2), torch.uint8, 24, False)
    assert not reader.read
    whole = torch.arange(6, dtype=torch.uint8).reshape(6, 1, 1, 1).expand(6, 1, 2, 2)
    assert torch.equal(chosen[1].to(torch.float32), whole[[5, 0]].float())
    assert sorted(reader.read) == [0, 5]
    assert torch.equal(rows == 3, whole == 3)
    assert torch.equal(torch.cat([rows, rows]), torch.cat([whole, whole]))
    assert torch.equal(rows[..., 0], whole[..., 0])
    assert torch.equal(rows[2], whole[2])
    assert all(torch.equal(row, expected) for row, expected in zip(rows, whole, strict=True))
    assert rows[:0].float().shape == (0, 1, 2, 2)
    halves = rows.mapped(lambda row: row / 2, torch.float32)[1:3]
    assert torch.equal(halves.detach(), whole[1:3] / 2)
    assert halves.digests == rows.digests[1:3]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    for i in range(60):
        path = tmp_path / "p" / ("bar", "beam")[i % 2] / f"{i:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        levels = random.integers(0, 100, (8, 8), np.uint8)
        levels[:, 2] += np.uint8(150 * (i % 2))
        Image.fromarray(levels).save(path)
    return tmp_path / "p"


@pytest.fixture
def in_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    monkeypatch.setattr(pictures, "BYTES_IN_MEMORY", 100)
    return data.load(str(folder))


def test_a_folder_in_files_trains_to_the_weights_that_it_trains_to_in_memory(in_files: Dataset, folder: Path) -> None:
    train = in_files.train
    assert isinstance(train.inputs, FileRows)
    inputs = in_files.inputs
    recipe = recipes.suited("mlp-mc_dropout", in_files).with_epochs(2)
    held = Dataset(
        in_files.name,
        inputs,
        in_files.outputs,
        *(part.rows(slice(None)) for part in (train, in_files.validation, in_files.calibration, in_files.test)),
    )
    weights = []
    for dataset in (in_files, held):
        model = initialised(recipe.spec(dataset), 0)
        recipe.train(model, dataset, Run(0))
        weights.append(torch.cat([value.flatten() for value in model.state_dict().values()]))
    assert torch.equal(*weights)
    mean = held.train.inputs.double().mean()
    assert inputs.mean[0] == pytest.approx(float(mean))


def test_the_split_and_the_state_of_a_run_follow_from_what_the_files_hold(in_files: Dataset, folder: Path) -> None:
    again = data.load(str(folder))
    assert torch.equal(in_files.test.inputs.float(), again.test.inputs.float())
    assert fingerprint("", in_files.train) == fingerprint("", again.train)
    first = in_files.train.inputs.files[0]  # type: ignore[attr-defined]
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(first)
    assert fingerprint("", in_files.train) != fingerprint("", data.load(str(folder)).train)


def test_generators_scale_images_as_they_are_read(in_files: Dataset) -> None:
    images = pixels(in_files.inputs, in_files.train.inputs)
    assert isinstance(images, FileRows)
    assert torch.equal(images[:3].detach(), in_files.train.inputs[:3].float() / 255)


MEASURED = """
import resource, sys
from training import data, recipes
from training.data import Options, pictures
from training.evaluation import predictions
from training.loops.progress import Run
from training.recipes.kinds.assignments import assign
from training.seeds import initialised

def peak_after_training(size):
    dataset = data.load(sys.argv[1], options=Options(size=size))
    recipe = assign(recipes.suited("mlp-mc_dropout", dataset), ["epochs=1", "batch=4", "hidden=[1]"])
    recipe.train(initialised(recipe.spec(dataset), 0), dataset, Run(0))
    return dataset.train.inputs.nbytes, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

pictures.BYTES_IN_MEMORY = predictions.CHUNK_BYTES = 10**7
_, before = peak_after_training((8, 8))  # what is imported late counts too
decoded, after = peak_after_training((512, 512))
print(decoded, after - before)
"""


def test_a_folder_larger_than_the_memory_that_it_takes_trains(tmp_path: Path) -> None:
    for i in range(120):
        path = tmp_path / "p" / ("bar", "beam")[i % 2] / f"{i:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((4, 4, 3), (i % 2 * 100, i % 100, 0), np.uint8)).save(path)
    command = [sys.executable, "-c", MEASURED, str(tmp_path / "p")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    decoded, grown = map(int, done.stdout.splitlines()[-1].split())
    assert decoded > 60e6
    assert grown < 200e6  # measured: 80e6 to 110e6, and with all pictures in memory 340e6
