"""What an answer to /predict must be, over HTTP."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import httpx
import numpy as np
import pytest
from PIL import Image
from random_models import digits

App = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]

pytestmark = pytest.mark.anyio

PREDICTORS = ("mlp", "convnet", "regression")


def rows_of(model: str, count: int) -> list[list[float]]:
    return [row[:3] for row in digits(count)] if model == "regression" else digits(count)


async def predict(client: httpx.AsyncClient, inputs: object, **options: object) -> dict:
    response = await client.post("/predict", params=options, json={"inputs": inputs})
    assert response.status_code == 200, response.text
    return response.json()


@pytest.mark.parametrize("model", PREDICTORS)
async def test_the_parts_add_up(client: httpx.AsyncClient, model: str) -> None:
    answer = await predict(client, rows_of(model, 5), model=model)
    column = {name: np.array(value) for name, value in answer.items() if isinstance(value, list)}
    np.testing.assert_allclose(
        column["aleatoric_variance"] + column["epistemic_variance"], column["total_variance"], atol=1e-6, rtol=0
    )
    np.testing.assert_allclose(
        column["expected_entropy"] + column["mutual_information"], column["predictive_entropy"], atol=1e-6, rtol=0
    )
    assert (column["epistemic_variance"] > 0).all()


async def test_a_classification_is_a_distribution(client: httpx.AsyncClient) -> None:
    answer = await predict(client, digits(4))
    mean = np.array(answer["mean"])
    np.testing.assert_allclose(mean.sum(1), 1, atol=1e-6)
    np.testing.assert_allclose(mean * (1 - mean), answer["total_variance"], atol=1e-6)
    assert answer["label"] == [answer["classes"][c] for c in mean.argmax(1)]
    assert (answer["task"], answer["method"], answer["samples"], answer["seed"]) == (
        "classification", "mc_dropout", 50, 0,
    )  # fmt: skip


async def test_a_regression_answers_in_the_users_units(client: httpx.AsyncClient) -> None:
    answer = await predict(client, rows_of("regression", 4), model="regression", interval=0.9)
    assert answer["targets"] == ["y [mm]"]
    mean, deviation = np.array(answer["mean"]), np.sqrt(answer["total_variance"])
    assert (abs(mean - 150) < 200).all()
    assert (deviation > 10).all()
    lower, upper = np.array(answer["interval"]["lower"]), np.array(answer["interval"]["upper"])
    np.testing.assert_allclose((upper - lower) / (2 * 1.645 * deviation), 1, atol=0.15)


@pytest.mark.parametrize("model", PREDICTORS)
async def test_samples_zero_is_the_mean_function(client: httpx.AsyncClient, model: str) -> None:
    first, second = [await predict(client, rows_of(model, 3), model=model, samples=0, seed=s) for s in (1, 2)]
    assert first["mean"] == second["mean"]
    for name in ("epistemic_variance", "total_variance", "mutual_information", "standard_error"):
        assert first[name] is None
    assert first["aleatoric_variance"] is not None


async def test_one_draw_says_nothing_epistemic(client: httpx.AsyncClient) -> None:
    answer = await predict(client, digits(1), samples=1)
    unknown = ("standard_error", "epistemic_variance", "total_variance", "mutual_information")
    assert [answer[name] for name in unknown] == [None] * 4


@pytest.mark.parametrize("model", PREDICTORS)
async def test_a_seed_gives_the_same_answer_in_any_company(client: httpx.AsyncClient, model: str) -> None:
    rows = rows_of(model, 6)
    alone = await predict(client, rows[:1], model=model, seed=7)
    behind = await predict(client, rows[1:] + rows[:1], model=model, seed=7)
    with_strangers = await asyncio.gather(
        *(predict(client, rows[i : i + 1], model=model, seed=7, samples=10 + 20 * i) for i in range(1, 6)),
        predict(client, rows[:1], model=model, seed=7),
        predict(client, rows[:1], model=model, seed=8),
    )
    for other in (behind["mean"][-1], with_strangers[-2]["mean"][0]):
        np.testing.assert_allclose(other, alone["mean"][0], rtol=1e-5, atol=1e-5)
    assert not np.allclose(with_strangers[-1]["mean"][0], alone["mean"][0], rtol=1e-5, atol=1e-5)


async def test_requests_that_arrive_together_share_a_batch(client: httpx.AsyncClient) -> None:
    def batches() -> float:
        return client.runtime.telemetry.registry.get_sample_value("credence_batch_rows_count", {"model": "mlp"})

    await predict(client, digits(1))
    before = batches()
    await asyncio.gather(*(predict(client, digits(1, seed=i), samples=10 + i) for i in range(32)))
    assert batches() - before < 16


@pytest.mark.parametrize("model", PREDICTORS)
async def test_a_seed_gives_the_same_answer_after_a_restart(app: App, model: str) -> None:
    answers = []
    for draw_cache_bytes in (1, 2**29):  # also: draws made anew for every block, or kept
        async with app(draw_cache_bytes=draw_cache_bytes) as client:
            answers.append(await predict(client, rows_of(model, 3), model=model, seed=2**64 - 1, samples=120))
    np.testing.assert_allclose(answers[0]["mean"], answers[1]["mean"], rtol=1e-5, atol=1e-5)


async def test_more_samples_share_their_first_draws(client: httpx.AsyncClient) -> None:
    few = await predict(client, digits(2), samples=50, draws=True)
    many = await predict(client, digits(2), samples=200, draws=True)
    assert np.shape(many["draws"]) == (200, 2, 10)
    np.testing.assert_allclose(many["draws"][:50], few["draws"], atol=1e-6)
    np.testing.assert_allclose(np.mean(few["draws"], 0), few["mean"], atol=1e-6)


async def test_all_bits_of_a_seed_count(client: httpx.AsyncClient) -> None:
    low = await predict(client, digits(1), seed=5)
    high = await predict(client, digits(1), seed=5 + 2**63)
    assert high["seed"] == 5 + 2**63
    assert low["mean"] != high["mean"]


async def test_without_a_seed_the_answer_repeats_and_a_random_one_can_be_sent_back(client: httpx.AsyncClient) -> None:
    first, second = await predict(client, digits(1)), await predict(client, digits(1))
    assert first == second
    response = await client.post("/predict?seed=random", json={"inputs": digits(1)})
    assert response.headers["cache-control"] == "no-store"
    fresh = response.json()
    assert fresh["mean"] != first["mean"]
    assert (await predict(client, digits(1), seed=fresh["seed"]))["mean"] == fresh["mean"]
    assert fresh["seed"] < 2**53  # survives a client that knows only float64


async def test_auto_stops_at_the_tolerance(client: httpx.AsyncClient) -> None:
    loose = await predict(client, digits(2), samples="auto", tolerance=0.01)
    tight = await predict(client, digits(2), samples="auto", tolerance=1e-7)
    assert np.max(loose["standard_error"]) < 0.01
    assert loose["samples"] < tight["samples"] == 1000
    assert (loose["stop_reason"], tight["stop_reason"]) == ("tolerance", "samples")
    fixed = await predict(client, digits(2), samples=loose["samples"])
    np.testing.assert_allclose(loose["mean"], fixed["mean"], atol=1e-6)


async def test_each_row_stops_by_itself(client: httpx.AsyncClient) -> None:
    rows = [[0.0] * 64, *digits(6)]
    errors = np.max((await predict(client, rows, samples=100))["standard_error"], 1)
    tolerance = float(np.median(errors))  # about a hundred draws, fewer for some rows and more for others
    answer = await predict(client, rows, samples="auto", tolerance=tolerance)
    taken = answer["row_samples"]
    assert len(set(taken)) > 1
    assert (max(taken), answer["stop_reason"]) == (answer["samples"], "tolerance")
    assert min(taken) >= 20
    assert np.max(answer["standard_error"]) < tolerance
    for samples in set(taken):
        fixed = await predict(client, rows, samples=samples)
        stopped = [i for i, draws in enumerate(taken) if draws == samples]
        for name in ("mean", "epistemic_variance", "predictive_entropy", "standard_error"):
            np.testing.assert_allclose(np.array(answer[name])[stopped], np.array(fixed[name])[stopped], atol=1e-6)
    few = await predict(client, rows, samples="auto", tolerance=tolerance, max_samples=60, outputs="mean")
    assert (few["row_samples"], few["stop_reason"]) == ([min(draws, 60) for draws in taken], "samples")
    with_draws = await predict(client, rows, samples="auto", tolerance=tolerance, draws=True)
    assert len(with_draws["draws"]) == with_draws["samples"]
    assert "row_samples" not in with_draws, "rows whose draws are asked for have equally many"
    refused = await client.post("/predict", json={"inputs": rows, "samples": 20, "max_samples": 30})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/max_samples")


async def test_covariance_has_the_variances_on_its_diagonal(client: httpx.AsyncClient) -> None:
    answer = await predict(client, digits(3), covariance=True)
    covariance = np.array(answer["covariance"])
    assert covariance.shape == (10, 3, 3)
    diagonal = np.diagonal(covariance, axis1=1, axis2=2).T
    np.testing.assert_allclose(diagonal, answer["epistemic_variance"], atol=1e-9)


async def test_prediction_sets_hold_the_level(client: httpx.AsyncClient) -> None:
    answer = await predict(client, digits(3), interval=0.8)
    for row, members in zip(answer["mean"], answer["prediction_set"], strict=True):
        share = sum(row[int(name)] for name in members)
        assert share >= 0.8 > share - min(row[int(name)] for name in members)


async def test_only_the_asked_outputs(client: httpx.AsyncClient) -> None:
    about = {"model", "version", "task", "method", "seed", "samples", "stop_reason", "classes"}
    whole = await predict(client, digits(1), interval=0.9)
    for asked in (["mean", "mutual_information"], ["decision"], ["ood_score", "decision", "ood_score"], ["label"]):
        for written in (",".join(asked), ", ".join(reversed(asked))):
            answer = await predict(client, digits(1), outputs=written)
            assert set(answer) == about | set(asked) | ({"decision_reason"} if "decision" in asked else set())
            assert answer == {name: whole[name] for name in answer}
        body = {"inputs": digits(1), "outputs": asked}
        assert (await client.post("/predict", json=body)).json() == answer
    every = [name for name in whole if name not in {*about, "interval_method", "decision_reason"}]
    assert await predict(client, digits(1), outputs=",".join(every), interval=0.9) == whole
    at_a_level = await predict(client, digits(1), outputs="decision,prediction_set", interval=0.9)
    assert set(at_a_level) == about | {"decision", "decision_reason", "prediction_set", "interval_method"}


@pytest.mark.parametrize(
    ("query", "place", "said"),
    [
        ("outputs=mean,secret", "/outputs/1", "'ood_score'"),
        ("outputs=", "/outputs/0", "'decision'"),
        ("outputs=mean,prediction_set", "/outputs/1", "such as 0.9"),
        ("outputs=interval&interval=0.9", "/outputs/0", "a classification, which has no interval"),
        ("model=regression&outputs=label", "/outputs/0", "a regression, which has no label"),
    ],
)
async def test_an_output_that_there_is_not_is_refused_with_what_there_is(
    client: httpx.AsyncClient, query: str, place: str, said: str
) -> None:
    rows = [[1.0, 2.0, 3.0]] if "regression" in query else digits(1)
    refused = await client.post(f"/predict?{query}", json={"inputs": rows})
    (fault,) = refused.json()["errors"]
    assert (refused.status_code, fault["pointer"]) == (422, place)
    assert said in fault["detail"]


@pytest.mark.parametrize(
    ("model", "rows", "place", "said"),
    [
        (
            "regression",
            [[1.0, 2.0]],
            "/inputs/0",
            "(1, 2); allowed is (rows, 3), with at least one row; a row holds a, b",
        ),
        ("regression", [1.0, 2.0, 3.0], "/inputs", "(3,); allowed is (rows, 3)"),
        ("regression", [], "/inputs", "(0,); allowed is (rows, 3)"),
        ("mlp", digits(1)[0][:9], "/inputs", "(9,); allowed is (rows, 1, 8, 8) or (rows, 64), with at least one row"),
    ],
)
async def test_rows_of_another_shape_are_told_the_shape_and_the_columns(
    client: httpx.AsyncClient, model: str, rows: list, place: str, said: str
) -> None:
    refused = await client.post(f"/predict?model={model}", json={"inputs": rows})
    (fault,) = refused.json()["errors"]
    assert (refused.status_code, fault["pointer"]) == (422, place)
    assert said in fault["detail"]


async def test_options_may_come_in_the_body(client: httpx.AsyncClient) -> None:
    body = {"inputs": digits(1), "samples": 7, "seed": 3}
    response = await client.post("/predict?samples=7", json=body)
    assert response.json()["samples"] == 7
    assert (await client.post("/predict?samples=8", json=body)).status_code == 422


async def test_every_input_form_means_the_same(client: httpx.AsyncClient) -> None:
    flat = np.round(np.array(digits(2)))
    expected = (await predict(client, flat.tolist()))["mean"]
    for shaped in (flat.reshape(2, 8, 8), flat.reshape(2, 1, 8, 8)):
        np.testing.assert_allclose((await predict(client, shaped.tolist()))["mean"], expected, atol=1e-6)
    for array in (flat.astype("<f4"), flat.astype(">f8"), flat.astype("u1"), np.asfortranarray(flat)):
        file = io.BytesIO()
        np.save(file, array)
        headers = {"content-type": "application/x-npy"}
        response = await client.post("/predict", content=file.getvalue(), headers=headers)
        np.testing.assert_allclose(response.json()["mean"], expected, atol=1e-6)


async def test_an_image_is_scaled_to_the_models_range(client: httpx.AsyncClient) -> None:
    picture = Image.fromarray(np.arange(0, 256, 4, np.uint8).reshape(8, 8))
    file = io.BytesIO()
    picture.save(file, "PNG")
    response = await client.post("/predict", content=file.getvalue(), headers={"content-type": "image/png"})
    rows = (np.arange(0, 256, 4).reshape(1, 64) / 255 * 16).tolist()
    np.testing.assert_allclose(response.json()["mean"], (await predict(client, rows))["mean"], atol=1e-6)


async def test_arrays_on_request(client: httpx.AsyncClient) -> None:
    headers = {"accept": "application/x-npz"}
    body = {"inputs": rows_of("regression", 2)}
    response = await client.post("/predict?model=regression&interval=0.5", json=body, headers=headers)
    assert response.headers["content-type"] == "application/x-npz"
    arrays = np.load(io.BytesIO(response.content))
    expected = await predict(client, body["inputs"], model="regression", interval=0.5)
    np.testing.assert_array_equal(arrays["mean"], expected["mean"])
    np.testing.assert_array_equal(arrays["interval_lower"], expected["interval"]["lower"])
    assert str(arrays["model"]) == "regression"


async def test_the_time_is_accounted_for(client: httpx.AsyncClient) -> None:
    response = await client.post("/predict", json={"inputs": digits(1)}, headers={"x-request-id": "mine-1"})
    assert response.headers["x-request-id"] == "mine-1"
    assert float(response.headers["x-compute-time-ms"]) > 0
    assert response.headers["server-timing"].startswith("queue;dur=")
