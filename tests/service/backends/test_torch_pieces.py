"""Large batches in pieces: the same answer, with others between the pieces, and halved where memory ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from random_models import save_model

from models.checkpoints.checkpoint import load
from models.prediction.draws import Functions
from models.prediction.predictor import Predictor
from service.backends.predictor_jobs import Prediction, PredictJob
from service.backends.torch_faults import is_device_lost, is_out_of_memory
from service.backends.torch_pieces import RowBytes, piece_size
from service.backends.torch_predictor import DrawCache, TorchPredictor

CPU = torch.device("cpu")
NO_MEMORY = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    MemoryError(),
    RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory: you tried to ..."),
    RuntimeError("[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Failed to allocate memory for requested buffer"),
]


def model_of(tmp_path: Path, name: str) -> Predictor:
    model = load(save_model(tmp_path, name)).model
    assert isinstance(model, Predictor)
    return model


def backend_of(model: Predictor) -> TorchPredictor:
    return TorchPredictor(model, CPU, DrawCache(2**30), weighs_evidence=False)


def rows_of(model: Predictor, count: int) -> np.ndarray[Any, Any]:
    noise = torch.rand(count, *model.inputs.shape, generator=torch.Generator().manual_seed(1))
    return (model.inputs.example(count) + noise).numpy()


def assert_equal(answer: Prediction, model: Predictor, job: PredictJob) -> None:
    whole = vars(model.predict(torch.from_numpy(job.rows), job.samples, job.seed, job.aleatoric_samples))
    for name, values in answer.statistics.items():
        assert values == pytest.approx(whole[name].double().numpy(), rel=1e-5, abs=1e-5), name


@pytest.mark.parametrize("name", ["mlp", "convnet", "logits", "regression"])
def test_a_large_job_answers_as_the_model_does_and_lets_others_between(name: str, tmp_path: Path) -> None:
    model = model_of(tmp_path, name)
    job, checks = PredictJob(rows_of(model, 200), 3, 90, keep_draws=True), 0

    def check() -> None:
        nonlocal checks
        checks += 1

    backend = backend_of(model)
    (answer,) = backend.run([job], check)
    (again,) = backend.run([job], lambda: None)
    assert checks >= (1 if name == "regression" else 3)  # the smallest network does a block of draws at once
    assert_equal(answer, model, job)
    assert answer.draw_means is not None
    assert answer.draw_means.shape[:2] == (90, 200)
    assert answer.draw_means.mean(0) == pytest.approx(answer.statistics["mean"], abs=1e-6)
    for key, values in answer.statistics.items():
        assert np.array_equal(values, again.statistics[key]), f"{key} is another with nobody between"


class Scarce:
    """A means of evaluating draws that has memory for so many rows x draws."""

    def __init__(self, functions: Functions, room: int, error: Exception) -> None:
        self.functions, self.room, self.error, self.largest = functions, room, error, 0

    def outputs(self, x: torch.Tensor, draws: Any, *, vectorise: bool = True) -> Iterator[torch.Tensor]:
        size = len(x) * max(1, len(next(iter(draws.values()))))
        if size > self.room:
            raise self.error
        self.largest = max(self.largest, size)
        yield from self.functions.outputs(x, draws, vectorise=vectorise)


@pytest.mark.parametrize("error", NO_MEMORY, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(("rows", "samples"), [(2, 10), (40, 20)])
def test_where_memory_ends_halves_are_tried_down_to_a_row_and_a_draw(
    error: Exception, rows: int, samples: int, tmp_path: Path
) -> None:
    model = model_of(tmp_path, "mlp")
    for room in (7, 1):
        scarce = Scarce(model.functions, room, error)
        backend = backend_of(model.with_functions(Functions(scarce.outputs, model.functions.observe)))
        job = PredictJob(rows_of(model, rows), 3, samples)
        (answer,) = backend.run([job], lambda: None)
        assert_equal(answer, model, job)
        assert backend.cache.halvings > 0
        assert 0 < scarce.largest <= room
    scarce = Scarce(model.functions, 0, error)
    backend = backend_of(model.with_functions(Functions(scarce.outputs, model.functions.observe)))
    with pytest.raises(type(error)):
        backend.run([job], lambda: None)


def test_other_errors_are_not_tried_again(tmp_path: Path) -> None:
    model = model_of(tmp_path, "mlp")
    scarce = Scarce(model.functions, 0, ValueError("a fault of the model"))
    backend = backend_of(model.with_functions(Functions(scarce.outputs, model.functions.observe)))
    with pytest.raises(ValueError, match="a fault"):
        backend.run([PredictJob(rows_of(model, 4), 3, 4)], lambda: None)
    assert backend.cache.halvings == 0


def test_faults_of_a_device_are_known_by_their_messages() -> None:
    assert all(is_out_of_memory(error) and not is_device_lost(error) for error in NO_MEMORY)
    for text in ("CUDA error: device-side assert triggered", "CUDA error: unspecified launch failure"):
        assert is_device_lost(RuntimeError(text))
        assert not is_out_of_memory(RuntimeError(text))
    for text in ("CUDA error: invalid argument", "the model's output is not finite"):
        assert not is_device_lost(RuntimeError(text))
        assert not is_out_of_memory(RuntimeError(text))


def test_pieces_have_many_rows_where_all_is_drawn_and_whole_blocks_where_a_trunk_is_shared() -> None:
    drawn = piece_size(RowBytes(0, 10_000, 50, 4_000_000), 256)
    assert (drawn.rows, drawn.draws) == (256, 1)
    shared = piece_size(RowBytes(100_000, 1_000, 50, 4_000_000), 256)
    assert shared.rows <= 26
    assert shared.draws >= 50
    huge = piece_size(RowBytes(0, 100_000_000, 50, 4_000_000), 3)
    assert (huge.rows, huge.draws) == (1, 1)
    assert piece_size(RowBytes(0, 10_000, 50, 4_000_000), 256, 10_000).rows < 256
