"""More images than one request may have, as several requests: each image is made, or read, on its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import fields, replace
from itertools import chain, islice
from typing import Any, TypeVar

import httpx
import numpy as np
from numpy.typing import NDArray

from service.client.answers import Encoded, Generated
from service.client.exchange import Exchange
from service.client.parts import naming_rows
from service.client.reading import read_images
from service.client.requests import NPY, Request, images_request, npy
from service.client.retries import deliver

E = TypeVar("E", bound=Encoded)

_RANGE = re.compile(r"\s*(\d{1,20})(?:-(\d{1,20}))?\s*")


def image_count(options: Mapping[str, Any]) -> int:
    """Return the number of images that options of ``POST /generate/{family}`` ask for."""
    if options.get("seeds") is None:
        return int(options.get("n") or 1)
    return sum(last - first + 1 for first, last in _ranges(options["seeds"]))


def generate_in_parts(
    family: str, entry: Mapping[str, Any], options: Mapping[str, Any], seconds: float
) -> Exchange[Generated]:
    """Ask for images, in as few requests as the limits allow.

    Args:
        family: Family of generators.
        entry: The model, as ``GET /models/{name}`` describes it.
        options: Options of ``POST /generate/{family}``.
        seconds: Time of each request.
    """
    count, size = image_count(options), int(entry["limits"]["images"])
    vectors = {control["name"] for control in entry["controls"] if control["kind"] == "vector"}
    parts: list[Generated] = []
    for start in range(0, count, size):
        stop = min(start + size, count)
        part = _cut(options, vectors, count, slice(start, stop))
        if options.get("seeds") is not None:
            part |= {"seeds": list(islice(_seeds(options["seeds"]), start, stop)), "n": None}
        else:
            seed = parts[0].seeds[0] + start if parts else options.get("seed")  # one that was left out is known then
            part |= {"seed": seed, "n": stop - start}
        parts.append(read_images((yield from deliver(images_request(family, "", part), seconds))))
    codes = {name: [code for part in parts for code in part.codes[name]] for name in parts[0].codes}
    seeds = tuple(seed for part in parts for seed in part.seeds)
    return replace(parts[0], pixels=np.concatenate([part.pixels for part in parts]), seeds=seeds, codes=codes)


def read_in_parts(
    request: Request, images: NDArray[Any], size: int, read: Callable[[httpx.Response], E], seconds: float
) -> Exchange[E]:
    """Send images, so many in a request, and put what is read off them together.

    Args:
        request: Request without its body.
        images: Array ``(images, ...)``.
        size: Number of images in a request.
        read: Function that reads an answer.
        seconds: Time of each request.
    """
    parts: list[E] = []
    for start in range(0, max(len(images), 1), size):
        body = images[start : start + size]
        seed = getattr(parts[0], "seed", None) if parts else request.query.get("seed")  # a fresh one is drawn once
        sent = replace(request, query={**request.query, "seed": seed}, content=npy(body), sent=NPY)
        with naming_rows(start, start + len(body) - 1) if len(images) > size else nullcontext():
            parts.append(read((yield from deliver(sent, seconds))))
    return parts[0] if len(parts) == 1 else replace(parts[0], **_joined(parts))


def _joined(parts: Sequence[Encoded]) -> dict[str, Any]:
    joined: dict[str, Any] = {
        "codes": {
            name: {kind: np.concatenate([part.codes[name][kind] for part in parts]) for kind in code}
            for name, code in parts[0].codes.items()
        }
    }
    for field in fields(parts[0]):
        values = [getattr(part, field.name) for part in parts]
        if isinstance(values[0], np.ndarray):
            joined[field.name] = np.concatenate(values)
    return joined


def _ranges(seeds: Sequence[int] | str) -> list[tuple[int, int]]:
    """Return first and last seed of each range in seeds, such as "0,4-6"; none of a text that the service explains."""
    if not isinstance(seeds, str):
        return [(int(seed), int(seed)) for seed in seeds]
    matches = [_RANGE.fullmatch(part) for part in seeds.split(",")]
    ranges = [(int(one[1]), int(one[2] or one[1])) for one in matches if one]
    return ranges if len(ranges) == len(matches) and all(first <= last for first, last in ranges) else []


def _seeds(seeds: Sequence[int] | str) -> Iterator[int]:
    return chain.from_iterable(range(first, last + 1) for first, last in _ranges(seeds))


def _cut(options: Mapping[str, Any], vectors: set[str], count: int, part: slice) -> dict[str, Any]:
    """Return options in which what is given for each image is given for those of a part."""

    def cut(name: str, value: Any) -> Any:
        if value is None or isinstance(value, str) or np.ndim(value) != (2 if name in vectors else 1):
            return value
        return value[part] if len(value) == count else value

    codes = {name: cut(name, value) for name, value in (options.get("codes") or {}).items()}
    beside = {name: cut(name, options[name]) for name in ("z", "w") if name in options}
    return {**options, **beside} | ({"codes": codes} if codes else {})
