"""The live service behind the routes: its parts, its phase, and the way from a route to the device."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import secrets
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, overload

from fastapi import Depends
from starlette.requests import Request

from models.errors import CredenceError, NonFiniteOutputError
from service.backends.generator_jobs import GenerateJob, GeneratorJob, R
from service.backends.predictor_jobs import Prediction, PredictJob
from service.backends.torch_faults import is_device_lost, is_out_of_memory
from service.backends.torch_overflow import explain_overflow
from service.errors import (
    DeviceLostError,
    LoadingError,
    OutOfMemoryError,
    RefusedModelError,
    ServiceError,
    StorePinnedError,
    StoreUnavailableError,
)
from service.http.decoding import Decoder
from service.http.exchange import check_accepting
from service.http.rate_counts import RateCounts, SharedRateCounts
from service.http.reading import Reader
from service.http.tracing.start import start_tracer
from service.runtime.audit.file import AuditFile
from service.runtime.audit.software import software
from service.runtime.audit.writer import AuditWriter
from service.runtime.descriptors import connections_within
from service.runtime.jobs.database import JobDatabase
from service.runtime.jobs.local import Job, Jobs
from service.runtime.jobs.shared import SharedJobs
from service.runtime.keys.following import DatabaseKeys
from service.runtime.memory import give_back
from service.runtime.object_store.follower import open_follower
from service.runtime.outcomes.ledger import Ledger
from service.runtime.registry import Loaded, Refused, Registry, Served, ServedGenerator, ServedPredictor
from service.runtime.store import Look, size_of
from service.runtime.usage import Usage
from service.scheduling.batching import Batcher, BatchResult
from service.scheduling.places import Places
from service.settings import Settings
from service.telemetry import Telemetry

log = logging.getLogger(__name__)

F = TypeVar("F")
_PROBE_SECONDS = 1.0
_ALONE = 1
"""Work of a batch that no two requests share: what others ask for at the time changes no bit of an answer."""
_SEED_BITS = 53
"""Bits of a fresh seed: as many as a JSON client that knows only float64 can send back."""

Phase = Literal["loading", "failed", "ready", "lost", "draining", "closing"]

DEVICE_LOST_STATUS = 75
"""Status with which the process ends when its device is lost: a fault that a new process may not have (EX_TEMPFAIL)."""


class Runtime:
    """Everything that the routes share; each app has its own, and nothing is global.

    Args:
        settings: Settings of the service.
        registry: Models that it serves.
        fresh_seed: Seed of requests for a random one, for a replay; ``None`` draws one for each.

    Attributes:
        phase: Stage of the service's life.
        exit_status: Status with which the process ends: 0, 1 if the models could not be loaded, or
            :data:`DEVICE_LOST_STATUS`.
        end: Function that makes the server end.
        rate_counts: Number of each client's requests; ``None`` if they have no rate.
        tracer: Place where spans are made; ``None`` if there are no traces.
        connections: Places of clients' connections.
        acquisitions: Places of those who choose among the rows of a pool.
        selections: Queue of what they compute on the processor, beside the device's own.
        failing: Names of the models whose last job failed on the device.
        usage: Record of what each model has done, by name and version.
        keys: Keys that several services share; ``None`` if there are none, or those of a file.
        follower: Looks at the object store; ``None`` if the store is a folder.

    Raises:
        ObjectStoreError: if the driver of the object store is not installed.
        UnusableDatabaseError: if the address of the database is none that is supported.
        UnusableRateStoreError: if the address of Redis is none, or its driver is not installed.
    """

    def __init__(self, settings: Settings, registry: Registry, fresh_seed: int | None = None) -> None:
        self.settings = settings
        self.registry = registry
        self._fresh_seed = fresh_seed
        self.telemetry = Telemetry()
        self.audit = _open_audit(settings, self.telemetry)
        self.tracer = start_tracer(settings)
        self.phase: Phase = "loading"
        self.exit_status = 0
        self.end: Callable[[], object] = functools.partial(signal.raise_signal, signal.SIGINT)
        self.failing: set[str] = set()
        self.usage: defaultdict[tuple[str, int], Usage] = defaultdict(Usage)
        self.batcher = Batcher(
            settings.max_batch_work if self.audit is None else _ALONE,
            settings.max_queue_seconds,
            settings.max_queue_requests,
            self.telemetry.queue_rows.set,
            self._observe_batch,
        )
        self.outcomes = Ledger(settings, self.telemetry)
        self._predictors: dict[tuple[str | None, int | None], ServedPredictor] = {}
        self._watching: asyncio.Task[None] | None = None
        self._loading = asyncio.Lock()
        self.follower = open_follower(settings, self.telemetry, registry)
        self.keys = DatabaseKeys(settings.database_url) if settings.database_keys else None
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="loader")
        self.decoder = Decoder()
        self.reader = Reader()
        self.rate_counts = self._make_rate_counts()
        self.connections = Places(connections_within(settings.max_connections), "connections")
        self.acquisitions = Places(settings.max_acquisitions)
        self.selections = Batcher(_ALONE, settings.deadline_seconds, settings.max_acquisitions)
        self.jobs = self._make_jobs()

    def _make_rate_counts(self) -> RateCounts | None:
        """Return the counts of each client's requests; ``None`` if they have no rate."""
        if not self.settings.rate_limit:
            return None
        return SharedRateCounts(self.settings.rate_store, self.telemetry) if self.settings.rate_store else RateCounts()

    def _make_jobs(self) -> Jobs:
        """Return the jobs: those of this process alone, or with a database those of all services that share it."""
        chosen = self.settings
        bounds = self.compute, chosen.max_jobs, chosen.max_kept_jobs, chosen.keep_job_seconds, self._trace_job
        if not chosen.database_url:
            return Jobs(*bounds)
        return SharedJobs(JobDatabase(chosen.database_url), self._find_searched, *bounds)

    def _find_searched(self, name: str, version: int) -> ServedGenerator | None:
        served = self.registry.served.get((name, version))
        return served if isinstance(served, ServedGenerator) else None

    async def start(self) -> None:
        """Load, verify and warm the models on the device's thread; each answers as soon as it is warm."""
        self.telemetry.watch_loop()
        await self.batcher.start()
        await self.selections.start()
        self.outcomes.start()
        if self.keys is not None:
            self.keys.start()
        await self.jobs.start()
        if isinstance(self.settings.store, Path) and not self.settings.store.is_dir():
            log.warning("there is no checkpoint store yet; train with: python -m training demo")
        await self._look()
        self.registry.is_complete = True
        self._predictors = self._index_predictors()
        self.telemetry.memory_ended.set_function(self.registry.loader.count_halvings)
        for kind in self.registry.loader.memory_bytes():  # read anew at every scrape
            self.telemetry.device_memory_bytes.labels(kind).set_function(functools.partial(self._memory_bytes, kind))
        if self.phase == "loading":
            self.phase = "ready"
        if self.settings.poll_seconds:
            self._watching = asyncio.create_task(self._watch_store())
        devices = ", ".join(sorted({served.backend.device for served in self.registry.served.values()}))
        log.info("%s with %d models on %s", self.phase, len(self.registry.served), devices or "no device")

    async def _look(self) -> None:
        """Look at the store, in an object store first, and load what is new."""
        if self.follower is None:
            await self.load_new_models()
        else:
            await self.follower.look(self._load_brought)

    async def _load_brought(self, refused: Sequence[Refused]) -> None:
        """Load what was brought from an object store, and note what was refused before that."""
        if refused:
            self._adopt(Loaded({}, refused))
        await self.load_new_models()

    async def load_new_models(self) -> None:
        """Read, verify and warm the checkpoints that are new in the store beside what is served, and serve them.

        All versions of a model are served at once, as who names none gets the newest; the smallest models come first.
        Nothing of it is done by the event loop or by the device's thread: requests go on meanwhile.
        """
        async with self._loading:
            await self._load_new()

    async def _load_new(self) -> None:
        new = await self._load_aside(self.registry.find_new)
        self.registry.forget_removed()
        self.telemetry.models_refused.set(len(self.registry.refused))
        for folders in await self._load_aside(_by_model, new):
            read = await self._load_aside(self.registry.read, folders)
            self._adopt(await self._load_aside(self.registry.load, read))
        if new:
            await self._load_aside(give_back)

    def _load_aside(self, function: Callable[..., F], *arguments: Any) -> asyncio.Future[F]:
        """Run a part of loading on a thread of its own."""
        return asyncio.get_running_loop().run_in_executor(self._loader, function, *arguments)

    def _adopt(self, loaded: Loaded) -> None:
        """Serve what was loaded, in place of what had its name and version."""
        self._release(self.registry.adopt(loaded))
        for (name, version), served in loaded.served.items():
            self.telemetry.model_load_seconds.labels(name, str(version)).set(served.load_seconds)
            self.telemetry.model_info.labels(*_info(served)).set(1)
        self.telemetry.loads.labels("loaded").inc(len(loaded.served))
        self.telemetry.loads.labels("refused").inc(len(loaded.refused))
        self.telemetry.models_refused.set(len(self.registry.refused))

    def _release(self, served: Sequence[Served]) -> None:
        """Let go of models that are served no more; requests that began with one still finish with it."""
        self._predictors = self._index_predictors()
        for one in served:
            one.backend.release()
            self.telemetry.model_info.remove(*_info(one))

    async def load(self, name: str, version: int | None, *, again: bool = False) -> Served:
        """Look for new checkpoints now, rather than at the next of the regular looks, and return a model of the store.

        What was unloaded is loaded again. A version that is named answers from now on wherever none is asked for,
        until the model is loaded without one.

        Args:
            name: Name of the model.
            version: Version that is wanted; ``None`` for the newest.
            again: ``True`` if the checkpoint is read although none of its files has changed.

        Raises:
            StorePinnedError: if the store is not looked at while the service runs.
            StoreUnavailableError: if the store is not there, or no version is named and it cannot be read.
            UnknownModelError: if there is no such model, or its checkpoint is in the store no more; what is loaded
                still answers.
            RefusedModelError: if its checkpoint was refused; what answered before still does.
        """
        self._check_loading()
        if self.follower is not None:
            await self.follower.look(self._load_brought)
            if self.follower.fault is not None and version is None:
                raise StoreUnavailableError(
                    f"{self.follower.fault}, so its newest version is not known; what is loaded still answers, and"
                    " `version` loads one that was brought before"
                )
        async with self._loading:
            self.registry.forget(name, version, again=again)
            await self._load_new()
        refused = self.registry.refusals(name, version)
        if refused:
            raise self._refusal(name, refused[-1])
        newest = max(self.registry.versions(name), default=None)  # of a pinned model it is another that answers yet
        served = self.registry.find(name, newest if version is None else version)
        self.registry.check_stored(served)
        self.registry.pin(name, version)
        self._predictors = self._index_predictors()
        return served

    async def unload(self, name: str, version: int | None) -> None:
        """Serve a model, or one version of it, no more, until it is loaded again or written anew.

        Raises:
            UnknownModelError: if it is not served.
        """
        self._check_loading()
        async with self._loading:
            removed = self.registry.remove(name, version)
            self._release(removed)
            self.telemetry.loads.labels("unloaded").inc(len(removed))
            del removed
            await self._load_aside(give_back)

    def _check_loading(self) -> None:
        check_accepting(self.phase)
        if not self.settings.poll_seconds:
            raise StorePinnedError(
                "new checkpoints are not looked for while the service runs; restart it, or set CREDENCE_POLL_SECONDS"
            )

    def _refusal(self, name: str, refused: Refused) -> RefusedModelError:
        versions = self.registry.versions(name)
        still = f"; version {self.registry.find(name, None).manifest.version} answers as before" if versions else ""
        reason = f"version {refused.version} was refused: {refused.reason}{still}"
        return RefusedModelError(reason, retry_seconds=60)

    async def _watch_store(self) -> None:
        """Look for new checkpoints again and again; a store that cannot be read at the moment changes nothing."""
        while True:
            await asyncio.sleep(self.settings.poll_seconds)
            try:
                if self.phase == "ready":
                    await self._look()
            except OSError:
                log.exception("the store could not be searched for new checkpoints")

    def _index_predictors(self) -> dict[tuple[str | None, int | None], ServedPredictor]:
        """Return the predictive models by what a request may say of them: a name, a version, both or neither."""
        index: dict[tuple[str | None, int | None], ServedPredictor] = {}
        default = self._default_model()
        for name, version in sorted(self.registry.served, key=self._rank):
            served = self.registry.served[name, version]
            if isinstance(served, ServedPredictor) and served.form is None:
                index |= {(name, version): served, (name, None): served}  # what answers for the name comes last
                if name == default:
                    index |= {(None, version): served, (None, None): served}
        return index

    def _rank(self, key: tuple[str, int]) -> tuple[str, bool, int]:
        """Return the place of a model's version among the others: the newest comes last, and a pinned one after it."""
        name, version = key
        return name, self.registry.pinned.get(name) == version, version

    def _memory_bytes(self, kind: str) -> int:
        return self.registry.loader.memory_bytes()[kind]

    def drain(self) -> None:
        """Stop being ready, so that no more requests are sent here; those that come are still answered."""
        if not self.exit_status:
            self.phase = "draining"

    def close(self) -> None:
        """Accept nothing more; what was accepted is still answered."""
        if not self.exit_status:
            self.phase = "closing"

    async def stop(self) -> None:
        """Finish what was accepted, but for jobs, and let the device go."""
        self.close()
        if self._watching is not None:
            self._watching.cancel()
        self._loader.shutdown(wait=False, cancel_futures=True)
        if self.follower is not None:
            self.follower.close()
        await self.jobs.stop()
        await self.batcher.stop()
        await self.selections.stop()
        await asyncio.to_thread(self.outcomes.close)
        if self.keys is not None:
            await asyncio.to_thread(self.keys.close)
        if self.audit is not None:
            await asyncio.to_thread(self.audit.close)
        if self.tracer is not None:
            await asyncio.to_thread(self.tracer.close)
        if self.rate_counts is not None:
            await self.rate_counts.close()
        await self.decoder.close()
        self.reader.close()

    def unready_reason(self) -> str | None:
        """Return why a load balancer should not send requests here; ``None`` if it should."""
        if self.phase != "ready":
            return self.phase
        if self.audit is not None and self.audit.is_broken:
            return "the audit cannot be written"
        missing = set(self.settings.required_models) - {name for name, _ in self.registry.served}
        if missing or not self.registry.served:
            return f"{len(missing)} required models are missing" if missing else "no model could be loaded"
        return None if not self.failing else "the last prediction failed on the device"

    def store_detail(self) -> dict[str, str]:
        """Return what readiness says of an object store that cannot be read; the models that are loaded answer."""
        fault = None if self.follower is None else self.follower.fault
        return {} if fault is None else {"store": f"{fault}; what is loaded is served"}

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
        if not isinstance(given, str):
            return given
        return secrets.randbits(_SEED_BITS) if self._fresh_seed is None else self._fresh_seed

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
    async def compute(self, served: ServedPredictor, job: PredictJob, client: str = "") -> BatchResult[Prediction]: ...

    @overload
    async def compute(self, served: ServedGenerator, job: GeneratorJob[R], client: str = "") -> BatchResult[R]: ...

    async def compute(self, served: Served, job: Any, client: str = "") -> BatchResult[Any]:
        """Wait until a model has done a job; it shares its batch with others, on the terms of its backend.

        Args:
            served: The model.
            job: The job.
            client: Name of whoever asks; empty for the service itself.
        """
        name, backend = served.manifest.name, served.backend
        usage, begun = self.usage[name, served.manifest.version], time.monotonic()
        try:
            result = await self.batcher.submit(backend.run, job, backend.terms(job), served, client)
        except BaseException as error:  # a client that has left cancels its job
            usage.failures += 1
            usage.failure_seconds += time.monotonic() - begun
            if isinstance(error, Exception) and not isinstance(error, CredenceError | ServiceError):
                self.failing.add(name)
            if isinstance(error, NonFiniteOutputError):
                await self._blame(served, job, error)
            if is_out_of_memory(error):
                raise OutOfMemoryError(
                    "the device has too little memory for this model, even in parts; try again, or ask another server"
                ) from error
            if is_device_lost(error):
                self._lose_device(error)
                raise DeviceLostError("the device is lost, and the service is about to restart", 10) from error
            raise
        self.failing.discard(name)
        self.telemetry.queue_seconds.observe(result.queue_seconds)
        usage.answers += 1
        usage.queue_seconds += result.queue_seconds
        usage.compute_seconds += result.compute_seconds
        usage.last_milliseconds = round(datetime.now(UTC).timestamp() * 1000)
        return result

    def _lose_device(self, error: BaseException) -> None:
        """End the process, so that whoever started it starts it again; what was accepted gets a 503 before."""
        if self.exit_status != DEVICE_LOST_STATUS:
            log.critical("the device is lost; ending with status %d", DEVICE_LOST_STATUS, exc_info=error)
            self.phase, self.exit_status = "lost", DEVICE_LOST_STATUS
            self.end()

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

    def _trace_job(self, job: Job) -> None:
        """Make the spans of a job that has ended, within the trace of the request that asked for it."""
        if self.tracer is None or job.ended is None or "begun" not in job.origin:
            return
        facts = {"credence.model": job.facts["model"], "credence.job.state": job.state}
        begun, turn = job.origin["begun"], job.ended if job.begun is None else job.begun
        span = self.tracer.add(begun, "job", job.added, job.ended, facts, failed=job.state == "failed")
        self.tracer.add(begun, "queue", job.added, turn, parent=span)
        self.tracer.add(begun, "search", turn, job.ended, parent=span)


def _open_audit(settings: Settings, telemetry: Telemetry) -> AuditWriter | None:
    """Return the writer of the audit, if there is to be one.

    Raises:
        UnusableAuditFileError: if its file cannot be written.
    """
    if settings.audit_file is None:
        return None
    file = AuditFile(settings.audit_file, settings.audit_bytes, settings.audit_files)
    return AuditWriter(file, telemetry, software())


def _by_model(folders: Look) -> list[dict[Path, Hashable]]:
    """Return checkpoints model by model, those with the fewest bytes first."""
    models: defaultdict[Path, dict[Path, Hashable]] = defaultdict(dict)
    for folder, state in folders.items():
        models[folder.parent][folder] = state
    return sorted(models.values(), key=lambda versions: sum(map(size_of, versions)))


def _info(served: Served) -> tuple[str, ...]:
    """Return the labels of a model's constant gauge."""
    manifest, backend, choice = served.manifest, served.backend, served.backend.choice
    speedup = "" if choice is None else f"{choice.speedup:.2f}"
    return manifest.name, str(manifest.version), manifest.method, backend.name, backend.device, speedup


def runtime_of(request: Request) -> Runtime:
    """Return the app's own :class:`Runtime`."""
    runtime: Runtime = request.app.state.runtime
    return runtime


RuntimeDep = Annotated[Runtime, Depends(runtime_of)]
