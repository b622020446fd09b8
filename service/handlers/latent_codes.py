"""From a request to latent codes: seeds, controls and sweeps, refused in words where they do not fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from torch import Tensor

from models.errors import ControlError
from models.generation import latent_traversal
from models.generation.generator import Generator
from models.noise import SEED_LIMIT
from models.specs import Control
from service.errors import InvalidRequestError
from service.http import request_body
from service.runtime.registry import ServedGenerator
from service.schemas.generation import Controls, GenerateBody, SweepBody

_SPECIAL = ("z", "w", "truncation_psi", "resolution", "fade_alpha", "noise")
"""Controls that have a field of their own in the body; a family has them or not."""

_STEPS = 6
"""Of a sweep that names no number: two of them, or one and ten digits, are within the usual limit of 64 images."""

_SEED_CHARACTERS = 50
"""Of one item in a text of seeds, at most."""

_MOST_NUMBERS = 1024
"""In one list, at most: more than any vector has components."""


def check_sizes(content: Mapping[str, Any], limit: int) -> None:
    """Refuse lists that are longer than any request for images needs, before each item is looked at."""
    seeds = content.get("seeds")
    most = _SEED_CHARACTERS * limit if isinstance(seeds, str) else limit
    if isinstance(seeds, str | list) and len(seeds) > most:
        raise InvalidRequestError(f"seeds asks for too many images; allowed are 1 to {limit}", "/seeds")
    waiting: list[Any] = [content]
    while waiting:
        value = waiting.pop()
        most = request_body.MOST_KEYS if isinstance(value, dict) else _MOST_NUMBERS
        if len(value) > most:
            what = "an object" if isinstance(value, dict) else "a list"
            raise InvalidRequestError(f"{what} of {len(value)} items is too long; allowed are at most {most}")
        nested = [v for v in (value.values() if isinstance(value, dict) else value) if isinstance(v, list | dict)]
        if isinstance(value, list) and len(nested) > limit:
            raise InvalidRequestError(f"a list of {len(nested)} lists is too long; allowed are 1 to {limit} images")
        waiting += nested


def seeds_of(options: GenerateBody, first: int, limit: int) -> list[int]:
    """One seed an image.

    Args:
        first: The seed to count from where no list is given.

    Raises:
        InvalidRequestError: if ``n``, ``seed`` and ``seeds`` contradict each other or ask for too many images.
    """
    if options.seeds is not None:
        if options.seed is not None:
            raise InvalidRequestError("seed and seeds are both given; allowed is one of them", "/seeds")
        assert isinstance(options.seeds, str)  # as its validator leaves it
        seeds = _listed_seeds(options.seeds, limit)
        if options.n not in (None, len(seeds)):
            raise InvalidRequestError(f"n is not the number of seeds, {len(seeds)}; leave it out", "/n")
        return seeds
    n = options.n or 1
    if n > limit:
        raise InvalidRequestError(f"n is too large; allowed are 1 to {limit} images", "/n")
    if first + n > SEED_LIMIT:
        raise InvalidRequestError("seed is too large for n images: the last one's seed is at most 2**64 - 1", "/seed")
    return list(range(first, first + n))


def _listed_seeds(ranges: str, limit: int) -> list[int]:
    seeds: list[int] = []
    for one in ranges.split(","):
        first, last = map(int, one.split("-"))
        if last - first >= limit - len(seeds):
            raise InvalidRequestError(f"seeds asks for too many images; allowed are 1 to {limit}", "/seeds")
        seeds += range(first, last + 1)
    return seeds


def overrides_of(controls: Controls, served: ServedGenerator, images: int) -> dict[str, Tensor]:
    """The codes that a request sets, ``images`` rows each; what the family does not have is refused."""
    codes = _codes(controls, served)
    try:
        return served.engine.model.overrides(codes, images)
    except ControlError as error:
        raise ControlError(str(error), _pointer(controls, error.pointer)) from error


def check_together(
    model: Generator,
    *given: tuple[Controls, Mapping[str, Tensor]],
    sweeps: Sequence[tuple[SweepBody | None, latent_traversal.Sweep | None]] = (),
) -> None:
    """Refuse controls that have no meaning beside each other, where a body sets or sweeps them.

    Args:
        given: Parts of the body, with the codes that they set.
        sweeps: Those of the body, with the values that they mean.
    """
    codes: dict[str, Tensor] = {}
    places: dict[str | None, str | None] = {}
    for controls, part in given:
        codes |= part
        places |= {f"/{name}": _pointer(controls, f"/{name}") for name in part}
    for body, sweep in sweeps:
        if body is not None and sweep is not None:
            codes[sweep.name], places[f"/{sweep.name}"] = sweep.values, body.at
    try:
        model.check_together(codes)
    except ControlError as error:
        raise ControlError(str(error), places.get(error.pointer, error.pointer)) from error


def _pointer(controls: Controls, place: str | None) -> str | None:
    """A place in codes as one in a body: beside its ``codes``, or inside, where also names are that do not exist."""
    if place is None:
        return None
    beside = place and place.split("/")[1] not in controls.codes
    return f"{controls.at}{place}" if beside else f"{controls.at}/codes{place}"


def _codes(controls: Controls, served: ServedGenerator) -> dict[str, Any]:
    codes: dict[str, Any] = dict(controls.codes)
    model = served.engine.model
    for name in _SPECIAL:
        value = getattr(controls, name)
        if value is None:
            continue
        place = f"{controls.at}/{name}"
        if name in codes:
            raise InvalidRequestError(f"{name} is given twice, in codes and beside them; leave one out", place)
        if all(control.name != name for control in model.controls):
            raise ControlError(f"{served.manifest.method} has no {name}; {model.offer()}", place)
        codes[name] = value
    return codes


def sweep_of(body: SweepBody, model: Generator, limit: int) -> latent_traversal.Sweep:
    """The values of a sweep.

    Raises:
        ControlError: if the control does not exist or take them.
        InvalidRequestError: if there are more than ``limit``, or the fields contradict each other.
    """
    control = _swept_control(body, model)
    if body.values is not None or control.kind in ("categorical", "choice"):
        if {body.low, body.high, body.steps, body.spacing} != {None}:
            raise InvalidRequestError("a sweep over values has no from, to, steps or spacing; leave them out", body.at)
        _check_steps(len(body.values or ()), limit, f"{body.at}/values")
        return _sweep(body, model, body.values)
    if (body.low is None) != (body.high is None):
        raise InvalidRequestError("from and to of a sweep go together; one of them is missing", body.at)
    steps = body.steps or _STEPS
    _check_steps(steps, limit, f"{body.at}/steps")
    spacing = body.spacing or ("normal" if model.is_gaussian(control.name) else "linear")
    if body.low is None or body.high is None:
        divided = spacing == "normal" and model.is_gaussian(control.name)
        low, high = latent_traversal.normal_ends(steps) if divided else (control.low, control.high)
    else:
        low, high = body.low, body.high
        _sweep(body, model, [low, high], ("from", "to"))  # before the values between them, which nobody gave
    return _sweep(body, model, latent_traversal.spaced(steps, low, high, spacing))


def _swept_control(body: SweepBody, model: Generator) -> Control:
    try:
        return model.control(body.control)
    except ControlError as error:
        raise ControlError(str(error), f"{body.at}/control") from error


def _sweep(
    body: SweepBody, model: Generator, values: Sequence[float | str] | None, fields: tuple[str, ...] = ()
) -> latent_traversal.Sweep:
    """The sweep over some values.

    Args:
        fields: Of the body, that hold one value each; if none are given, a value's place is in ``values``.
    """
    try:
        return latent_traversal.sweep(model, body.control, body.index, values)
    except ControlError as error:  # its place is one in codes, of a value if it has any
        parts = (error.pointer or "").split("/")[2:]
        if fields and parts:
            place = f"{body.at}/{fields[int(parts[0])]}"
        elif error.pointer and body.values is not None:
            place = "/".join([f"{body.at}/values", *parts])
        else:
            place = body.at if body.index is None else f"{body.at}/index"
        raise ControlError(str(error), place) from error


def _check_steps(steps: int, limit: int, place: str) -> None:
    if steps > limit:
        raise InvalidRequestError(f"a sweep has too many steps; allowed are 1 to {limit} images", place)


def swept(sweep: latent_traversal.Sweep | None, model: Generator) -> dict[str, Any] | None:
    """A sweep as an answer tells it."""
    if sweep is None:
        return None
    index = {} if sweep.index is None else {"index": sweep.index}
    return {"control": sweep.name, **index, "values": named(model.control(sweep.name), sweep.values.tolist())}


def listed(model: Generator, latents: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The named parts of codes, one value an image; no vectors."""
    scalars = [control for control in model.controls if control.kind != "vector" and control.name in latents]
    return {control.name: named(control, latents[control.name].tolist()) for control in scalars}


def named(control: Control, values: Sequence[float]) -> list[Any]:
    """Values as a request gives them: those of a choice by name."""
    return [control.choices[int(value)] for value in values] if control.kind == "choice" else list(values)


def described(model: Generator) -> list[dict[str, Any]]:
    """The controls of a model as answers tell them: the default of a choice by name, and how a seed draws them.

    ``drawn`` is the name of the law, in lower case; null for a control that is at its default, or absent, if left out.
    """
    laws = {site.name: type(site.distribution).__name__.lower() for site in model.sites}
    return [_described(control) | {"drawn": laws.get(control.name)} for control in model.controls]


def _described(control: Control) -> dict[str, Any]:
    description: dict[str, Any] = msgspec.to_builtins(control)
    if control.default is not None:
        description["default"] = named(control, [control.default])[0]
    return description
