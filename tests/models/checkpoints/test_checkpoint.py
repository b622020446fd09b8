"""A checkpoint is loaded as it was saved, or refused with a reason."""

from __future__ import annotations

import hashlib
import json
import math
import os
import random
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import safetensors.torch
import torch
from torch import Tensor

from models.catalogue import Component
from models.checkpoints.checkpoint import GeneratorSpec, Manifest, PredictorSpec, load, save
from models.checkpoints.folder import checksums
from models.checkpoints.selftest import canary_examples, verify
from models.errors import CheckpointError
from models.prediction.predictor import Predictor
from models.specs import InputSpec, OutputSpec

NAME = "tiny-mlp"
FILES = ("SHA256SUMS", "card.md", "examples.safetensors", "manifest.json", "weights.safetensors")
SPEC = PredictorSpec(
    Component("mlp", {"hidden": [5]}),
    Component("mc_dropout", {"length_scale": 0.2}),
    Component("heteroscedastic_gaussian"),
    InputSpec("table", (3,), (1.0, 2.0, 3.0), (1.0, 0.5, 2.0), names=("a", "b", "c")),
    OutputSpec("regression", ("y [mm]",), (150.0,), (70.0,)),
)
MANIFEST = Manifest(NAME, 0, SPEC, "random", 5, {"nll_nats": 0.25})


def tiny() -> Predictor:
    torch.manual_seed(0)
    return SPEC.build()


def save_tiny(store: Path) -> Path:
    model = tiny()
    return save(store, MANIFEST, model, canary_examples(model, torch.rand(4, 3)), "# Tiny — 5 Å")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("original"))


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "store-of-secrets" / NAME / "1"
    shutil.copytree(saved, copy)
    return copy


def refusal(folder: Path) -> str:
    """The reason why a checkpoint is refused; it must not tell where the checkpoint lies."""
    with pytest.raises(CheckpointError) as refused:
        load(folder)
    reason = str(refused.value)
    assert reason
    assert "store-of-secrets" not in reason
    assert str(folder.parent.parent) not in reason
    return reason


def sign(folder: Path) -> None:
    """Make the checksums true again: what follows is refused for its content."""
    contents = {name: (folder / name).read_bytes() for name in FILES if name != "SHA256SUMS"}
    (folder / "SHA256SUMS").write_bytes(checksums(contents))


def change_manifest(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    manifest = json.loads((folder / "manifest.json").read_bytes())
    change(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    sign(folder)


def change_weights(folder: Path, change: Callable[[dict[str, Tensor]], object]) -> None:
    weights = safetensors.torch.load((folder / "weights.safetensors").read_bytes())
    change(weights)
    (folder / "weights.safetensors").write_bytes(safetensors.torch.save(weights))
    sign(folder)


def test_what_was_saved_is_loaded(saved: Path) -> None:
    checkpoint, model = load(saved), tiny()
    assert checkpoint.manifest == msgspec.structs.replace(MANIFEST, version=1)
    assert checkpoint.card == "# Tiny — 5 Å"
    assert not checkpoint.model.training
    assert not any(parameter.requires_grad for parameter in checkpoint.model.parameters())
    weights = model.state_dict()
    assert all(torch.equal(tensor, weights[name]) for name, tensor in checkpoint.model.state_dict().items())
    verify(checkpoint)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_weights_of_16_bits_are_loaded_in_32_exactly_as_they_were(tmp_path: Path, dtype: torch.dtype) -> None:
    model = tiny()
    rows = torch.rand(4, 3)
    with pytest.raises(CheckpointError, match=f"numbers that {dtype} cannot hold; round them before they are saved"):
        save(tmp_path, MANIFEST, model, canary_examples(model, rows), "", dtype=dtype)
    model.load_state_dict({name: tensor.to(dtype).float() for name, tensor in model.state_dict().items()})
    saved = save(tmp_path, MANIFEST, model, canary_examples(model, rows), "", dtype=dtype)
    stored = safetensors.torch.load((saved / "weights.safetensors").read_bytes())
    assert {tensor.dtype for tensor in stored.values()} == {dtype}
    loaded = load(saved)
    verify(loaded)
    weights = model.state_dict()
    assert all(torch.equal(tensor, weights[name]) for name, tensor in loaded.model.state_dict().items())


def test_a_manifest_from_before_origins_is_read(folder: Path) -> None:
    change_manifest(folder, lambda manifest: manifest.pop("origin"))
    assert load(folder).manifest.origin is None


def test_the_checksums_are_those_of_sha256sum(saved: Path) -> None:
    checked = subprocess.run(["sha256sum", "--strict", "-c", "SHA256SUMS"], cwd=saved, capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert sorted(path.name for path in saved.iterdir()) == sorted(FILES)
    assert load(saved).sha256 == hashlib.sha256((saved / "SHA256SUMS").read_bytes()).hexdigest()


def test_every_flipped_bit_is_refused(folder: Path) -> None:
    chance = random.Random(0)
    contents = {name: (folder / name).read_bytes() for name in FILES}
    places = [(name, chance.randrange(8 * len(contents[name]))) for name in FILES for _ in range(12)]
    ends = [(name, 8 * at + bit) for name in FILES for at in (0, len(contents[name]) - 1) for bit in (0, 7)]
    for name, place in places + ends:
        damaged = bytearray(contents[name])
        damaged[place // 8] ^= 1 << place % 8
        (folder / name).write_bytes(damaged)
        assert "SHA" in refusal(folder), f"bit {place} of {name}"
        (folder / name).write_bytes(contents[name])
    load(folder)


@pytest.mark.parametrize("name", FILES)
def test_every_truncated_file_is_refused(folder: Path, name: str) -> None:
    content = (folder / name).read_bytes()
    for length in {0, 1, len(content) // 2, len(content) - 1}:
        (folder / name).write_bytes(content[:length])
        assert refusal(folder)
    (folder / name).write_bytes(content + b"\n")
    assert refusal(folder)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_refused(folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert refusal(folder) == f"{name} is missing or cannot be read"
    (folder / name).mkdir()
    assert refusal(folder).startswith(f"{name} is a folder; a checkpoint holds regular files alone")


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    assert "missing" in refusal(tmp_path / NAME / "7")


def test_a_renamed_folder_is_refused(folder: Path) -> None:
    other_version = folder.rename(folder.with_name("2"))
    assert "tiny-mlp/1" in refusal(other_version)
    other_name = other_version.parent.rename(folder.parent.with_name("other")) / "2"
    assert "tiny-mlp/1" in refusal(other_name.rename(other_name.with_name("1")))


@pytest.mark.parametrize("version", [0, 2, 999])
def test_another_format_version_is_refused_before_anything_else_is_read(folder: Path, version: int) -> None:
    change_manifest(folder, lambda manifest: (manifest.clear(), manifest.update(format_version=version)))
    assert refusal(folder) == f"format version {version}; this release reads 1"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_weight_that_is_not_finite_is_refused_though_its_checksum_is_right(folder: Path, value: float) -> None:
    change_weights(folder, lambda weights: weights["posterior.network.layers.1.weight"][2, 1].fill_(value))
    assert refusal(folder) == "posterior.network.layers.1.weight holds NaN or infinity"


CHANGES_OF_WEIGHTS: dict[str, tuple[Callable[[dict[str, Tensor]], object], str]] = {
    "shape": (
        lambda w: w.update({"posterior.network.layers.1.bias": torch.zeros(6)}),
        r"layers.1.bias is torch.float32 \(6,\); the manifest's model has torch.float32 \(5,\)",
    ),
    "dtype": (
        lambda w: w.update({"posterior.network.layers.1.bias": torch.zeros(5, dtype=torch.float64)}),
        "layers.1.bias is torch.float64",
    ),
    "extra": (lambda w: w.update(backdoor=torch.zeros(1)), "weights do not fit the manifest: backdoor and 0 other"),
    "missing": (lambda w: w.pop("posterior.network.layers.1.bias"), "do not fit the manifest: posterior.network"),
    "none": (lambda w: w.clear(), "weights.safetensors has 16 bytes; what the manifest tells of takes 64"),
}


@pytest.mark.parametrize(("change", "reason"), CHANGES_OF_WEIGHTS.values(), ids=CHANGES_OF_WEIGHTS)
def test_weights_of_another_model_are_refused(
    folder: Path, change: Callable[[dict[str, Tensor]], object], reason: str
) -> None:
    change_weights(folder, change)
    assert re.search(reason, refusal(folder))


@pytest.mark.parametrize("content", [b"", b"not tensors", b"\xff" * 64, (2**40).to_bytes(8, "little") + b"{}"])
@pytest.mark.parametrize("name", ["weights.safetensors", "examples.safetensors"])
def test_what_is_no_tensor_file_is_refused(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    sign(folder)
    assert refusal(folder)


CHANGES_OF_MANIFEST: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "unknown network": (lambda m: m["model"]["network"].update(name="transformer"), "transformer.*convnet, mlp"),
    "unknown posterior": (lambda m: m["model"]["posterior"].update(name="hamiltonian"), "hamiltonian.*mc_dropout"),
    "unknown likelihood": (lambda m: m["model"]["likelihood"].update(name="poisson"), "poisson.*categorical"),
    "unknown option": (lambda m: m["model"]["network"]["config"].update(hiden=[5]), "mlp: .*hiden"),
    "option of another type": (lambda m: m["model"]["network"]["config"].update(hidden="5"), "mlp: .*hidden"),
    "impossible option": (lambda m: m["model"]["network"]["config"].update(dropout=7), "mlp: .*dropout"),
    "negative width": (lambda m: m["model"]["network"]["config"].update(hidden=[-5]), "mlp: "),
    "no dropout for the masks": (lambda m: m["model"]["network"]["config"].update(dropout=0.0), "at least one"),
    "image network on a table": (lambda m: m["model"].update(network={"name": "convnet"}), "convnet: "),
    "another task": (
        lambda m: m["model"]["outputs"].update(task="classification"),
        "heteroscedastic_gaussian is for regression, not classification",
    ),
    "unknown task": (lambda m: m["model"]["outputs"].update(task="ranking"), "task"),
    "unknown kind of model": (lambda m: m["model"].update(type="oracle"), "oracle"),
    "extra field": (lambda m: m.update(run="rm -rf"), "unknown field `run`"),
    "missing field": (lambda m: m.pop("data"), "missing required field `data`"),
    "a figure that is no number": (lambda m: m.update(figures={"nll": None}), "figures"),
    "another name": (lambda m: m.update(name="other"), "not named other/1"),
    "a name that leaves the store": (lambda m: m.update(name="../../etc"), r"regex.*at `\$.name`"),
}


@pytest.mark.parametrize(("change", "reason"), CHANGES_OF_MANIFEST.values(), ids=CHANGES_OF_MANIFEST)
def test_manifests_that_cannot_be_right_are_refused(
    folder: Path, change: Callable[[dict[str, Any]], object], reason: str
) -> None:
    change_manifest(folder, change)
    assert re.search(reason, refusal(folder))


@pytest.mark.parametrize("content", [b"", b"null", b"[]", b"{", b'{"format_version": "1"}', b"\xff\xfe", b"[" * 5000])
def test_what_is_no_manifest_is_refused(folder: Path, content: bytes) -> None:
    (folder / "manifest.json").write_bytes(content)
    sign(folder)
    assert refusal(folder)


def test_a_card_that_is_no_text_does_not_cost_the_model(folder: Path) -> None:
    (folder / "card.md").write_bytes(b"a\xffb")
    sign(folder)
    assert load(folder).card == "a\ufffdb"


def test_versions_count_up_and_are_never_given_twice(tmp_path: Path) -> None:
    assert [save_tiny(tmp_path).name for _ in range(3)] == ["1", "2", "3"]
    shutil.rmtree(tmp_path / NAME / "2")
    (tmp_path / NAME / "notes").mkdir()
    (tmp_path / NAME / "11").mkdir()
    assert save_tiny(tmp_path).name == "12"
    assert load(tmp_path / NAME / "12").manifest.version == 12


PICTURES = {"reliability.png": b"\x89PNG one", "risk_coverage-2.png": b"\x89PNG two"}


@pytest.fixture
def pictured(tmp_path: Path) -> Path:
    """A checkpoint with pictures."""
    model = tiny()
    return save(
        tmp_path / "store-of-secrets", MANIFEST, model, canary_examples(model, torch.rand(4, 3)), "# Tiny", PICTURES
    )


def test_pictures_are_loaded_as_they_were_saved(pictured: Path, saved: Path) -> None:
    assert load(pictured).pictures == PICTURES
    assert load(saved).pictures == {}
    assert sorted(path.name for path in pictured.iterdir()) == sorted([*FILES, *PICTURES])
    checked = subprocess.run(["sha256sum", "--strict", "-c", "SHA256SUMS"], cwd=pictured, check=False)
    assert checked.returncode == 0


def test_a_flipped_bit_of_a_picture_or_of_its_checksum_is_refused(pictured: Path) -> None:
    for name in (*PICTURES, "SHA256SUMS"):
        content = (pictured / name).read_bytes()
        for place in range(0, 8 * len(content), 7 if name in PICTURES else 61):  # odd steps meet every bit of a byte
            damaged = bytearray(content)
            damaged[place // 8] ^= 1 << place % 8
            (pictured / name).write_bytes(damaged)
            assert refusal(pictured)
        (pictured / name).write_bytes(content)
    load(pictured)


def test_a_picture_that_is_listed_must_be_there(pictured: Path) -> None:
    (pictured / "reliability.png").unlink()
    assert refusal(pictured) == "reliability.png is missing or cannot be read"


def test_a_file_that_nobody_lists_is_never_read(pictured: Path) -> None:
    (pictured / "extra.png").write_bytes(b"unlisted")
    assert load(pictured).pictures == PICTURES


@pytest.mark.parametrize("name", ["notes.txt", "../reliability.png", "/etc/passwd", "a/b.png", "Upper.png", ".png"])
def test_no_other_file_may_be_listed(pictured: Path, name: str) -> None:
    sums = pictured / "SHA256SUMS"
    sums.write_bytes(b"".join(sorted([*sums.read_bytes().splitlines(True), f"{'0' * 64}  {name}\n".encode()])))
    assert refusal(pictured) == "SHA256SUMS is not the list of a checkpoint's files"


@pytest.mark.parametrize(
    "name", ["", ".png", "a.jpg", "../a.png", "a/b.png", "A.png", "a.png\n", f"{'a' * 65}.png", "card.md"]
)
def test_pictures_of_other_names_are_not_saved(tmp_path: Path, name: str) -> None:
    with pytest.raises(CheckpointError, match="a picture's name is made of"):
        save(tmp_path / "store", MANIFEST, tiny(), {}, "", {name: b""})
    assert not list(tmp_path.rglob("*.json"))


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "Upper", "a" * 65, "nul\0", "with space", "-dash"])
def test_names_that_could_leave_the_store_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(CheckpointError, match="a model's name is made of"):
        save(tmp_path / "store", msgspec.structs.replace(MANIFEST, name=name), tiny(), {}, "")
    assert not list(tmp_path.rglob("*.json"))


def test_what_could_not_be_loaded_is_not_saved(tmp_path: Path) -> None:
    diverged = tiny()
    with torch.no_grad():
        next(diverged.parameters()).fill_(math.nan)
    with pytest.raises(CheckpointError, match="holds NaN"):
        save(tmp_path / "store", MANIFEST, diverged, {}, "")
    unknown = msgspec.structs.replace(MANIFEST, figures={"auroc": math.nan})
    with pytest.raises(CheckpointError, match="figure auroc is nan"):
        save(tmp_path / "store", unknown, tiny(), {}, "")
    assert not list(tmp_path.rglob("*.json"))


def test_a_failed_save_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(path: Path, content: bytes) -> None:
        path.write_bytes(content[:3])
        if path.name == "weights.safetensors":
            raise OSError(28, "No space left on device")

    save_tiny(tmp_path)
    monkeypatch.setattr("models.checkpoints.writing._write_synced", full_disk)
    with pytest.raises(OSError, match="No space left"):
        save_tiny(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [NAME]
    assert [path.name for path in (tmp_path / NAME).iterdir()] == ["1"]


def test_what_killed_runs_left_is_removed_after_a_while(tmp_path: Path) -> None:
    old, fresh = tmp_path / ".saving-old", tmp_path / ".saving-fresh"
    for folder in (old, fresh):
        folder.mkdir()
    os.utime(old, (0, 0))
    save_tiny(tmp_path)
    assert not old.exists()
    assert fresh.exists()


def test_a_version_that_another_run_takes_meanwhile_is_left_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overtaken(path: Path, content: bytes) -> None:
        path.write_bytes(content)
        if path.name == "manifest.json" and b'"version": 1,' in content:
            (tmp_path / NAME / "1").mkdir()
            (tmp_path / NAME / "1" / "theirs").touch()

    monkeypatch.setattr("models.checkpoints.writing._write_synced", overtaken)
    saved = save_tiny(tmp_path)
    assert saved.name == "2"
    assert load(saved).manifest.version == 2
    assert (tmp_path / NAME / "1" / "theirs").exists()


def test_a_place_that_cannot_be_taken_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(_folder: Path, _target: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "rename", lost)
    with pytest.raises(PermissionError):
        save_tiny(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_a_models_method_is_its_posterior_or_its_family() -> None:
    family = GeneratorSpec(Component("vae"), InputSpec("image", (1, 8, 8)))
    assert MANIFEST.method == "mc_dropout"
    assert msgspec.structs.replace(MANIFEST, model=family).method == "vae"


WRITERS = """
    import os, random, signal, sys, time
    from pathlib import Path
    import torch
    torch.set_num_threads(1)
    from tests_of_checkpoint import save_tiny

    def forked(work):
        child = os.fork()
        if not child:
            try:
                work()
            finally:
                os._exit(0)
        return child

    def save_for_ever():
        while True:
            save_tiny(store)

    def save_some():
        for _ in range(12):
            save_tiny(store)

    store = Path(sys.argv[2])
    if sys.argv[1] == "kill":
        chance, kills, saved, longest = random.Random(0), 0, 0, 0.08
        while kills < 25 or saved <= 10:
            kills += 1
            child = forked(save_for_ever)
            time.sleep(chance.uniform(0.005, longest))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            before, saved = saved, len(list(store.glob("*/[0-9]*")))
            longest *= 1 if saved > before else 1.2  # a busy machine has not saved any yet
    else:
        for child in [forked(save_some) for _ in range(3)]:
            os.waitpid(child, 0)
"""


@pytest.fixture
def writers(tmp_path: Path) -> Callable[[str], Path]:
    """Run a script that forks processes which save into one store; its answer is that store."""

    def run(mode: str) -> Path:
        shutil.copy(__file__, tmp_path / "tests_of_checkpoint.py")
        script, store = tmp_path / "writers.py", tmp_path / "store"
        script.write_text(textwrap.dedent(WRITERS))
        paths = {"PYTHONPATH": f"{tmp_path}:{Path(__file__).parents[3]}", "OMP_NUM_THREADS": "1"}
        subprocess.run([sys.executable, script, mode, store], check=True, timeout=600, env=paths)
        return store

    return run


def versions(store: Path) -> Iterator[int]:
    for path in (store / NAME).iterdir():
        verify(load(path))
        yield int(path.name)


def test_a_run_that_is_killed_leaves_nothing_unreadable(writers: Callable[[str], Path]) -> None:
    store = writers("kill")
    numbers = sorted(versions(store))
    assert len(numbers) > 10
    assert numbers == list(range(1, len(numbers) + 1))
    assert save_tiny(store).name == str(len(numbers) + 1)


def test_runs_that_save_at_once_get_versions_of_their_own(writers: Callable[[str], Path]) -> None:
    store = writers("race")
    assert sorted(versions(store)) == list(range(1, 37))
    assert not list(store.glob(".saving-*"))
