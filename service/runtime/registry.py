"""The models that are served: every checkpoint of the store, verified and warm, and those that were refused."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec
from numpy.typing import NDArray

from models.checkpoints.checkpoint import NAME, Checkpoint, GeneratorSpec, Manifest, PredictorSpec, load
from models.checkpoints.selftest import verify
from models.errors import CheckpointError, CredenceError, printable
from models.guarantees.calibration import CalibrationRows
from models.guarantees.verdicts import Detectors
from models.prediction.outputs import OUTPUTS
from models.prediction.outputs_form import OutputsForm
from models.specs import InputSpec
from service.backends.generator_jobs import Operation
from service.backends.protocols import BackendLoader, GeneratorBackend, PredictorBackend
from service.errors import (
    InvalidRequestError,
    LoadingError,
    RefusedModelError,
    StoreUnavailableError,
    UnknownModelError,
)
from service.runtime.store import Look, look

log = logging.getLogger(__name__)
_SHOWN = 80
"""Characters of a folder's name that are shown."""


@dataclass(frozen=True)
class ServedPredictor:
    """A predictive model that answers.

    Attributes:
        spec: The manifest's specification of the model.
        pictures: PNG files by name, as the card links them.
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
    pictures: Mapping[str, bytes]
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
        pictures: PNG files by name, as the card links them.
        examples: Real images, raw.
        load_seconds: Seconds that it took to read, verify and warm the model.
        facts: Entries that every answer has about the model.
        sha256: SHA-256 of its checkpoint.
    """

    manifest: Manifest
    spec: GeneratorSpec
    backend: GeneratorBackend
    card: str
    pictures: Mapping[str, bytes]
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
    """Models by name and version; without a version the pinned one, or the newest that was not refused.

    Args:
        store: Folder of ``<name>/<version>/`` checkpoints.
        loader: Loader that makes a backend of a checkpoint.
        only: Name of the one model that is looked for, or its ``name/version``; ``None`` for all.
        read: Function that reads a checkpoint, as :func:`~models.checkpoints.checkpoint.load` does.

    Attributes:
        only: Name of the one model that is looked for, likewise.
        served: Models that answer, by name and version.
        refused: Checkpoints that were refused.
        pinned: Version that answers for a name where none is asked for, though there may be newer ones.
        is_complete: Whether every checkpoint that the store had at the start is one of the two.
    """

    def __init__(
        self,
        store: Path,
        loader: BackendLoader,
        only: str | None = None,
        read: Callable[[Path], Checkpoint] = load,
    ) -> None:
        self._store = store
        self.only = only
        self._read_checkpoint = read
        self._seen: dict[Path, Hashable] = {}  # the state that was read; ``None`` is to be read again
        self._found: Look = {}
        self.loader = loader
        self.served: Mapping[tuple[str, int], Served] = {}
        self.refused: Sequence[Refused] = ()
        self.pinned: Mapping[str, int] = {}
        self.is_complete = False

    def find_new(self) -> dict[Path, Hashable]:
        """Return the folders of checkpoints that are new or were written again, with the state of each."""
        self._found = look(self._store, self.only)
        return {folder: state for folder, state in self._found.items() if self._is_new(folder, state)}

    def _is_new(self, folder: Path, state: Hashable) -> bool:
        return self._seen.get(folder) != state

    def forget_removed(self) -> None:
        """Refuse no more what the last look has not found in the store; it is new if it comes back."""
        removed = {folder: self._place(folder) for folder in self._seen if folder not in self._found}
        self.refused = [one for one in self.refused if (one.name, one.version) not in removed.values()]
        for folder, (name, version) in removed.items():
            if (name, _number(version)) not in self.served:
                del self._seen[folder]

    def check_stored(self, served: Served) -> None:
        """Raise unless the last look has found the checkpoint of a model that is served.

        Raises:
            StoreUnavailableError: if the store is not there.
            UnknownModelError: if the store is there, and the checkpoint is not.
        """
        name, version = served.manifest.name, served.manifest.version
        if self._store / name / str(version) in self._found:
            return
        still = "what is loaded answers as before, until the service ends"
        if not self._store.is_dir():
            raise StoreUnavailableError(f"the folder of CREDENCE_STORE is not there; {still}")
        raise UnknownModelError(f"version {version} of this model is in the store no more: put it back; {still}")

    def forget(self, name: str, version: int | None, *, again: bool) -> None:
        """Take checkpoints of a name for new when they are looked for the next time.

        Args:
            name: Name of the model.
            version: Version that is meant; ``None`` for all.
            again: ``True`` if those that are served are meant as well as those that are not.
        """
        for folder in self._seen:
            number = _number(folder.name)
            if (
                folder.parent.name == name
                and version in (None, number)
                and (again or (name, number) not in self.served)
            ):
                self._seen[folder] = None

    def read(self, folders: Look) -> list[Verified | Refused]:
        """Read and verify checkpoints; one that fails is refused and logged. Nothing of it needs the device.

        Args:
            folders: Folder of each with its state, as :meth:`find_new` returns them.
        """
        self._seen |= folders
        return [_attempt(self._read, *self._place(folder), folder) for folder in folders]

    def load(self, read: Sequence[Verified | Refused]) -> Loaded:
        """Put the models of checkpoints on the device and warm them; one that fails is refused and logged.

        Nothing of it is served before :meth:`adopt`.
        """
        made = [one if isinstance(one, Refused) else self._load(one) for one in read]
        served = {(one.manifest.name, one.manifest.version): one for one in made if not isinstance(one, Refused)}
        return Loaded(served, [one for one in made if isinstance(one, Refused)])

    def adopt(self, loaded: Loaded) -> list[Served]:
        """Serve what was loaded, and return what it took the place of.

        The models that are served are replaced as a whole: a request that has found one goes on with it.
        """
        new = {(one.name, one.version) for one in loaded.refused} | {(n, str(v)) for n, v in loaded.served}
        replaced = [served for key, served in self.served.items() if key in loaded.served]
        self.served = {**self.served, **loaded.served}
        self.refused = [one for one in self.refused if (one.name, one.version) not in new] + [*loaded.refused]
        return replaced

    def pin(self, name: str, version: int | None) -> None:
        """Let a version answer for a name wherever none is asked for; ``None`` for the newest, whichever it is."""
        others = {known: number for known, number in self.pinned.items() if known != name}
        self.pinned = others if version is None else {**others, name: version}

    def remove(self, name: str, version: int | None) -> list[Served]:
        """Serve a name, or one version of it, no more, and return what was served; its checkpoint is left alone.

        Raises:
            UnknownModelError: if it is not served.
        """
        self.find(name, version)
        leaving = {key for key in self.served if key[0] == name and version in (None, key[1])}
        removed = [self.served[key] for key in leaving]
        self.served = {key: served for key, served in self.served.items() if key not in leaving}
        if (name, self.pinned.get(name)) in leaving:
            self.pin(name, None)
        return removed

    def versions(self, name: str) -> list[int]:
        """Return the versions of a name that are served, in order."""
        return sorted(version for known, version in self.served if known == name)

    def refusals(self, name: str, version: int | None) -> list[Refused]:
        """Return the refused checkpoints of a name: of one version, or all that are no older than the newest served."""
        if version is not None:
            return [one for one in self.refused if (one.name, one.version) == (name, str(version))]
        least = max(self.versions(name), default=0)
        return [one for one in self.refused if one.name == name and _number(one.version) >= least]

    def _default_version(self, name: str, kind: type[Any] = object) -> int | None:
        """Return the version that answers for a name where none is asked for; ``None`` if there is none."""
        versions = [number for number in self.versions(name) if isinstance(self.served[name, number], kind)]
        return self.pinned[name] if self.pinned.get(name) in versions else max(versions, default=None)

    def _place(self, folder: Path) -> tuple[str, str]:
        """Return name and version that a folder tells, as they can be shown; a link in place of a name has neither."""
        place = folder.relative_to(self._store).parts
        return printable(place[0], _SHOWN), printable("".join(place[1:]), _SHOWN)

    def _read(self, folder: Path) -> Verified:
        start = time.monotonic()
        if not NAME.fullmatch(folder.parent.name):
            raise CheckpointError("a model's name is made of a-z, 0-9, '_', '.' and '-', at most 64; rename its folder")
        checkpoint = self._read_checkpoint(folder)
        verify(checkpoint)
        return Verified(checkpoint, time.monotonic() - start)

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
        """Return the model of a name, whatever its kind; without a version the one that answers for it."""
        number = self._default_version(name) if version is None else version
        found = None if number is None else self.served.get((name, number))
        if found is None:
            raise self._missing(name, version, sorted({key[0] for key in self.served}))
        return found

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
        number = self._default_version(name, kind) if version is None else version
        found = None if number is None else self.served.get((name, number))
        if not isinstance(found, kind):
            raise self._missing(name, version, self.names(kind))
        return found

    def _missing(self, name: str, version: int | None, known: list[str]) -> Exception:
        matches = (r for r in self.refused if r.name == name and (version is None or r.version == str(version)))
        reason = next((r.reason for r in matches), None)
        if reason is None and not self.is_complete:
            return LoadingError("models are being loaded and tested, and this one is not among those that answer yet")
        if reason is not None:
            return RefusedModelError(f"the checkpoint of this model was refused: {reason}", retry_seconds=60)
        if name in known:
            versions = ", ".join(map(str, self.versions(name)))
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
        manifest, sha256 = checkpoint.manifest, checkpoint.sha256
        told = checkpoint.card, checkpoint.pictures
        examples = {name: tensor.numpy() for name, tensor in checkpoint.examples.items()}
        facts = {"model": manifest.name, "version": str(manifest.version)}
        if isinstance(manifest.model, GeneratorSpec):
            generator = cast(GeneratorBackend, backend)  # as the manifest says
            facts["family"] = manifest.method
            return ServedGenerator(manifest, manifest.model, generator, *told, examples, seconds, facts, sha256)
        predictor, outputs = cast(PredictorBackend, backend), manifest.model.outputs
        facts |= {"task": outputs.task, "method": manifest.method}
        if predictor.precision is not None and predictor.precision.name != "float32":
            facts["precision"] = predictor.precision.name
        legend = {"targets" if outputs.task == "regression" else "classes": list(outputs.names)}
        rows = checkpoint.calibration
        detectors = None if rows is None else Detectors(rows)
        return ServedPredictor(
            manifest,
            manifest.model,
            predictor,
            *told,
            examples,
            seconds,
            facts,
            legend,
            rows,
            detectors,
            sha256,
        )


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
    refused = Refused(name, version, printable(reason))  # which may tell names in the checkpoint
    log.error("refused %s version %s: %s", name, version, refused.reason)
    return refused


def _number(version: str) -> int:
    """Return a version as a number; -1 for a folder whose name is none."""
    return int(version) if version.isascii() and version.isdecimal() and len(version) < _SHOWN else -1
