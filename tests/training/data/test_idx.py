"""IDX files: what was written is read, and what is damaged is refused in one line."""

from __future__ import annotations

import gzip
import hashlib
import shutil
import urllib.error
from pathlib import Path

import numpy as np
import pytest
import torch

from training import data
from training.data import idx
from training.errors import DataError


@pytest.mark.parametrize("packed", [True, False])
def test_round_trip(tmp_path: Path, idx_file, packed: bool) -> None:
    array = np.random.default_rng(0).integers(0, 256, (3, 4, 5), np.uint8)
    idx_file(tmp_path / "a", array, packed)
    assert torch.equal(idx.read(tmp_path / "a"), torch.from_numpy(array))


def test_mnist_has_raw_pixels_and_a_validation_split(tiny_mnist: Path) -> None:
    dataset = data.load("mnist", tiny_mnist)
    assert dataset.inputs.shape == (1, 28, 28)
    assert (dataset.inputs.low, dataset.inputs.high) == (0, 255)
    splits = dataset.train, dataset.validation, dataset.calibration, dataset.test
    assert [len(split.inputs) for split in splits] == [500, 50, 50, 50]
    assert dataset.train.inputs.max() == 255
    assert dataset.test_name == "test split"


def test_the_other_canonical_names_are_found(tiny_mnist: Path, tmp_path: Path) -> None:
    for path in tiny_mnist.iterdir():
        content = gzip.decompress(path.read_bytes())
        (tmp_path / path.name.replace("-idx", ".idx").removesuffix(".gz")).write_bytes(content)
    assert torch.equal(data.load("mnist", tmp_path).test.inputs, data.load("mnist", tiny_mnist).test.inputs)


DAMAGE = {
    "cut in the packed bytes": (lambda b: b[: len(b) // 2], "cannot be read"),
    "a flipped bit": (lambda b: b[:-6] + bytes([b[-6] ^ 1]) + b[-5:], "cannot be read"),
    "empty": (lambda _: b"", "not an IDX file"),
    "another magic number": (lambda _: b"\0\0\x0d\x01\0\0\0\x01\0\0\0\0", "not an IDX file"),
    "cut in the header": (lambda _: b"\0\0\x08\x03\0\0", "is cut off"),
    "cut in the rows": (lambda b: gzip.decompress(b)[:-1], "its header promises"),
    "bytes too many": (lambda b: gzip.decompress(b) + b"\0", "its header promises"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_refused_in_one_line(tiny_mnist: Path, tmp_path: Path, damage: str) -> None:
    harm, said = DAMAGE[damage]
    folder = Path(shutil.copytree(tiny_mnist, tmp_path / "mnist"))
    file = folder / "t10k-images-idx3-ubyte.gz"
    file.write_bytes(harm(file.read_bytes()))
    with pytest.raises(DataError, match=said) as caught:
        data.load("mnist", folder)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tiny_mnist: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_mnist, tmp_path / "mnist"))
    (folder / "train-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match="has no file train-labels-idx1-ubyte"):
        data.load("mnist", folder)


def test_files_that_do_not_belong_together_are_refused(tiny_mnist: Path, tmp_path: Path, idx_file) -> None:
    folder = Path(shutil.copytree(tiny_mnist, tmp_path / "mnist"))
    idx_file(folder / "t10k-labels-idx1-ubyte.gz", np.zeros(49, np.uint8))
    with pytest.raises(DataError, match="do not belong"):
        data.load("mnist", folder)
    idx_file(folder / "t10k-labels-idx1-ubyte.gz", np.full(50, 10, np.uint8))
    with pytest.raises(DataError, match="the label 10 of t10k is in no training row"):
        data.load("mnist", folder)


def test_images_and_labels_that_cannot_be_are_refused(tiny_mnist: Path, tmp_path: Path, idx_file) -> None:
    def spoilt(part: str, images: np.ndarray, labels: np.ndarray) -> str:
        folder = Path(shutil.copytree(tiny_mnist, tmp_path / "mnist", dirs_exist_ok=True))
        idx_file(folder / f"{part}-images-idx3-ubyte.gz", images.astype(np.uint8))
        idx_file(folder / f"{part}-labels-idx1-ubyte.gz", labels.astype(np.uint8))
        with pytest.raises(DataError) as caught:
            data.load(str(folder))
        return str(caught.value).removeprefix(f"{folder}: ")

    assert spoilt("t10k", np.zeros((50, 9, 9)), np.zeros(50)) == (
        "training images are (28, 28) pixels, test images (9, 9)"
    )
    even = np.arange(600) % 5 * 2
    assert spoilt("train", np.zeros((600, 28, 28)), even) == "the label 1 of t10k is in no training row"
    one = "its training labels are all 3; at least two classes are needed"
    assert spoilt("train", np.zeros((60, 28, 28)), np.full(60, 3)) == one
    few = "10 training images are too few to hold some out; 12 are enough"
    assert spoilt("train", np.zeros((10, 28, 28)), np.arange(10)) == few


def test_another_data_set_in_the_same_files_has_its_own_name_and_classes(tiny_mnist: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_mnist, tmp_path / "Clothes 2"))
    assert data.load(str(folder)).outputs.names == tuple("0123456789")
    (folder / "classes.txt").write_text("\n".join("abcdefghij"))
    dataset = data.load(str(folder))
    assert (dataset.name, dataset.outputs.names) == ("clothes_2", tuple("abcdefghij"))
    (folder / "classes.txt").write_text("a\nb\nc")
    with pytest.raises(DataError, match="a label of train is 9; labels are 0 to 2"):
        data.load(str(folder))


@pytest.fixture
def mirror(tiny_mnist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A mirror of the tiny files, and their checksums in place of the real ones."""
    sums = {p.name.removesuffix(".gz"): hashlib.sha256(gzip.decompress(p.read_bytes())) for p in tiny_mnist.iterdir()}
    monkeypatch.setattr(idx, "SHA256", {name: digest.hexdigest() for name, digest in sums.items()})
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(
        idx.urllib.request, "urlopen", lambda address, timeout: (tiny_mnist / address.split("/")[-1]).open("rb")
    )
    return tmp_path


def test_without_a_directory_the_files_are_downloaded_once(
    mirror: Path, tiny_mnist: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert torch.equal(data.load("mnist").test.inputs, data.load("mnist", tiny_mnist).test.inputs)
    monkeypatch.setattr(idx.urllib.request, "urlopen", None)
    assert len(data.load("mnist").train.inputs) == 500


def test_a_download_with_another_checksum_is_refused(mirror: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idx, "SHA256", dict.fromkeys(idx.SHA256, "0" * 64))
    with pytest.raises(DataError, match="SHA-256"):
        data.load("mnist")
    assert not list(mirror.rglob("*ubyte*"))


def test_offline_it_says_so(mirror: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(_address: str, timeout: float) -> None:
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(idx.urllib.request, "urlopen", unreachable)
    with pytest.raises(DataError, match=r"cannot be downloaded .*no network.*--data-dir DIR"):
        data.load("mnist")
