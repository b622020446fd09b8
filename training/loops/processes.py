"""The processes of one run: torchrun starts them, and all take the same steps with the same weights.

The first of them reports, measures and writes; the others only help it to train. Whatever is not said by torchrun's
environment is one process, which exchanges nothing.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from training.errors import RecipeError, StateError

PATIENCE = timedelta(minutes=30)
"""Time after which a process that hangs ends the run; one that dies ends it at once."""

ANSWERED = timedelta(seconds=1)
"""Time after which a process asks again for the name of its attempt."""


@contextmanager
def join_processes() -> Iterator[None]:
    """Belong to the processes that torchrun started, inside a ``with`` block; alone, do nothing.

    Raises:
        RecipeError: if a machine with GPUs has more processes than these.
    """
    if _started() == 1:
        yield
        return
    if torch.cuda.is_available():
        here, gpus = int(os.environ["LOCAL_WORLD_SIZE"]), torch.cuda.device_count()
        if here > gpus:
            raise RecipeError(f"{here} processes cannot share {gpus} GPUs: give --nproc-per-node {gpus} at most")
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    store, rank, processes = next(rendezvous("env://"))
    store = PrefixStore(_agree_on_attempt(store, rank, processes), store)
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    dist.init_process_group(backend, store=store, rank=rank, world_size=processes, timeout=PATIENCE)
    try:
        yield
    finally:
        dist.destroy_process_group()


def _agree_on_attempt(store: Store, rank: int, processes: int) -> str:
    """Return a name that only the processes now alive have: torchrun's store still holds the addresses of dead ones.

    torchrun 2.13 keeps one store for all its attempts, and its count of restarts is another on every machine. So the
    first process names the attempt, and each of the others believes the name once its own greeting is answered.
    """
    own = uuid.uuid4().hex
    if rank == 0:
        store.set("attempt", own)
        for other in range(1, processes):
            store.set(f"{own}/{other}/{store.get(f'{own}/{other}').decode()}", "")
        return own
    while True:
        attempt = store.get("attempt").decode()  # of this attempt, or still of one before
        store.set(f"{attempt}/{rank}", own)
        with suppress(dist.DistStoreError):  # nobody has answered in time
            store.wait([f"{attempt}/{rank}/{own}"], ANSWERED)
            return attempt


@contextmanager
def alone(command: str) -> Iterator[None]:
    """Refuse to be one of several processes, before a ``with`` block.

    Args:
        command: Name of a command that is made for one process.

    Raises:
        RecipeError: if torchrun has started more.
    """
    if _started() > 1:
        raise RecipeError(f"torchrun is for fit; start 'python -m training {command}' without it")
    yield


def _started() -> int:
    return int(os.environ.get("WORLD_SIZE", "1"))


def count_processes() -> int:
    """Return the number of processes that take part in this run."""
    return dist.get_world_size() if dist.is_initialized() else 1


def is_first() -> bool:
    """Return whether this process is the one that reports, measures and writes."""
    return not dist.is_initialized() or dist.get_rank() == 0


def is_restarted() -> bool:
    """Return whether torchrun has started these processes again, after one of them had ended."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0


def rows_of(rank: int, rows: int) -> range:
    """Return the rows of a batch that a process computes: neighbours, and as many as any other's but for one.

    >>> [len(range(7)[start : start + 3]) for start in (0, 3, 6)]
    [3, 3, 1]
    """
    processes = count_processes()
    return range(rows * rank // processes, rows * (rank + 1) // processes)


def own_rows(rows: int) -> range:
    """Return the rows of a batch that this process computes."""
    return rows_of(dist.get_rank() if dist.is_initialized() else 0, rows)


def describe_processes(batch: int) -> tuple[str, ...]:
    """Return a sentence on how a batch of so many rows is shared out; nothing where one process has all of it."""
    processes = count_processes()
    if processes == 1:
        return ()
    parts = sorted({len(rows_of(rank, batch)) for rank in range(processes)})
    return (f"{processes} processes share each batch of {batch} rows: {' or '.join(map(str, parts))} rows each",)


def check_batch(rows: int) -> None:
    """Raise unless every process has a row of a batch of so many.

    Raises:
        RecipeError: with the largest number of processes.
    """
    if rows < count_processes():
        raise RecipeError(f"{count_processes()} processes cannot share a batch of {rows} rows; start at most {rows}")


def check_alike(decides: str) -> None:
    """Raise unless all processes are about to do the same.

    Args:
        decides: Text of everything that decides the run.

    Raises:
        StateError: in every process, if one of them has another text.
    """
    if count_processes() == 1:
        return
    digest = torch.tensor(list(hashlib.blake2b(decides.encode(), digest_size=16).digest()))
    least, most = digest.clone(), digest.clone()
    reduce(least, dist.ReduceOp.MIN)
    reduce(most, dist.ReduceOp.MAX)
    if not torch.equal(least, most):
        raise StateError(
            "the processes differ in recipe, data, seed, state to resume or PyTorch: start all by the same command, on"
            " the same data and with a store that all of them see"
        )


def first_value(value: float) -> float:
    """Return the first process's value in all of them, so that they decide alike."""
    if count_processes() == 1:
        return value
    shared = torch.tensor(value if is_first() else 0.0, dtype=torch.float64)
    reduce(shared)
    return float(shared)


@torch.no_grad()
def average_gradients(parameters: Iterable[Tensor]) -> None:
    """Put the mean over all processes in place of every gradient, to the bit the same in all of them.

    Args:
        parameters: Parameters of any shapes; those without a gradient do not count.
    """
    if count_processes() == 1:
        return
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    together = torch.cat([gradient.flatten() for gradient in gradients])
    reduce(together)
    together /= count_processes()
    means = torch.split(together, [gradient.numel() for gradient in gradients])
    for gradient, mean in zip(gradients, means, strict=True):
        gradient.copy_(mean.view(gradient.shape))


def reduce(tensor: Tensor, operation: dist.ReduceOp.RedOpType = dist.ReduceOp.SUM) -> None:
    """Put the sum over all processes, or another reduction, in place of a tensor of any shape.

    Raises:
        StateError: if a process has ended, or hangs.
    """
    try:
        dist.all_reduce(tensor, operation)
    except RuntimeError as error:
        raise StateError(f"another process of this run has ended, and its own output says why ({error})") from error
