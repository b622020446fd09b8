"""Sweeps of a request: the values that a control takes in turn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from models.errors import ControlError
from models.generation import latent_traversal
from models.specs import Control, find_control
from service.backends.generator_jobs import Sweep
from service.backends.protocols import GeneratorBackend
from service.errors import InvalidRequestError
from service.handlers.latent_codes import name_choices
from service.schemas.generation import SweepBody

_STEPS = 6
"""Of a sweep that names no number: two of them, or one and ten digits, are within the usual limit of 64 images."""


def sweep_of(body: SweepBody, backend: GeneratorBackend, limit: int) -> Sweep:
    """Return the values of a sweep.

    Raises:
        ControlError: if the control does not exist, or does not take the values.
        InvalidRequestError: if there are more than ``limit``, or the fields contradict each other.
    """
    control = _swept_control(body, backend)
    if body.values is not None or control.kind in ("categorical", "choice"):
        if {body.low, body.high, body.steps, body.spacing} != {None}:
            raise InvalidRequestError("a sweep over values has no from, to, steps or spacing; leave them out", body.at)
        _check_steps(len(body.values or ()), limit, f"{body.at}/values")
        return _sweep(body, backend, body.values)
    if (body.low is None) != (body.high is None):
        raise InvalidRequestError("from and to of a sweep go together; one of them is missing", body.at)
    steps = body.steps or _STEPS
    _check_steps(steps, limit, f"{body.at}/steps")
    is_gaussian = backend.distributions.get(control.name) == "normal"
    spacing = body.spacing or ("normal" if is_gaussian else "linear")
    if body.low is None or body.high is None:
        divides_all = spacing == "normal" and is_gaussian
        low, high = latent_traversal.normal_ends(steps) if divides_all else (control.low, control.high)
    else:
        low, high = body.low, body.high
        _sweep(body, backend, [low, high], ("from", "to"))  # before the values between them, which nobody gave
    return _sweep(body, backend, latent_traversal.spaced(steps, low, high, spacing))


def _swept_control(body: SweepBody, backend: GeneratorBackend) -> Control:
    try:
        return find_control(backend.controls, body.control)
    except ControlError as error:
        raise ControlError(str(error), f"{body.at}/control") from error


def _sweep(
    body: SweepBody, backend: GeneratorBackend, values: Sequence[float | str] | None, fields: tuple[str, ...] = ()
) -> Sweep:
    """Return the sweep over some values.

    Args:
        fields: Fields of the body that hold one value each; without any, values point into ``values``.
    """
    try:
        return backend.sweep(body.control, body.index, values)
    except ControlError as error:  # it points into codes, to a value if it can
        parts = (error.pointer or "").split("/")[2:]
        if fields and parts:
            pointer = f"{body.at}/{fields[int(parts[0])]}"
        elif error.pointer and body.values is not None:
            pointer = "/".join([f"{body.at}/values", *parts])
        else:
            pointer = body.at if body.index is None else f"{body.at}/index"
        raise ControlError(str(error), pointer) from error


def _check_steps(steps: int, limit: int, pointer: str) -> None:
    if steps > limit:
        raise InvalidRequestError(f"a sweep has too many steps; allowed are 1 to {limit} images", pointer)


def describe_sweep(sweep: Sweep | None, controls: Sequence[Control]) -> dict[str, Any] | None:
    """Return a sweep as an answer tells it."""
    if sweep is None:
        return None
    index = {} if sweep.index is None else {"index": sweep.index}
    control = find_control(controls, sweep.control)
    return {"control": sweep.control, **index, "values": name_choices(control, sweep.values)}
