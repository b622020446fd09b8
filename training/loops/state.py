"""The state of an unfinished run: one file that is whole or is not there, whenever the run is killed.

``<store>/.training/<model name>.safetensors`` holds the tensors of the model and its optimisers, and in its header
where the run stands. A continued run ends in the weights of an uninterrupted one, to the last bit on the same CPU.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec
import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from training.data.file_rows import FileRows
from training.errors import StateError
from training.loops.processes import is_first

Groups = Mapping[str, Mapping[str, Tensor]]
"""Tensors by owner and name."""


class Position(msgspec.Struct, frozen=True):
    """The progress of a run.

    Attributes:
        epoch: Number of finished epochs.
        best_epoch: Number of the epoch with the best metric so far; 0 if none was kept.
        best_metric: Metric of that epoch, lower is better.
    """

    epoch: int = 0
    best_epoch: int = 0
    best_metric: float | None = None


class _Header(msgspec.Struct, frozen=True):
    fingerprint: str
    position: Position
    seconds: float = 0.0


class StateFile:
    """The file of a run's state.

    Args:
        path: Path of the file.
        fingerprint: Digest of everything that decides the run: the recipe, the data, the seed.
        every_seconds: Seconds of work that a killed run may lose, at least an epoch.
    """

    def __init__(self, path: Path, fingerprint: str, every_seconds: float = 2.0) -> None:
        self.path = path
        self.fingerprint = fingerprint
        self._every_seconds = every_seconds
        self._began = self._saved = time.monotonic()
        self._seconds_before = 0.0
        self._late: tuple[Position, Mapping[str, Tensor]] | None = None

    @property
    def seconds(self) -> float:
        """The seconds that the run has taken so far, counted from its first start."""
        return self._seconds_before + time.monotonic() - self._began

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other runs of this model in this store away; however this process ends, the kernel lets them in again.

        Raises:
            StateError: if there is one.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # The file stays: whoever removed it could leave two runs, each with a lock on a file of this name.
        with self.path.with_suffix(".lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                model = self.path.stem
                raise StateError(f"{model} is being trained into this store already; --out takes another") from error
            yield

    def save(self, position: Position, groups: Groups) -> None:
        """Replace the file, unless the last state is so young that the work since is cheaper to repeat.

        Of several processes, whose states are equal, the first one does.
        """
        if not is_first():
            return
        tensors = {f"{group}/{name}": t for group, named in groups.items() for name, t in named.items()}
        if time.monotonic() - self._saved < self._every_seconds:
            self._late = position, {name: tensor.detach().clone() for name, tensor in tensors.items()}
        else:
            self._save(position, tensors)

    def flush(self) -> None:
        """Write the last state that was too young to be written; an interrupted run calls this."""
        if self._late is not None:
            self._save(*self._late)

    def _save(self, position: Position, tensors: Mapping[str, Tensor]) -> None:
        header = msgspec.json.encode(_Header(self.fingerprint, position, self.seconds)).decode()
        packed = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        self._write(safetensors.torch.save(packed, {"state": header}))
        self._saved = time.monotonic()
        self._late = None

    def load(self) -> tuple[Position, dict[str, dict[str, Tensor]]]:
        """Return the last state: how far the run had come, and its tensors by owner and name.

        Raises:
            StateError: if there is none, it cannot be read, or it is of another run.
        """
        try:
            with safetensors.safe_open(self.path, "pt") as file:
                header = msgspec.json.decode(file.metadata()["state"], type=_Header)
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        except FileNotFoundError as error:
            raise StateError(f"there is nothing to resume at {self.path}") from error
        except (OSError, safetensors.SafetensorError, msgspec.DecodeError, KeyError, TypeError) as error:
            raise StateError(f"{self.path} cannot be read ({error}); start again without --resume") from error
        if header.fingerprint != self.fingerprint:
            raise StateError(f"{self.path} is of a run with another recipe, data, seed, number of epochs or precision")
        self._seconds_before = header.seconds
        return header.position, _grouped(tensors)

    def fits(self) -> bool:
        """Return whether there is a state of this very run."""
        try:
            self.load()
        except StateError:
            return False
        return True

    def check_writable(self) -> None:
        """Fail now rather than after an hour of training.

        Raises:
            OSError: if a file cannot be written here.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_suffix(".tmp")
        temporary.write_bytes(b"")
        temporary.unlink()

    def remove(self) -> None:
        """Delete the state of a finished run."""
        self.path.unlink(missing_ok=True)
        self.path.with_suffix(".tmp").unlink(missing_ok=True)

    def _write(self, content: bytes) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_suffix(".tmp")
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.path)


def optimiser_tensors(optimiser: Optimizer) -> dict[str, Tensor]:
    """Return the moments of every parameter, by its number and their names."""
    return {f"{i}/{name}": t for i, named in optimiser.state_dict()["state"].items() for name, t in named.items()}


def restore_optimiser(optimiser: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Give an optimiser the moments that :func:`optimiser_tensors` returned."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        parameter, name = key.split("/")
        state.setdefault(int(parameter), {})[name] = tensor.clone()  # load_state_dict would share it
    optimiser.load_state_dict({**optimiser.state_dict(), "state": state})


def fingerprint(what: str, tensors: Iterable[Tensor]) -> str:
    """Return a digest of everything that decides the weights: another PyTorch may round differently, so it counts too.

    Args:
        what: Text of the recipe and the seed.
        tensors: Tensors of the data, and of the weights to start from.
    """
    digest = hashlib.blake2b(f"{what} {torch.__version__}".encode(), digest_size=16)
    for tensor in tensors:
        digest.update(b"".join(tensor.digests) if isinstance(tensor, FileRows) else tensor.contiguous().numpy().data)
    return digest.hexdigest()


def clone(module: nn.Module) -> dict[str, Tensor]:
    """Return copies of a module's parameters and buffers as they are now."""
    return {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}


def _grouped(tensors: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    groups: dict[str, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        group, name = key.split("/", 1)
        groups.setdefault(group, {})[name] = tensor
    return groups
