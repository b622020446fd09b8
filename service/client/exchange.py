"""Exchanges with the service as data: each is a generator of steps, which know no IO, and ends in an answer.

A shell (:class:`~service.client.shells.Client` or ``AsyncClient``) carries the steps out: it sends what a
:class:`Send` holds and hands the response back, or it waits. Errors of the connection are thrown into the generator,
which decides whether another attempt follows.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, cast, overload

import httpx

P = ParamSpec("P")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True)
class Send:
    """A step that sends a request; ``arguments`` are those of httpx's ``request``."""

    arguments: dict[str, Any]


@dataclass(frozen=True)
class Pause:
    """A step that waits."""

    seconds: float


Step = Send | Pause
Exchange = Generator[Step, httpx.Response | None, T]
"""The steps to an answer of type ``T``: ``Client`` returns the answer, ``AsyncClient`` an awaitable of it."""


class Dialogue(Generic[T]):
    """An exchange under way: entered for every step, it moves on by the result or the error of the step. ::

        dialogue = Dialogue(exchange)
        while dialogue.step:
            with dialogue:
                dialogue.result = carry_out(dialogue.step)
        return dialogue.answer

    Attributes:
        step: Step to be carried out now; ``None`` once the exchange has ended.
        result: Response to the step, if it was sent.
        interrupted: Whether the caller was cancelled or interrupted, so that the steps left only clean up.
        answer: Answer of the exchange, once it has ended.
    """

    answer: T

    def __init__(self, exchange: Exchange[T]) -> None:
        self._exchange = exchange
        self.step: Step | None = None
        self.result: httpx.Response | None = None
        self.interrupted = False
        self._move_on(functools.partial(exchange.send, None))

    def __enter__(self) -> None:
        self.result = None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> bool:
        if error is None:
            self._move_on(functools.partial(self._exchange.send, self.result))
        else:
            self.interrupted = self.interrupted or not isinstance(error, Exception)
            self._move_on(functools.partial(self._exchange.throw, error))
        return True  # the exchange has dealt with the error, or raised it again

    def _move_on(self, move: Callable[[], Step]) -> None:
        try:
            self.step = move()
        except StopIteration as end:
            self.step, self.answer = None, end.value


class Blocking(Protocol):
    """A shell that returns answers."""

    def run(self, exchange: Exchange[T]) -> T:
        """Carry out an exchange, and return its answer."""
        ...


class Awaiting(Protocol):
    """A shell that returns awaitables of answers."""

    def run(self, exchange: Exchange[T]) -> Coroutine[Any, Any, T]:
        """Return a coroutine that carries out an exchange."""
        ...


class Method(Protocol[P, T_co]):
    """The type of a method that returns ``T`` from a blocking shell, and a coroutine of ``T`` from an awaiting one."""

    @overload
    def __get__(self, shell: Blocking, owner: Any) -> Callable[P, T_co]: ...
    @overload
    def __get__(self, shell: Awaiting, owner: Any) -> Callable[P, Coroutine[Any, Any, T_co]]: ...


def carried_out(method: Callable[Concatenate[Any, P], Exchange[T]]) -> Method[P, T]:
    """Make a method that describes an exchange into one that has its shell carry the exchange out."""

    @functools.wraps(method)
    def run(shell: Any, *args: P.args, **kwargs: P.kwargs) -> Any:
        return shell.run(method(shell, *args, **kwargs))

    return cast("Method[P, T]", run)
