"""The models that are served: every checkpoint of the store, verified and warm, and those that were refused."""

from __future__ import annotations

import glob
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec
from numpy.typing import NDArray

from models.checkpoints.checkpoint import Checkpoint, GeneratorSpec, Manifest, PredictorSpec, load
from models.checkpoints.selftest import verify
from models.errors import CredenceError
from models.guarantees.calibration import CalibrationRows
from models.guarantees.verdicts import Detectors
from models.prediction.outputs import OUTPUTS
from models.prediction.outputs_form import OutputsForm
from models.specs import InputSpec
from service.backends.generator_jobs import Operation
from service.backends.protocols import BackendLoader, GeneratorBackend, PredictorBackend
from service.errors import InvalidRequestError, LoadingError, RefusedModelError, UnknownModelError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ServedPredictor:
    """A predictive model that answers.

    Attributes:
        spec: The manifest's specification of the model.
        examples: Raw inputs that it was not trained on, and their targets.
        load_seconds: Seconds that it took to read, verify and warm the model.
        facts: Entries that every answer has about the model.
        legend: Entry that every answer has about its columns: the names of the classes, or of the targets with units.
        calibration: What the model said of the calibration rows; ``None`` if it was not calibrated.
        detectors: What decides on rows unlike these; ``None`` if it was not calibrated.
        sha256: SHA-256 of its checkpoint.
    """

    manifest: Manifest
    spec: PredictorSpec
    backend: PredictorBackend
    card: str
    examples: Mapping[str, NDArray[Any]]
    load_seconds: float
    facts: Mapping[str, str]
    legend: Mapping[str, list[str]]
    calibration: CalibrationRows | None
    detectors: Detectors | None
    sha256: str

    @property
    def inputs(self) -> InputSpec:
        """Specification of a raw row."""
        return self.spec.inputs

    @property
    def form(self) -> OutputsForm | None:
        """Form of the outputs that it takes, of a model that lives elsewhere; ``None`` for one that takes rows."""
        if self.spec.inputs.kind != OUTPUTS:
            return None
        return msgspec.convert(self.spec.network.config, OutputsForm)


@dataclass(frozen=True)
class ServedGenerator:
    """A generator that answers.

    Attributes:
        spec: The manifest's specification of the model.
        examples: Real images, raw.
        load_seconds: Seconds that it took to read, verify and warm the model.
        facts: Entries that every answer has about the model.
        sha256: SHA-256 of its checkpoint.
    """

    manifest: Manifest
    spec: GeneratorSpec
    backend: GeneratorBackend
    card: str
    examples: Mapping[str, NDArray[Any]]
    load_seconds: float
    facts: Mapping[str, str]
    sha256: str

    @property
    def inputs(self) -> InputSpec:
        """Specification of a raw image."""
        return self.spec.images


Served = ServedPredictor | ServedGenerator
S = TypeVar("S", ServedPredictor, ServedGenerator)
A = TypeVar("A")
R = TypeVar("R")


@dataclass(frozen=True)
class Verified:
    """A checkpoint that was read and verified, and the seconds that this took."""

    checkpoint: Checkpoint
    seconds: float


@dataclass(frozen=True)
class Refused:
    """A checkpoint that is not served, and the reason."""

    name: str
    version: str
    reason: str


@dataclass(frozen=True)
class Loaded:
    """Checkpoints that were loaded, or refused, since the last look at the store."""

    served: Mapping[tuple[str, int], Served]
    refused: Sequence[Refused]


class Registry:
    """Models by name and version; without a version the newest one that was not refused.

    Args:
        store: Folder of ``<name>/<version>/`` checkpoints.
        loader: Loader that makes a backend of a checkpoint.
        only: Name of the one model that is looked for; ``None`` for all.

    Attributes:
        served: Models that answer, by name and version.
        refused: Checkpoints that were refused.
        is_complete: Whether every checkpoint that the store had at the start is one of the two.
    """

    def __init__(self, store: Path, loader: BackendLoader, only: str | None = None) -> None:
        self._store = store
        self._pattern = "*/*" if only is None else f"{glob.escape(only)}/*"
        self._seen: dict[Path, int] = {}
        self.loader = loader
        self.served: Mapping[tuple[str, int], Served] = {}
        self.refused: Sequence[Refused] = ()
        self.is_complete = False

    def find_new(self) -> dict[Path, int]:
        """Return the folders of checkpoints that are new or were written again, with the time of each in ns."""
        return {folder: written for folder, written in self._folders().items() if self._seen.get(folder) != written}

    def read(self, folders: Mapping[Path, int]) -> list[Verified | Refused]:
        """Read and verify checkpoints; one that fails is refused and logged. Nothing of it needs the device.

        Args:
            folders: Folder of each, with the time in ns, as :meth:`find_new` returns them.
        """
        self._seen |= folders
        return [_attempt(_read, folder.parent.name, folder.name, folder) for folder in folders]

    def load(self, read: Sequence[Verified | Refused]) -> Loaded:
        """Put the models of checkpoints on the device and warm them; one that fails is refused and logged.

        Nothing of it is served before :meth:`adopt`.
        """
        made = [one if isinstance(one, Refused) else self._load(one) for one in read]
        served = {(one.manifest.name, one.manifest.version): one for one in made if not isinstance(one, Refused)}
        return Loaded(served, [one for one in made if isinstance(one, Refused)])

    def adopt(self, loaded: Loaded) -> None:
        """Serve what was loaded. What was there before is replaced as a whole: a request that reads it is not hurt."""
        new = {(one.name, one.version) for one in loaded.refused} | {(n, str(v)) for n, v in loaded.served}
        self.served = {**self.served, **loaded.served}
        self.refused = [one for one in self.refused if (one.name, one.version) not in new] + [*loaded.refused]

    def _folders(self) -> dict[Path, int]:
        """Return the folder of every checkpoint with the time in ns at which the newest of its files was written.

        A folder that is being copied changes with every file, and is tried again.
        """
        found = {}
        for folder in sorted(self._store.glob(self._pattern)):
            linked = folder.is_symlink() or folder.parent.is_symlink()
            if not folder.parent.name.startswith(".") and folder.is_dir() and not linked:
                found[folder] = max(path.stat().st_mtime_ns for path in (folder, *folder.iterdir()))
        return found

    def predictor(self, name: str, version: int | None) -> ServedPredictor:
        """Return the predictive model of a name.

        Raises:
            UnknownModelError: naming those that exist.
            RefusedModelError: if its checkpoint was refused.
        """
        served = self.predictive(name, version)
        if served.form is not None:
            takes = ", ".join(served.form.arrays)
            raise InvalidRequestError(
                f"{name} is a calibration: it takes outputs of a model that lives elsewhere ({takes}), not rows; send"
                f" them to POST /calibrated/{name}",
                "/model",
            )
        return served

    def predictive(self, name: str, version: int | None) -> ServedPredictor:
        """Return the predictive model of a name, whether it takes rows or outputs.

        Raises:
            UnknownModelError: naming those that exist.
            RefusedModelError: if its checkpoint was refused.
        """
        return self._newest(ServedPredictor, name, version)

    def calibration(self, name: str, version: int | None) -> ServedPredictor:
        """Return the calibration of a name, of a model that lives elsewhere.

        Raises:
            UnknownModelError: naming those that exist.
            RefusedModelError: if its checkpoint was refused.
            InvalidRequestError: if the model takes rows.
        """
        served = self.predictive(name, version)
        if served.form is None:
            raise InvalidRequestError(
                f"{name} has a network here and takes rows, not outputs; send them to POST /predict?model={name}, or"
                " calibrate outputs of your own: python -m training calibrate NAME --outputs FILE.npz"
            )
        return served

    def predictor_names(self) -> list[str]:
        """Return the names of the predictive models that take rows, in order."""
        return sorted({name for name in self.names(ServedPredictor) if self._takes_rows(name)})

    def _takes_rows(self, name: str) -> bool:
        newest = self.find(name, None)
        return isinstance(newest, ServedPredictor) and newest.form is None

    def generator(self, family: str, name: str | None, version: int | None) -> ServedGenerator:
        """Return the generator of a family, or the named one of several."""
        names = self.names(ServedGenerator, family)
        if name is None and not self.is_complete:  # the only one so far need not be the only one
            raise self._missing(family, version, [])
        if name is None and len(names) == 1:
            name = names[0]
        if name is None and not names:  # the family's only model may have been refused; its name tells
            name = next((r.name for r in self.refused if r.name.split("-")[-1] == family), None)
        if any(refused.name == name for refused in self.refused) and name not in names:
            raise self._missing(name or "", version, names)
        if name is None and len(names) > 1:
            raise InvalidRequestError(
                f"several models are of this family; model takes one of: {', '.join(names)}", "/model"
            )
        if name is None or name not in names:
            families = sorted({s.manifest.method for s in self.served.values() if isinstance(s, ServedGenerator)})
            allowed = f"its models are: {', '.join(names)}" if names else f"families are: {', '.join(families)}"
            raise UnknownModelError(f"no such model in this family; {allowed}")
        return self._newest(ServedGenerator, name, version)

    def generator_supporting(
        self, operation: Operation, family: str, name: str | None, version: int | None
    ) -> ServedGenerator:
        """Return the generator of a family, or the named one of several, if it supports an operation.

        Raises:
            InvalidRequestError: naming the families that support it.
        """
        served = self.generator(family, name, version)
        if operation in served.backend.operations:
            return served
        generators = (s for s in self.served.values() if isinstance(s, ServedGenerator))
        families = sorted({s.manifest.method for s in generators if operation in s.backend.operations})
        there_are = f"families that can: {', '.join(families)}" if families else "no family that is served can"
        raise InvalidRequestError(f"{family} cannot {operation}; {there_are}")

    def find(self, name: str, version: int | None) -> Served:
        """Return the model of a name, whatever its kind; the newest one without a version."""
        newest = max((key for key in self.served if key[0] == name and version in (None, key[1])), default=None)
        if newest is None:
            raise self._missing(name, version, sorted({key[0] for key in self.served}))
        return self.served[newest]

    def names(self, kind: type[Served], family: str | None = None) -> list[str]:
        """Return the names of the served models of a kind, in order."""
        return sorted(
            {
                name
                for (name, _), served in self.served.items()
                if isinstance(served, kind) and family in (None, served.manifest.method)
            }
        )

    def _newest(self, kind: type[S], name: str, version: int | None) -> S:
        found = [
            served
            for key, served in sorted(self.served.items())
            if key[0] == name and version in (None, key[1]) and isinstance(served, kind)
        ]
        if not found:
            raise self._missing(name, version, self.names(kind))
        return found[-1]

    def _missing(self, name: str, version: int | None, known: list[str]) -> Exception:
        matches = (r for r in self.refused if r.name == name and (version is None or r.version == str(version)))
        reason = next((r.reason for r in matches), None)
        if reason is None and not self.is_complete:
            return LoadingError("models are being loaded and tested, and this one is not among those that answer yet")
        if reason is not None:
            return RefusedModelError(f"the checkpoint of this model was refused: {reason}", retry_seconds=60)
        if name in known:
            versions = ", ".join(str(number) for served, number in sorted(self.served) if served == name)
            return UnknownModelError(f"there is no such version of this model; there are: {versions}")
        return UnknownModelError(f"no such model; there are: {', '.join(known) or 'none'}")

    def _load(self, verified: Verified) -> Served | Refused:
        manifest = verified.checkpoint.manifest
        return _attempt(self._serve, manifest.name, str(manifest.version), verified)

    def _serve(self, verified: Verified) -> Served:
        checkpoint, start = verified.checkpoint, time.monotonic()
        backend = self.loader.load_backend(checkpoint)
        seconds = verified.seconds + time.monotonic() - start
        log.info("loaded %s version %d in %.2f s", checkpoint.manifest.name, checkpoint.manifest.version, seconds)
        manifest, card = checkpoint.manifest, checkpoint.card
        examples = {name: tensor.numpy() for name, tensor in checkpoint.examples.items()}
        facts = {"model": manifest.name, "version": str(manifest.version)}
        if isinstance(manifest.model, GeneratorSpec):
            generator = cast(GeneratorBackend, backend)  # as the manifest says
            facts["family"] = manifest.method
            return ServedGenerator(
                manifest, manifest.model, generator, card, examples, seconds, facts, checkpoint.sha256
            )
        predictor, outputs = cast(PredictorBackend, backend), manifest.model.outputs
        facts |= {"task": outputs.task, "method": manifest.method}
        legend = {"targets" if outputs.task == "regression" else "classes": list(outputs.names)}
        rows = checkpoint.calibration
        detectors = None if rows is None else Detectors(rows)
        return ServedPredictor(
            manifest,
            manifest.model,
            predictor,
            card,
            examples,
            seconds,
            facts,
            legend,
            rows,
            detectors,
            checkpoint.sha256,
        )


def _read(folder: Path) -> Verified:
    start = time.monotonic()
    checkpoint = load(folder)
    verify(checkpoint)
    return Verified(checkpoint, time.monotonic() - start)


def _attempt(step: Callable[[A], R], name: str, version: str, argument: A) -> R | Refused:
    """Return the result of a step of loading; whatever it may raise, the other models shall serve all the same."""
    try:
        return step(argument)
    except CredenceError as error:
        log.debug("why %s version %s is refused", name, version, exc_info=True)
        return _refuse(name, version, str(error))
    except Exception:  # out of memory, say
        log.exception("loading %s version %s failed", name, version)
        return _refuse(name, version, "an unexpected error while it was loaded; the log has it")


def _refuse(name: str, version: str, reason: str) -> Refused:
    log.error("refused %s version %s: %s", name, version, reason)
    return Refused(name, version, reason)
