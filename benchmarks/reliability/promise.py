"""A promise, the proof that tries to break it, and the verdict.

A proof is a function ``prove(trial) -> Result``. It runs twice: on the code as it is, and with a fault planted, in the
service's process where there is one. With the fault it must find the promise broken, or it proves nothing.
"""

from __future__ import annotations

import logging
import multiprocessing
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from traceback import format_exception
from typing import TypeVar

from reliability.rows import DIGITS
from reliability.service_process import Plant, Service

log = logging.getLogger(__name__)
Answer = TypeVar("Answer")


class NotRunError(Exception):
    """Something that a proof needs is not on this machine; the text says what."""


class VoidError(Exception):
    """A trial did not try what it is for, so that it proves nothing; the text says why."""


@dataclass(frozen=True)
class Result:
    """The findings of one run of a proof.

    Attributes:
        load: The work that was done.
        faults: The faults among it.
        lost: What was lost, as a number of what there was; or the worst figure beside its limit.
        broken: Sentences on how the promise was broken; empty if it was kept.
    """

    load: str
    faults: str
    lost: str
    broken: Sequence[str] = ()


@dataclass(frozen=True)
class Trial:
    """What a proof gets.

    Attributes:
        size: Amount of work, in the promise's own unit.
        store: Store of starter models, which nobody writes to.
        folder: Empty folder of its own.
        fault: The planted fault; ``None`` for the code as it is.
    """

    size: int
    store: Path
    folder: Path
    fault: Plant | None = None

    def serve(self, *plants: Plant, models: Sequence[str] = (DIGITS,), **settings: str) -> Service:
        """Start the service with this trial's fault and further plants in its process, and wait until it is ready.

        Args:
            plants: Functions that change its code first.
            models: Models of the store that it serves; the fewer, the sooner it is ready.
            settings: Settings of the service, by their names.
        """
        planted = [*plants, *([] if self.fault is None else [self.fault])]
        store = self.folder / "store"
        for model in models:
            shutil.copytree(self.store / model, store / model, dirs_exist_ok=True)
        return Service(store, self.folder, planted, settings)

    def run_apart(self, function: Callable[..., Answer], *arguments: object) -> Answer:
        """Run a function of a module in a process of its own, with this trial's fault planted there."""
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), self.fault) as process:
            return process.submit(function, *arguments).result()


@dataclass(frozen=True)
class Promise:
    """A promise and how it is tried.

    Attributes:
        name: Short name, for ``--only``.
        text: The promise in words.
        unit: What ``full`` and ``quick`` count.
        full: Size of a full trial.
        quick: Size of a short one, and of those with a planted fault.
        prove: Function that tries it.
        faults: Plants that must turn it red; the first line of each docstring says what it does.
    """

    name: str
    text: str
    unit: str
    full: int
    quick: int
    prove: Callable[[Trial], Result]
    faults: Sequence[Plant]


@dataclass(frozen=True)
class Verdict:
    """A promise that was tried.

    Attributes:
        result: The findings on the code as it is; ``None`` if the proof could not be run.
        controls: The findings with each planted fault, by what the fault does.
        seconds: Seconds that all of it took.
        reason: Why it was not run.
    """

    promise: Promise
    result: Result | None
    controls: dict[str, Result] = field(default_factory=dict)
    seconds: float = 0.0
    reason: str = ""

    @property
    def unseen(self) -> list[str]:
        """Planted faults that the proof did not notice."""
        return [fault for fault, found in self.controls.items() if not found.broken]

    @property
    def kept(self) -> bool:
        """``True`` if the promise was kept, and every planted fault was noticed."""
        return self.result is not None and not self.result.broken and not self.unseen

    def cells(self) -> list[str]:
        """Return its line in a table."""
        if self.result is None:
            return [self.promise.text, "", "", "", f"not run: {self.reason}", ""]
        seen = [f"{fault}: {'not noticed' if fault in self.unseen else 'red'}" for fault in self.controls]
        word = "kept" if self.kept else "**unproven**" if not self.result.broken else "**broken**"
        verdict = "; ".join([word, *self.result.broken[:2]])
        return [self.promise.text, self.result.load, self.result.faults, self.result.lost, verdict, "; ".join(seen)]


def try_promise(promise: Promise, store: Path, *, quick: bool) -> Verdict:
    """Try a promise as the code is, then with each planted fault."""
    started = time.monotonic()
    try:
        result = _run(promise, promise.quick if quick else promise.full, store)
        controls = {purpose(fault): _run(promise, promise.quick, store, fault) for fault in promise.faults}
    except NotRunError as error:
        return Verdict(promise, None, reason=str(error))
    return Verdict(promise, result, controls, time.monotonic() - started)


def _run(promise: Promise, size: int, store: Path, fault: Plant | None = None) -> Result:
    with tempfile.TemporaryDirectory(prefix=f"chaos-{promise.name}-") as folder:
        try:
            return promise.prove(Trial(size, store, Path(folder), fault))
        except NotRunError:
            raise
        except Exception as error:  # neither kept nor, with a fault, noticed; the other promises are still tried
            reason = str(error) if isinstance(error, VoidError) else "".join(format_exception(error)[-2:])
            log.warning("%s: nothing was tried: %s", promise.name, reason)
            return Result("", "", "", [] if fault else [f"nothing was tried: {error}".splitlines()[0]])


def purpose(fault: Plant) -> str:
    """Return what a planted fault does: the first line of its docstring, without the full stop."""
    return (fault.__doc__ or fault.__name__).splitlines()[0].rstrip(".")
