"""The live service behind the routes: its parts, its phase, and the way from a route to the device."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import secrets
import time
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, overload

from fastapi import Depends
from starlette.requests import Request

from models.errors import CredenceError, NonFiniteOutputError
from service.backends.generator_jobs import GenerateJob, GeneratorJob, R
from service.backends.predictor_jobs import Prediction, PredictJob
from service.backends.torch_overflow import explain_overflow
from service.errors import LoadingError, ServiceError, StorePinnedError
from service.http.decoding import Decoder
from service.http.exchange import check_accepting
from service.http.reading import Reader
from service.runtime.jobs import Jobs
from service.runtime.outcomes.ledger import Ledger
from service.runtime.registry import Loaded, Registry, Served, ServedGenerator, ServedPredictor
from service.runtime.usage import Usage
from service.scheduling.batching import Batcher, BatchResult
from service.scheduling.turns import Turns
from service.settings import Settings
from service.telemetry import Telemetry

log = logging.getLogger(__name__)
_PROBE_SECONDS = 1.0
_SEED_BITS = 53
"""Bits of a fresh seed: as many as a JSON client that knows only float64 can send back."""

Phase = Literal["loading", "failed", "ready", "draining", "closing"]


class Runtime:
    """Everything that the routes share; each app has its own, and nothing is global.

    Attributes:
        phase: Stage of the service's life.
        failed: ``True`` if the models could not be loaded.
        failing: Names of the models whose last job failed on the device.
        usage: Record of what each model has done, by name and version.
    """

    def __init__(self, settings: Settings, registry: Registry) -> None:
        self.settings = settings
        self.registry = registry
        self.telemetry = Telemetry()
        self.phase: Phase = "loading"
        self.failed = False
        self.failing: set[str] = set()
        self.usage: defaultdict[tuple[str, int], Usage] = defaultdict(Usage)
        self.batcher = Batcher(
            settings.max_batch_work,
            settings.max_queue_seconds,
            settings.max_queue_requests,
            self.telemetry.queue_rows.set,
            self._observe_batch,
        )
        self.outcomes = Ledger(settings, self.telemetry)
        self._predictors: dict[tuple[str | None, int | None], ServedPredictor] = {}
        self._watching: asyncio.Task[None] | None = None
        self._loading = asyncio.Lock()
        self.decoder = Decoder(settings.max_pixels)
        self.reader = Reader()
        self.acquisitions = Turns(settings.max_acquisitions)
        self.jobs = Jobs(
            self.compute,
            settings.max_jobs,
            settings.max_kept_jobs,
            settings.keep_job_seconds,
        )

    async def start(self) -> None:
        """Load, verify and warm the models on the device's thread; each answers as soon as it is warm."""
        await self.batcher.start()
        self.outcomes.start()
        if not self.settings.store.is_dir():
            log.warning("there is no checkpoint store yet; train with: python -m training demo")
        await self.load_new_models()
        self.registry.is_complete = True
        self._predictors = self._index_predictors()
        for kind in self.registry.loader.memory_bytes():  # read anew at every scrape
            self.telemetry.device_memory_bytes.labels(kind).set_function(functools.partial(self._memory_bytes, kind))
        if self.phase == "loading":
            self.phase = "ready"
        if self.settings.poll_seconds:
            self._watching = asyncio.create_task(self._watch_store())
        devices = ", ".join(sorted({served.backend.device for served in self.registry.served.values()}))
        log.info("%s with %d models on %s", self.phase, len(self.registry.served), devices or "no device")

    async def load_new_models(self) -> None:
        """Read and verify the checkpoints that are new in the store, warm them on the device's thread, and serve them.

        All versions of a model are served at once, as who names none gets the newest; the smallest models come first.
        """
        async with self._loading:
            new = await asyncio.to_thread(self.registry.find_new)
            for folders in await asyncio.to_thread(_by_model, new):
                read = await asyncio.to_thread(self.registry.read, folders)
                self._adopt(await self.batcher.run_on_device(functools.partial(self.registry.load, read)))

    def _adopt(self, loaded: Loaded) -> None:
        self.registry.adopt(loaded)
        self._predictors = self._index_predictors()
        for (name, version), served in loaded.served.items():
            self.telemetry.model_load_seconds.labels(name, str(version)).set(served.load_seconds)
            backend, choice = served.backend, served.backend.choice
            speedup = "" if choice is None else f"{choice.speedup:.2f}"
            labels = (name, str(version), served.manifest.method, backend.name, backend.device, speedup)
            self.telemetry.model_info.labels(*labels).set(1)
        self.telemetry.models_refused.set(len(self.registry.refused))

    async def look_for(self, name: str) -> Served:
        """Look for new checkpoints now, rather than at the next of the regular looks, and return a model of the store.

        Raises:
            StorePinnedError: if the store is not looked at while the service runs.
            UnknownModelError: if there is no such model.
            RefusedModelError: if its checkpoint was refused.
        """
        check_accepting(self.phase)
        if not self.settings.poll_seconds:
            raise StorePinnedError(
                "new checkpoints are not looked for while the service runs; restart it, or set CREDENCE_POLL_SECONDS"
            )
        if await asyncio.to_thread(self.registry.find_new):
            await self.load_new_models()
        return self.registry.find(name, None)

    async def _watch_store(self) -> None:
        """Look for new checkpoints again and again; a store that cannot be read at the moment changes nothing."""
        while True:
            await asyncio.sleep(self.settings.poll_seconds)
            try:
                new = await asyncio.to_thread(self.registry.find_new)
                if new and self.phase == "ready":
                    await self.load_new_models()
            except OSError:
                log.exception("the store could not be searched for new checkpoints")

    def _index_predictors(self) -> dict[tuple[str | None, int | None], ServedPredictor]:
        """Return the predictive models by what a request may say of them: a name, a version, both or neither."""
        index: dict[tuple[str | None, int | None], ServedPredictor] = {}
        default = self._default_model()
        for (name, version), served in sorted(self.registry.served.items()):
            if isinstance(served, ServedPredictor) and served.form is None:
                index |= {(name, version): served, (name, None): served}  # the newest comes last
                if name == default:
                    index |= {(None, version): served, (None, None): served}
        return index

    def _memory_bytes(self, kind: str) -> int:
        return self.registry.loader.memory_bytes()[kind]

    def drain(self) -> None:
        """Stop being ready, so that no more requests are sent here; those that come are still answered."""
        self.phase = "draining"

    def close(self) -> None:
        """Accept nothing more; what was accepted is still answered."""
        self.phase = "closing"

    async def stop(self) -> None:
        """Finish what was accepted, but for jobs, and let the device go."""
        self.close()
        if self._watching is not None:
            self._watching.cancel()
        await self.jobs.stop()
        await self.batcher.stop()
        await asyncio.to_thread(self.outcomes.close)
        self.decoder.close()
        self.reader.close()

    def unready_reason(self) -> str | None:
        """Return why a load balancer should not send requests here; ``None`` if it should."""
        if self.phase != "ready":
            return self.phase
        missing = set(self.settings.required_models) - {name for name, _ in self.registry.served}
        if missing or not self.registry.served:
            return f"{len(missing)} required models are missing" if missing else "no model could be loaded"
        return None if not self.failing else "the last prediction failed on the device"

    async def predict_health(self) -> str:
        """Make a small prediction with the default model, or with any if that is not served, and return its name.

        Raises:
            ServiceError: if the service is not ready, or too busy.
        """
        check_accepting(self.phase)
        if self.phase == "loading":
            raise LoadingError("models are being loaded and tested")
        names = sorted(name for name, _ in self.registry.served)
        if not names:
            raise LoadingError("no model could be loaded", retry_seconds=10)
        name = self.settings.default_model if self.settings.default_model in names else names[0]
        await self._try(self.registry.find(name, None))
        return name

    async def probe(self) -> None:
        """Try a small prediction after a failed one: without traffic nothing else would tell that all is well."""
        for name in sorted(self.failing):
            with contextlib.suppress(Exception):  # whatever it is, the service stays unready
                async with asyncio.timeout(_PROBE_SECONDS):
                    await self._try(self.registry.find(name, None))

    async def _try(self, served: Served) -> None:
        """Ask the least that a model can be asked."""
        if isinstance(served, ServedPredictor):
            row = served.inputs.example().numpy()
            await self.compute(served, PredictJob(row, self.settings.seed, samples=1))
        else:
            await self.compute(served, GenerateJob([self.settings.seed]))

    def choose_seed(self, given: int | str | None) -> int:
        """Return the seed of a request: its own, a fresh one, or the server's default."""
        if given is None:
            return self.settings.seed
        return secrets.randbits(_SEED_BITS) if isinstance(given, str) else given

    def find_predictor(self, name: str | None, version: int | None) -> ServedPredictor:
        """Return the predictive model of a name; without one the default, or the only one.

        Raises:
            UnknownModelError: naming those that exist.
            RefusedModelError: if its checkpoint was refused.
        """
        found = self._predictors.get((name, version))
        return found or self.registry.predictor(self._default_model() if name is None else name, version)

    def _default_model(self) -> str:
        names, default = self.registry.predictor_names(), self.settings.default_model
        if not self.registry.is_complete:  # the only one so far need not be the only one
            return default
        return names[0] if default not in names and len(names) == 1 else default

    @overload
    async def compute(self, served: ServedPredictor, job: PredictJob) -> BatchResult[Prediction]: ...

    @overload
    async def compute(self, served: ServedGenerator, job: GeneratorJob[R]) -> BatchResult[R]: ...

    async def compute(self, served: Served, job: Any) -> BatchResult[Any]:
        """Wait until a model has done a job; it shares its batch with others, on the terms of its backend."""
        name, backend = served.manifest.name, served.backend
        usage, begun = self.usage[name, served.manifest.version], time.monotonic()
        try:
            result = await self.batcher.submit(backend.run, job, backend.terms(job), served)
        except BaseException as error:  # a client that has left cancels its job
            usage.failures += 1
            usage.failure_seconds += time.monotonic() - begun
            if isinstance(error, Exception) and not isinstance(error, CredenceError | ServiceError):
                self.failing.add(name)
            if isinstance(error, NonFiniteOutputError):
                await self._blame(served, job, error)
            raise
        self.failing.discard(name)
        self.telemetry.queue_seconds.observe(result.queue_seconds)
        usage.answers += 1
        usage.queue_seconds += result.queue_seconds
        usage.compute_seconds += result.compute_seconds
        usage.last_milliseconds = round(datetime.now(UTC).timestamp() * 1000)
        return result

    async def _blame(self, served: Served, job: Any, error: NonFiniteOutputError) -> None:
        """Raise the refusal of rows that are far from those of training, if the model still answers these.

        Otherwise anybody could make answers that the operator is called for.
        """
        refusal = explain_overflow(served.inputs, job.rows) if isinstance(served, ServedPredictor) else None
        if refusal is not None:
            await self._try(served)
            raise refusal from error

    def _observe_batch(self, served: Served, rows: int, seconds: float) -> None:
        name, usage = served.manifest.name, self.usage[served.manifest.name, served.manifest.version]
        self.telemetry.compute_seconds.labels(name).observe(seconds)
        self.telemetry.batch_rows.labels(name).observe(rows)
        usage.rows += rows
        usage.batches[rows] += 1
        usage.batch_seconds[rows] += seconds


def _by_model(folders: Mapping[Path, int]) -> list[dict[Path, int]]:
    """Return checkpoints model by model, those with the fewest bytes first."""
    models: defaultdict[str, dict[Path, int]] = defaultdict(dict)
    for folder, written in folders.items():
        models[folder.parent.name][folder] = written
    return sorted(models.values(), key=lambda versions: sum(_size(folder) for folder in versions))


def _size(folder: Path) -> int:
    with contextlib.suppress(OSError):  # it may be gone by now, as loading it will find
        return sum(file.stat().st_size for file in folder.iterdir())
    return 0


def runtime_of(request: Request) -> Runtime:
    """Return the app's own :class:`Runtime`."""
    runtime: Runtime = request.app.state.runtime
    return runtime


RuntimeDep = Annotated[Runtime, Depends(runtime_of)]
