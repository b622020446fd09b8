"""The usual answer by one graph is that of the many calls, and a graph that answers otherwise is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from random_models import save_model

from models.checkpoints.checkpoint import Checkpoint, load
from models.errors import CheckpointError, NonFiniteOutputError
from models.prediction.predictor import Predictor
from service.backends.onnx_loader import loader_of
from service.backends.predictor_jobs import PredictJob
from service.backends.protocols import Precision
from service.backends.torch_predictor import TorchPredictor
from service.settings import Settings
from training.run.export.answer import export_answer
from training.run.export.export import export


@pytest.fixture(scope="module", params=["mlp", "regression"])
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    store = tmp_path_factory.mktemp("store")
    checkpoint = load(export(load(save_model(store, request.param)), store).folder)
    assert checkpoint.answer is not None
    return checkpoint


def backend_of(checkpoint: Checkpoint) -> TorchPredictor:
    backend = loader_of(Settings(backend="onnx", device="cpu")).load_backend(checkpoint)
    assert isinstance(backend, TorchPredictor)
    return backend


def job(backend: TorchPredictor, rows: int, seed: int, samples: int = 50, *, keep_draws: bool = False) -> PredictJob:
    inputs = backend.model.inputs
    noise = torch.rand(rows, *inputs.shape, generator=torch.Generator().manual_seed(seed)) * inputs.scale[0]
    return PredictJob((inputs.example(rows) + noise).numpy(), 3, samples, keep_draws=keep_draws)


def go_on() -> None:
    """Cancel nothing."""


def test_a_batch_of_the_usual_jobs_is_answered_as_by_torch(exported: Checkpoint) -> None:
    by_graph, by_torch = backend_of(exported), backend_of(replace(exported, answer=None))
    jobs = [job(by_graph, rows, seed) for rows, seed in ((1, 0), (4, 1), (2, 2))]
    for one, other in zip(by_graph.run(jobs, go_on), by_torch.run(jobs, go_on), strict=True):
        assert one.statistics.keys() == other.statistics.keys()
        for name, values in other.statistics.items():
            assert one.statistics[name] == pytest.approx(values, rel=1e-4, abs=1e-5)
        assert (one.samples, one.seed, one.stop_reason) == (other.samples, other.seed, other.stop_reason)


def test_a_row_has_its_answer_alone_and_in_company(exported: Checkpoint) -> None:
    backend = backend_of(exported)
    jobs = [job(backend, 1, seed) for seed in range(5)]
    for one, alone in zip(backend.run(jobs, go_on), (backend.run([j], go_on)[0] for j in jobs), strict=True):
        assert one.statistics["mean"] == pytest.approx(alone.statistics["mean"], rel=1e-5, abs=1e-5)


def test_jobs_of_several_seeds_share_a_batch_with_the_draws_of_each(exported: Checkpoint) -> None:
    backend = backend_of(exported)
    backend.warm(0)
    jobs = [replace(job(backend, rows, rows), seed=seed) for rows, seed in ((2, 7), (1, 0), (3, 7), (1, 2**63))]
    assert len({backend.terms(one).key for one in jobs}) == 1
    for one, given in zip(backend.run(jobs, go_on), jobs, strict=True):
        (alone,) = backend.run([given], go_on)
        assert one.seed == given.seed
        for name, values in alone.statistics.items():
            assert one.statistics[name] == pytest.approx(values, rel=1e-5, abs=1e-5)
    (first,), (other,) = (backend.run([replace(jobs[0], seed=seed)], go_on) for seed in (7, 8))
    assert not np.allclose(first.statistics["mean"], other.statistics["mean"], atol=1e-4), "the seed does not matter"
    others = {backend.terms(replace(jobs[0], samples=20)).key, backend.terms(replace(jobs[0], keep_draws=True)).key}
    assert not others & {backend.terms(jobs[0]).key}


@pytest.mark.parametrize("unusual", [{"keep_draws": True}, {"samples": 120}, {"samples": 1}, {"samples": 0}])
def test_jobs_that_need_more_are_answered_too(unusual: dict[str, int], exported: Checkpoint) -> None:
    backend = backend_of(exported)
    asked = job(backend, 2, 0, **unusual)  # type: ignore[arg-type]
    (one,) = backend.run([asked], go_on)
    (expected,) = backend_of(replace(exported, answer=None)).run([asked], go_on)
    assert np.array_equal(one.statistics["mean"], expected.statistics["mean"])  # type: ignore[arg-type]
    assert (one.draw_means is None) == (expected.draw_means is None)
    mixed = backend.run([job(backend, 1, 1), asked], go_on)
    assert mixed[1].statistics["mean"] == pytest.approx(one.statistics["mean"], rel=1e-5, abs=1e-5)


def test_rows_beyond_all_numbers_are_an_error(exported: Checkpoint) -> None:
    backend = backend_of(exported)
    rows = np.full((1, *backend.model.inputs.shape), np.inf, np.float32)
    with pytest.raises(NonFiniteOutputError):
        backend.run([PredictJob(rows, 0, 50)], go_on)


def test_a_graph_of_another_models_answers_is_refused(exported: Checkpoint, tmp_path: Path) -> None:
    other = load(save_model(tmp_path, exported.manifest.name)).model
    assert isinstance(other, Predictor)
    scale = tuple(2 * number for number in other.outputs.scale)
    other.outputs = msgspec.structs.replace(other.outputs, scale=scale, temperature=0.1)
    with pytest.raises(CheckpointError, match=r"^answer.onnx does not answer as the model does: export it again"):
        backend_of(replace(exported, answer=export_answer(other, exported.graph)))


def test_a_graph_of_anything_else_is_refused(exported: Checkpoint) -> None:
    with pytest.raises(CheckpointError, match=r"^answer.onnx is no graph of answers"):
        backend_of(replace(exported, answer=exported.graph))


def test_a_model_takes_bfloat16_only_where_its_answers_stay(exported: Checkpoint) -> None:
    loader = loader_of(Settings(backend="onnx", device="cpu", precision="bfloat16"))
    backend = loader.load_backend(exported)
    assert isinstance(backend, TorchPredictor)
    assert backend.precision is not None
    assert 0 < backend.precision.error < 10
    asked = job(backend, 3, 0)
    (one,), (exact,) = backend.run([asked], go_on), backend_of(exported).run([asked], go_on)
    errors, moved = exact.statistics["standard_error"], np.abs(one.statistics["mean"] - exact.statistics["mean"])
    if backend.precision.name == "float32":  # slower on this machine, or too far away
        assert moved.max() <= 1e-5 * max(1, np.abs(exact.statistics["mean"]).max())
    else:
        assert (moved.max(-1) <= 0.3 * errors.max(-1)).all(), "rows unlike the examples move by little as well"
    assert one.evidence.keys() == exact.evidence.keys()


@pytest.mark.parametrize(
    ("error", "speedup", "name"), [(0.05, 2.0, "bfloat16"), (0.2, 5.0, "float32"), (0.05, 0.9, "float32")]
)
def test_bfloat16_has_to_be_near_and_fast(error: float, speedup: float, name: str) -> None:
    assert Precision(error, speedup).name == name
