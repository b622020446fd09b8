"""The running service behind the routes: its collaborators, its phase, and the way from a route to the device."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import time
from collections.abc import Awaitable, Sequence
from typing import Annotated, Literal, TypeVar

import numpy as np
from fastapi import Depends
from numpy.typing import NDArray
from starlette.requests import Request

from models.errors import CredenceError
from service.backends.torch_generator import Latents
from service.backends.torch_predictor import Prediction, PredictJob
from service.batching import Batcher, Outcome
from service.errors import DeadlineError, DrainingError, InvalidRequestError, LoadingError, ServiceError
from service.registry import Registry, ServedGenerator, ServedPredictor
from service.settings import Settings
from service.telemetry import Telemetry

log = logging.getLogger(__name__)
R = TypeVar("R")
Phase = Literal["loading", "ready", "draining"]


class ClientLeft(Exception):  # noqa: N818 - nobody is left to see it
    """The client closed its connection before its answer was ready."""


class Serving:
    """What the routes share. One per app; nothing is global."""

    def __init__(self, settings: Settings, registry: Registry) -> None:
        self.settings = settings
        self.registry = registry
        self.telemetry = Telemetry()
        self.phase: Phase = "loading"
        self.last_forward_fine = True
        self.batcher = Batcher(
            settings.max_batch_work,
            settings.max_queue_seconds,
            settings.max_queue_requests,
            self.telemetry.queue_rows.set,
        )

    async def start(self) -> None:
        """Load, verify and warm the models on the device's thread, then be ready."""
        await self.batcher.start()
        await self.batcher.on_device(self.registry.load_all)
        for (name, version), served in self.registry.served.items():
            self.telemetry.model_load_seconds.labels(name, str(version)).set(served.load_seconds)
            self.telemetry.model_info.labels(
                name, str(version), served.manifest.method, "torch", str(self.registry.device)
            ).set(1)
        if self.phase == "loading":
            self.phase = "ready"
        log.info("%s with %d models on %s", self.phase, len(self.registry.served), self.registry.device)

    def drain(self) -> None:
        """Stop being ready; what was accepted is still answered."""
        self.phase = "draining"

    async def stop(self) -> None:
        """Finish what was accepted and let the device go."""
        self.drain()
        await self.batcher.stop()

    def unready_reason(self) -> str | None:
        """Why a load balancer should not send requests here; ``None`` if it should."""
        if self.phase != "ready":
            return self.phase
        missing = set(self.settings.required_models) - {name for name, _ in self.registry.served}
        if missing or not self.registry.served:
            return f"{len(missing)} required models are missing" if missing else "no model could be loaded"
        return None if self.last_forward_fine else "the last prediction failed on the device"

    async def probe(self) -> None:
        """After a failed prediction, try a small one: without traffic nothing else would tell that all is well."""
        name = next(iter(self.registry.names(ServedPredictor)), None)
        if self.last_forward_fine or self.phase != "ready" or name is None:
            return
        served = self.registry.predictor(name, None)
        with contextlib.suppress(Exception):  # whatever it is, the service stays unready
            await self.predict(served, self.settings.seed, PredictJob(served.spec.inputs.example().numpy(), samples=1))

    def require_accepting(self) -> None:
        """Raise unless new work is taken."""
        if self.phase == "loading":
            raise LoadingError("models are being loaded and tested")
        if self.phase == "draining":
            raise DrainingError("the service is about to stop")

    async def predict(self, served: ServedPredictor, seed: int, job: PredictJob) -> Outcome[Prediction]:
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
            ),
        )

    async def generate(self, served: ServedGenerator, latents: Latents) -> Outcome[NDArray[np.float32]]:
        """Wait for the images of latent codes; they share their batch with others of the same generator."""
        count = len(next(iter(latents.values())))
        return await self._compute(
            served,
            self.batcher.submit(
                functools.partial(self._observed_generate, served),
                latents,
                key=served.engine,
                rows=count,
                work=count,
                seconds=count * served.engine.seconds_per_image,
            ),
        )

    async def _compute(self, served: ServedPredictor | ServedGenerator, work: Awaitable[Outcome[R]]) -> Outcome[R]:
        try:
            outcome = await work
        except (CredenceError, ServiceError):
            raise
        except Exception:
            self.last_forward_fine = False
            raise
        self.last_forward_fine = True
        self.telemetry.queue_seconds.observe(outcome.queue_seconds)
        self.telemetry.device_memory_bytes.labels("bank").set(self.registry.bank.bytes)
        return outcome

    def _observed_predict(
        self, served: ServedPredictor, seed: int, jobs: Sequence[PredictJob], wanted: object
    ) -> list[Prediction]:
        start = time.perf_counter()
        predictions = served.engine.run(seed, jobs, wanted)  # type: ignore[arg-type]
        self._observe_batch(served.manifest.name, start, sum(len(job.rows) for job in jobs))
        return predictions

    def _observed_generate(
        self, served: ServedGenerator, jobs: Sequence[Latents], wanted: object
    ) -> list[NDArray[np.float32]]:
        start = time.perf_counter()
        images = served.engine.run(jobs, wanted)  # type: ignore[arg-type]
        self._observe_batch(served.manifest.name, start, sum(len(batch) for batch in images))
        return images

    def _observe_batch(self, model: str, start: float, rows: int) -> None:
        self.telemetry.compute_seconds.labels(model).observe(time.perf_counter() - start)
        self.telemetry.batch_rows.labels(model).observe(rows)


def serving_of(request: Request) -> Serving:
    """The app's own :class:`Serving`."""
    serving: Serving = request.app.state.serving
    return serving


ServingDep = Annotated[Serving, Depends(serving_of)]


async def within_deadline(request: Request, settings: Settings, work: Awaitable[R]) -> R:
    """Await work until the request's deadline, or until its client leaves; then the work is cancelled.

    Raises:
        DeadlineError: after the server's deadline, or the shorter one in ``X-Request-Timeout-Ms``.
        ClientLeft: if the connection was closed.
    """
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_disconnected(request))
    seconds = _deadline_seconds(request, settings)
    try:
        await asyncio.wait({task, gone}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        if gone.done():
            raise ClientLeft
        raise DeadlineError(f"no answer within {seconds:g} s; the work was dropped")
    finally:
        task.cancel()
        gone.cancel()


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _deadline_seconds(request: Request, settings: Settings) -> float:
    given = request.headers.get("x-request-timeout-ms")
    if given is None:
        return settings.deadline_seconds
    if not (given.isascii() and given.isdecimal() and 0 < len(given) <= 9 and int(given)):
        raise InvalidRequestError("X-Request-Timeout-Ms is not allowed; allowed is a whole number of milliseconds")
    return min(settings.deadline_seconds, int(given) / 1000)
