"""The calls of the Python client, against the real service."""

from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys
from collections.abc import Iterator

import httpx
import numpy as np
import pytest
from patience import PATIENCE

from service.client import AsyncClient, Calls, Client, Prediction, RefusedError, UnreachableError

CLASSIFIER = "digits-mlp-mc_dropout"
ROWS = np.random.default_rng(0).uniform(0, 16, (3, 64))


@pytest.fixture
def client(bundled_url: str) -> Iterator[Client]:
    with Client(bundled_url) as opened:
        yield opened


def test_a_prediction_is_what_json_says_to_the_last_bit(client: Client, bundled_url: str) -> None:
    options = {"model": CLASSIFIER, "samples": 20, "seed": 4, "interval": 0.9}
    told = httpx.post(
        f"{bundled_url}/predict",
        params={**options, "draws": True, "covariance": True},
        json={"inputs": ROWS.tolist()},
        timeout=PATIENCE,
    ).json()
    got = client.predict(ROWS, model=CLASSIFIER, samples=20, seed=4, interval=0.9, draws=True, covariance=True)
    for name in (
        "mean",
        "epistemic_variance",
        "mutual_information",
        "standard_error",
        "draws",
        "covariance",
    ):
        assert getattr(got, name).tolist() == told[name], name
    for name in ("model", "version", "task", "method", "seed", "samples", "stop_reason", "interval_method"):
        assert getattr(got, name) == told[name]
    assert got.classes == tuple(told["classes"])
    assert got.label is not None
    assert got.label.tolist() == told["label"]
    assert got.prediction_set is not None
    assert [set(one.split(",")) for one in got.prediction_set] == [set(one) for one in told["prediction_set"]]
    assert got.lower is None


def test_a_regression_has_an_interval_and_what_is_left_out_is_none(client: Client) -> None:
    got = client.predict([[0.2], [0.3]], model="curve-mlp-mc_dropout", interval=0.9, outputs=["mean"])
    assert got.targets == ("y",)
    assert got.mean is not None
    assert got.lower is not None
    assert got.upper is not None
    assert (got.lower < got.mean).all()
    assert (got.mean < got.upper).all()
    assert got.aleatoric_variance is None
    mean = client.predict([[0.2]], model="curve-mlp-mc_dropout", samples=0)
    assert mean.epistemic_variance is None
    assert mean.aleatoric_variance is not None


def test_rows_to_label_are_chosen_among_arrays_and_by_targets(client: Client, bundled_url: str) -> None:
    body = {"inputs": ROWS.tolist(), "targets": ROWS[:1].tolist(), "n": 2, "acquisition": "epig", "model": CLASSIFIER}
    told = httpx.post(f"{bundled_url}/acquire", json=body, timeout=PATIENCE).json()
    got = client.acquire(ROWS, 2, "epig", targets=ROWS[:1], model=CLASSIFIER)
    assert got.rows.tolist() == told["rows"]
    assert got.gain is not None
    assert got.gain.tolist() == told["gain"]
    assert (got.pool, got.targets, got.estimate) == (3, 1, told["estimate"])
    batch = client.acquire(ROWS, 3, model=CLASSIFIER, samples=10)
    assert sorted(batch.rows.tolist()) == [0, 1, 2]
    assert client.acquire(ROWS, 2, "random", model=CLASSIFIER).gain is None


def test_images_are_pictures_and_exact_numbers(client: Client) -> None:
    made = client.generate("infogan", seeds=[7, 8, 9], codes={"digit": np.array([1, 2, 3])})
    assert made.pixels.shape == (3, 1, 8, 8)
    assert made.seeds == (7, 8, 9)
    assert made.codes["digit"] == [1, 2, 3]
    alone = client.generate("infogan", seed=8, codes={"digit": 2})
    assert np.abs(alone.pixels[0] - made.pixels[1]).max() <= 1e-5
    picture = np.asarray(made.images[0])
    assert picture.dtype == np.uint8
    assert np.abs(picture / 255 - made.pixels[0, 0]).max() <= 0.5 / 255 + 1e-6


def test_every_operation_of_generators(client: Client) -> None:
    grid = client.traverse("infogan", rows={"control": "digit"}, columns={"control": "c1", "steps": 4}, seed=3)
    assert grid.pixels.shape == (40, 1, 8, 8)
    assert grid.codes["digit"] == [digit for digit in range(10) for _ in range(4)]
    way = client.interpolate("gan", {"seed": 1}, {"z": np.zeros(32)}, steps=5)
    assert way.pixels.shape == (5, 1, 8, 8)
    mixed = client.mix("stylegan", coarse=[1, 2], fine=3)
    assert mixed.pixels.shape == (2, 1, 8, 8)
    read = client.encode("infogan", ROWS)
    assert read.codes["digit"]["probabilities"].sum(1) == pytest.approx(1)
    again = client.reconstruct("vae", ROWS, samples=8, seed=1, model="digits-vae")
    assert again.mean.shape == (3, 1, 8, 8)
    assert again.epistemic_variance is not None
    assert again.total_variance == pytest.approx(again.aleatoric_variance + again.epistemic_variance)
    assert {control["name"] for control in client.controls("infogan")} == {"z", "digit", "c1", "c2"}
    assert client.model(CLASSIFIER)["card"]
    assert CLASSIFIER in {model["name"] for model in client.models()}


def test_a_projection_is_waited_for_and_its_code_makes_its_image(client: Client) -> None:
    target = client.generate("stylegan", seed=5).pixels[0] * 16
    shares: list[float] = []
    found = client.project("stylegan", target, progress=shares.append)
    assert shares == sorted(shares)
    again = client.generate("stylegan", w=found.w, noise="none").images[0]
    assert np.abs(np.asarray(again, int) - np.asarray(found.image, int)).max() <= 1


def test_a_projection_that_takes_too_long_is_cancelled(bundled_url: str) -> None:
    with Client(bundled_url, timeout=0.3) as hasty, pytest.raises(UnreachableError, match=r"0\.3 s"):
        hasty.project("stylegan", np.zeros((1, 8, 8)))


def test_refusals_say_what_is_allowed(client: Client) -> None:
    with pytest.raises(RefusedError, match=r"there are: .*mc_dropout") as refusal:
        client.predict(ROWS, model="nobody")
    assert (refusal.value.status, refusal.value.code) == (404, "unknown-model")
    assert refusal.value.request_id
    with pytest.raises(RefusedError, match="no control of that name"):
        client.generate("gan", codes={"digit": 3})
    with pytest.raises(RefusedError):
        client.predict(np.full((1, 64), np.nan), model=CLASSIFIER)


@pytest.mark.anyio
async def test_the_async_client_answers_the_same(client: Client, bundled_url: str) -> None:
    async with AsyncClient(bundled_url) as several:
        answers = await asyncio.gather(*(several.predict(ROWS, model=CLASSIFIER, seed=i) for i in range(4)))
        for i, got in enumerate(answers):
            assert got.mean is not None
            assert np.allclose(got.mean, client.predict(ROWS, model=CLASSIFIER, seed=i).mean, atol=1e-6)
        assert (await several.generate("gan", n=2)).pixels.shape == (2, 1, 8, 8)
        assert (await several.traverse("gan", rows={"control": "z", "index": 0})).pixels.shape[0] == 6
        assert (await several.interpolate("gan", {"seed": 1}, {"seed": 2})).pixels.shape[0] == 8
        assert (await several.mix("stylegan", coarse=1, fine=2)).pixels.shape[0] == 1
        assert (await several.encode("vae", ROWS, model="digits-vae")).codes["z"]["mean"].shape[0] == 3
        assert (await several.reconstruct("vae", ROWS, model="digits-vae")).samples == 50
        assert (await several.project("stylegan", np.zeros((1, 8, 8)))).loss >= 0
        assert len(await several.controls("gan")) == 1
        assert await several.models()
        with pytest.raises(RefusedError):
            await several.model("nobody")


def test_the_client_imports_neither_torch_nor_the_service() -> None:
    code = "import sys, service.client; sys.exit(bool({'torch', 'models', 'service.settings'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_prediction_without_draws_is_a_prediction() -> None:
    given = Prediction(model="m", version="1", task="regression", method="x", seed=0, samples=0, stop_reason="fixed")
    assert given.mean is None


def test_no_call_is_written_twice() -> None:
    calls = {name for name, value in vars(Calls).items() if callable(value) and not name.startswith("_")}
    assert {"predict", "generate", "project"} <= calls
    for shell in (Client, AsyncClient):
        assert not calls & vars(shell).keys()
        for name in calls:
            assert inspect.getdoc(getattr(shell, name))
            assert inspect.signature(getattr(shell, name)) == inspect.signature(getattr(Calls, name))
