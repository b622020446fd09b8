"""The live service behind the routes: its collaborators, its phase, and the way from a route to the device."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import secrets
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Annotated, Any, Literal, Protocol, TypeVar

import torch
from fastapi import Depends
from starlette.requests import Request

from models.errors import CredenceError
from service.backends.torch_generator import Generation, GenerationJob, TorchGenerator
from service.backends.torch_predictor import Prediction, PredictJob
from service.backends.torch_projector import advance
from service.errors import DrainingError, LoadingError, ServiceError
from service.http.decoding import Decoder
from service.runtime.jobs import Jobs
from service.runtime.registry import Registry, Served, ServedGenerator, ServedPredictor
from service.scheduling.batching import Batcher, BatchResult
from service.settings import Settings
from service.telemetry import Telemetry

log = logging.getLogger(__name__)
R = TypeVar("R")
J = TypeVar("J", bound="ImagesJob")
_PROBE_SECONDS = 1.0
_SEED_BITS = 53
"""Of a fresh seed: what a JSON client that knows only float64 can send back."""

Phase = Literal["loading", "failed", "ready", "draining", "closing"]


class ImagesJob(Protocol):
    """Any job for a generator: its work grows with the number of images."""

    @property
    def images(self) -> int: ...


class Runtime:
    """What the routes share. One per app; nothing is global."""

    def __init__(self, settings: Settings, registry: Registry) -> None:
        self.settings = settings
        self.registry = registry
        self.telemetry = Telemetry()
        self.phase: Phase = "loading"
        self.failed = False
        self.failing: set[str] = set()
        self.batcher = Batcher(
            settings.max_batch_work,
            settings.max_queue_seconds,
            settings.max_queue_requests,
            self.telemetry.queue_rows.set,
        )
        self.decoder = Decoder(settings.max_pixels)
        self.jobs = Jobs(
            lambda served, search: self.on_generator(served, advance, search),
            settings.max_jobs,
            settings.max_kept_jobs,
            settings.keep_job_seconds,
        )

    async def start(self) -> None:
        """Load, verify and warm the models on the device's thread, then be ready."""
        await self.batcher.start()
        await self.batcher.run_on_device(self.registry.load_all)
        for (name, version), served in self.registry.served.items():
            self.telemetry.model_load_seconds.labels(name, str(version)).set(served.load_seconds)
            self.telemetry.model_info.labels(
                name, str(version), served.manifest.method, "torch", str(self.registry.device)
            ).set(1)
        if self.phase == "loading":
            self.phase = "ready"
        self.telemetry.models_refused.set(len(self.registry.refused))
        log.info("%s with %d models on %s", self.phase, len(self.registry.served), self.registry.device)

    def drain(self) -> None:
        """Stop being ready, so that no more requests are sent here; those that come are still answered."""
        self.phase = "draining"

    def close(self) -> None:
        """Accept nothing more; what was accepted is still answered."""
        self.phase = "closing"

    async def stop(self) -> None:
        """Finish what was accepted, but for jobs, and let the device go."""
        self.close()
        await self.jobs.stop()
        await self.batcher.stop()
        self.decoder.close()

    def unready_reason(self) -> str | None:
        """Why a load balancer should not send requests here; ``None`` if it should."""
        if self.phase != "ready":
            return self.phase
        missing = set(self.settings.required_models) - {name for name, _ in self.registry.served}
        if missing or not self.registry.served:
            return f"{len(missing)} required models are missing" if missing else "no model could be loaded"
        return None if not self.failing else "the last prediction failed on the device"

    async def prove(self) -> str:
        """Make a small prediction with the default model, or with any if that is not served; its name.

        Raises:
            ServiceError: if the service is not ready, or too busy.
        """
        self.require_accepting()
        names = sorted(name for name, _ in self.registry.served)
        if not names:
            raise LoadingError("no model could be loaded", retry_seconds=10)
        name = self.settings.default_model if self.settings.default_model in names else names[0]
        await self._try(self.registry.find(name, None))
        return name

    async def probe(self) -> None:
        """After a failed prediction, try a small one: without traffic nothing else would tell that all is well."""
        for name in sorted(self.failing):
            with contextlib.suppress(Exception):  # whatever it is, the service stays unready
                async with asyncio.timeout(_PROBE_SECONDS):
                    await self._try(self.registry.find(name, None))

    async def _try(self, served: Served) -> None:
        """The least that a model can be asked."""
        if isinstance(served, ServedPredictor):
            job = PredictJob(served.spec.inputs.example().numpy(), samples=1)
            await self.predict(served, self.settings.seed, job)
        else:
            seeds = [self.settings.seed]
            await self.generate(served, GenerationJob(1, functools.partial(served.engine.model.latents, seeds)))

    def require_accepting(self, *, for_long: bool = False) -> None:
        """Raise unless new work is taken.

        Args:
            for_long: Whether the work goes on after its answer.
        """
        if self.phase == "closing" or (for_long and self.phase == "draining"):
            raise DrainingError("the service is about to stop")
        if self.phase == "loading":
            raise LoadingError("models are being loaded and tested")
        if self.phase == "failed":
            raise LoadingError("the models could not be loaded; the service is about to restart", retry_seconds=10)

    def chosen_seed(self, asked: int | str | None) -> int:
        """The seed of a request: its own, a fresh one, or the server's default."""
        if asked is None:
            return self.settings.seed
        return secrets.randbits(_SEED_BITS) if isinstance(asked, str) else asked

    async def predict(self, served: ServedPredictor, seed: int, job: PredictJob) -> BatchResult[Prediction]:
        """Wait for a prediction; it shares its batch with others of the same model and seed."""
        engine = served.engine
        row_draws = len(job.rows) * max(job.samples, 1)
        # A stopping rule looks at one request's rows, so such a request has a batch to itself.
        alone = None if job.tolerance is None else object()
        return await self._compute(
            served,
            self.batcher.submit(
                functools.partial(self._observed_predict, served, seed),
                job,
                key=(engine, seed, job.samples == 0, job.aleatoric_samples, alone),
                rows=len(job.rows),
                work=row_draws * engine.work_weight,
                seconds=row_draws * engine.seconds_per_draw,
                batch_seconds=engine.seconds_to_begin(seed, job.samples),
            ),
        )

    async def generate(self, served: ServedGenerator, job: GenerationJob) -> BatchResult[Generation]:
        """Wait for images; they share their batch with others of the same generator."""
        return await self.on_generator(served, TorchGenerator.run, job)

    async def on_generator(
        self,
        served: ServedGenerator,
        run: Callable[[TorchGenerator, Sequence[J], Callable[[], None]], Sequence[R]],
        job: J,
    ) -> BatchResult[R]:
        """Wait for whatever a generator does; jobs of the same kind of work share their batch."""
        engine = served.engine
        return await self._compute(
            served,
            self.batcher.submit(
                functools.partial(self._observed_images, served, run),
                job,
                key=(engine, run),
                rows=job.images,
                work=job.images * engine.work_weight,
                seconds=job.images * engine.seconds_per_image,
                batch_seconds=engine.seconds_per_batch,
            ),
        )

    async def _compute(
        self, served: ServedPredictor | ServedGenerator, work: Coroutine[Any, Any, BatchResult[R]]
    ) -> BatchResult[R]:
        try:
            outcome = await work
        except (CredenceError, ServiceError):
            raise
        except Exception:
            self.failing.add(served.manifest.name)
            raise
        self.failing.discard(served.manifest.name)
        self.telemetry.queue_seconds.observe(outcome.queue_seconds)
        self.telemetry.device_memory_bytes.labels("draw_cache").set(self.registry.bank.bytes)
        if self.registry.device.type == "cuda":
            self.telemetry.device_memory_bytes.labels("torch").set(torch.cuda.memory_allocated(self.registry.device))
        return outcome

    def _observed_predict(
        self, served: ServedPredictor, seed: int, jobs: Sequence[PredictJob], check_cancelled: Callable[[], None]
    ) -> list[Prediction]:
        start = time.perf_counter()
        predictions = served.engine.run(seed, jobs, check_cancelled)
        self._observe_batch(served.manifest.name, start, sum(len(job.rows) for job in jobs))
        return predictions

    def _observed_images(
        self,
        served: ServedGenerator,
        run: Callable[[TorchGenerator, Sequence[J], Callable[[], None]], Sequence[R]],
        jobs: Sequence[J],
        check_cancelled: Callable[[], None],
    ) -> Sequence[R]:
        start = time.perf_counter()
        results = run(served.engine, jobs, check_cancelled)
        self._observe_batch(served.manifest.name, start, sum(job.images for job in jobs))
        return results

    def _observe_batch(self, model: str, start: float, rows: int) -> None:
        self.telemetry.compute_seconds.labels(model).observe(time.perf_counter() - start)
        self.telemetry.batch_rows.labels(model).observe(rows)


def runtime_of(request: Request) -> Runtime:
    """The app's own :class:`Runtime`."""
    runtime: Runtime = request.app.state.runtime
    return runtime


RuntimeDep = Annotated[Runtime, Depends(runtime_of)]
