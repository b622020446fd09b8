"""Seeds and latent codes of a request, refused in words where they do not fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.errors import ControlError
from models.noise import SEED_LIMIT
from models.specs import Control, offer_controls
from service.backends.generator_jobs import Codes, Sweep
from service.backends.protocols import GeneratorBackend
from service.errors import InvalidRequestError
from service.http import request_body
from service.runtime.registry import ServedGenerator
from service.schemas.generation import Controls, GenerateBody, SweepBody

_SPECIAL = ("z", "w", "truncation_psi", "resolution", "fade_alpha", "noise")
"""Controls that have a field of their own in the body; a family has them or not."""

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
    """Return one seed for each image.

    Args:
        options: Options of the request.
        first: Seed to count from where no list is given.
        limit: Most images of one request.

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


def codes_of(controls: Controls, served: ServedGenerator, images: int) -> Codes:
    """Return the codes that a part of a request sets, ``images`` rows each.

    Raises:
        ControlError: for a control that the family does not have, or a value that it does not take.
    """
    values = _values(controls, served)
    try:
        return served.backend.codes(values, images)
    except ControlError as error:
        raise ControlError(str(error), _pointer(controls, error.pointer)) from error


def check_together(
    backend: GeneratorBackend,
    *parts: tuple[Controls, Codes],
    sweeps: Sequence[tuple[SweepBody | None, Sweep | None]] = (),
) -> None:
    """Refuse controls that have no meaning beside each other, where a body sets or sweeps them.

    Args:
        backend: The model that takes them.
        parts: Parts of the body, with the codes that they set.
        sweeps: Sweeps of the body, with the values that they mean.
    """
    codes: dict[str, Any] = {}
    pointers: dict[str | None, str | None] = {}
    for controls, part in parts:
        codes |= part
        pointers |= {f"/{name}": _pointer(controls, f"/{name}") for name in part}
    for body, sweep in sweeps:
        if body is not None and sweep is not None:
            codes[sweep.control], pointers[f"/{sweep.control}"] = sweep.values, body.at
    try:
        backend.check_together(codes)
    except ControlError as error:
        raise ControlError(str(error), pointers.get(error.pointer, error.pointer)) from error


def _pointer(controls: Controls, pointer: str | None) -> str | None:
    """Return a pointer into codes as one into a body: beside its ``codes``, or inside them.

    Names that do not exist are inside.
    """
    if pointer is None:
        return None
    beside = pointer and pointer.split("/")[1] not in controls.codes
    return f"{controls.at}{pointer}" if beside else f"{controls.at}/codes{pointer}"


def _values(controls: Controls, served: ServedGenerator) -> dict[str, Any]:
    values: dict[str, Any] = dict(controls.codes)
    known = served.backend.controls
    for name in _SPECIAL:
        value = getattr(controls, name)
        if value is None:
            continue
        pointer = f"{controls.at}/{name}"
        if name in values:
            raise InvalidRequestError(f"{name} is given twice, in codes and beside them; leave one out", pointer)
        if all(control.name != name for control in known):
            raise ControlError(f"{served.manifest.method} has no {name}; {offer_controls(known)}", pointer)
        values[name] = value
    return values


def list_codes(controls: Sequence[Control], codes: Codes) -> dict[str, list[Any]]:
    """Return the named parts of codes as lists, one value an image."""
    return {control.name: name_choices(control, codes[control.name]) for control in controls if control.name in codes}


def name_choices(control: Control, values: NDArray[Any]) -> list[Any]:
    """Return values as a request gives them: those of a choice by name."""
    listed: list[Any] = values.tolist()
    return [control.choices[int(value)] for value in listed] if control.kind == "choice" else listed


def describe_controls(backend: GeneratorBackend) -> list[dict[str, Any]]:
    """Return the controls of a model as answers tell them: the default of a choice by name, and how a seed draws them.

    ``drawn`` is the name of the distribution, in lower case; null for a control that is at its default, or absent, if
    left out.
    """
    return [_describe(control) | {"drawn": backend.distributions.get(control.name)} for control in backend.controls]


def _describe(control: Control) -> dict[str, Any]:
    description: dict[str, Any] = msgspec.to_builtins(control)
    if control.default is not None:
        description["default"] = name_choices(control, np.array([control.default]))[0]
    return description
