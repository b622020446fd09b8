"""The running service behind the routes: its collaborators, its phase, and the way from a route to the device."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Annotated, Any, Literal, TypeVar

import torch
from fastapi import Depends
from starlette.requests import Request

from models.errors import CredenceError
from service import bodies
from service.backends.torch_generator import Generation, GenerationJob
from service.backends.torch_predictor import Prediction, PredictJob
from service.batching import Batcher, Outcome
from service.errors import ClientLeft, DeadlineError, DrainingError, InvalidRequestError, LoadingError, ServiceError
from service.registry import Registry, ServedGenerator, ServedPredictor
from service.settings import Settings
from service.telemetry import Telemetry

log = logging.getLogger(__name__)
R = TypeVar("R")
_PROBE_SECONDS = 1.0

Phase = Literal["loading", "failed", "ready", "draining", "closing"]


class Serving:
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
        """Stop being ready, so that no more requests are sent here; those that come are still answered."""
        self.phase = "draining"

    def close(self) -> None:
        """Accept nothing more; what was accepted is still answered."""
        self.phase = "closing"

    async def stop(self) -> None:
        """Finish what was accepted and let the device go."""
        self.close()
        await self.batcher.stop()

    def unready_reason(self) -> str | None:
        """Why a load balancer should not send requests here; ``None`` if it should."""
        if self.phase != "ready":
            return self.phase
        missing = set(self.settings.required_models) - {name for name, _ in self.registry.served}
        if missing or not self.registry.served:
            return f"{len(missing)} required models are missing" if missing else "no model could be loaded"
        return None if not self.failing else "the last prediction failed on the device"

    async def probe(self) -> None:
        """After a failed prediction, try a small one: without traffic nothing else would tell that all is well."""
        for name in sorted(self.failing & set(self.registry.names(ServedPredictor))):
            served = self.registry.predictor(name, None)
            job = PredictJob(served.spec.inputs.example().numpy(), samples=1)
            with contextlib.suppress(Exception):  # whatever it is, the service stays unready
                async with asyncio.timeout(_PROBE_SECONDS):
                    await self.predict(served, self.settings.seed, job)

    def require_accepting(self) -> None:
        """Raise unless new work is taken."""
        if self.phase == "loading":
            raise LoadingError("models are being loaded and tested")
        if self.phase == "failed":
            raise LoadingError("the models could not be loaded; the service is about to restart", retry_seconds=10)
        if self.phase == "closing":
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
                batch_seconds=engine.seconds_to_begin(seed, job.samples),
            ),
        )

    async def generate(self, served: ServedGenerator, job: GenerationJob) -> Outcome[Generation]:
        """Wait for images; they share their batch with others of the same generator."""
        count = len(job.seeds)
        return await self._compute(
            served,
            self.batcher.submit(
                functools.partial(self._observed_generate, served),
                job,
                key=served.engine,
                rows=count,
                work=count,
                seconds=count * served.engine.seconds_per_image,
            ),
        )

    async def _compute(
        self, served: ServedPredictor | ServedGenerator, work: Coroutine[Any, Any, Outcome[R]]
    ) -> Outcome[R]:
        try:
            outcome = await work
        except (CredenceError, ServiceError):
            raise
        except Exception:
            self.failing.add(served.manifest.name)
            raise
        self.failing.discard(served.manifest.name)
        self.telemetry.queue_seconds.observe(outcome.queue_seconds)
        self.telemetry.device_memory_bytes.labels("bank").set(self.registry.bank.bytes)
        if self.registry.device.type == "cuda":
            self.telemetry.device_memory_bytes.labels("torch").set(torch.cuda.memory_allocated(self.registry.device))
        return outcome

    def _observed_predict(
        self, served: ServedPredictor, seed: int, jobs: Sequence[PredictJob], wanted: Callable[[], None]
    ) -> list[Prediction]:
        start = time.perf_counter()
        predictions = served.engine.run(seed, jobs, wanted)
        self._observe_batch(served.manifest.name, start, sum(len(job.rows) for job in jobs))
        return predictions

    def _observed_generate(
        self, served: ServedGenerator, jobs: Sequence[GenerationJob], wanted: Callable[[], None]
    ) -> list[Generation]:
        start = time.perf_counter()
        generations = served.engine.run(jobs, wanted)
        self._observe_batch(served.manifest.name, start, sum(len(job.seeds) for job in jobs))
        return generations

    def _observe_batch(self, model: str, start: float, rows: int) -> None:
        self.telemetry.compute_seconds.labels(model).observe(time.perf_counter() - start)
        self.telemetry.batch_rows.labels(model).observe(rows)


def serving_of(request: Request) -> Serving:
    """The app's own :class:`Serving`."""
    serving: Serving = request.app.state.serving
    return serving


ServingDep = Annotated[Serving, Depends(serving_of)]


class Deadline:
    """When a request's time is over: from its admission on, whatever it waits for.

    Raises:
        InvalidRequestError: if the client's own limit is no whole number of milliseconds.
    """

    def __init__(self, request: Request, settings: Settings) -> None:
        self._request = request
        self._seconds = _deadline_seconds(request, settings)
        self._end = time.monotonic() + self._seconds

    async def read_body(self, max_bytes: int) -> bytes:
        """The whole body.

        Raises:
            DeadlineError: if it does not come in time.
        """
        try:
            async with asyncio.timeout(self._end - time.monotonic()):
                return await bodies.read_body(self._request, max_bytes)
        except TimeoutError as error:
            raise self._error() from error

    async def wait_for(self, work: Coroutine[Any, Any, R]) -> R:
        """Await work, until the time is over or the client leaves; then the work is cancelled.

        Raises:
            DeadlineError: after the server's deadline, or the shorter one in ``X-Request-Timeout-Ms``.
            ClientLeft: if the connection was closed.
        """
        task = asyncio.ensure_future(work)
        gone = asyncio.ensure_future(_disconnected(self._request))
        try:
            left = max(0.0, self._end - time.monotonic())
            await asyncio.wait({task, gone}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            if gone.done():
                raise ClientLeft
            raise self._error()
        finally:
            task.cancel()
            gone.cancel()

    def _error(self) -> DeadlineError:
        return DeadlineError(f"no answer within {self._seconds:g} s; the work was dropped")


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
