"""Images whose layers have the styles of different seeds."""

from __future__ import annotations

from starlette.responses import Response

from models.errors import ControlError
from service.backends.generator_jobs import MixJob
from service.errors import InvalidRequestError
from service.handlers.generation import answer_images, read_request
from service.handlers.latent_codes import codes_of
from service.http.exchange import Exchange
from service.runtime.runtime import Runtime
from service.schemas.generation import MixBody

_LEVELS = ("coarse", "middle", "fine")


async def answer_mix(runtime: Runtime, exchange: Exchange, family: str) -> Response:
    """Return images in which each level of layers has the styles of its own seed."""
    asked = await read_request(runtime, exchange, family, MixBody, "mix")
    known = asked.served.backend.levels
    levels, seeds = _seeds(asked.options, runtime)
    unknown = levels.keys() - set(known)
    if unknown:
        raise InvalidRequestError(f"this model has no {min(unknown)} layers; its levels are: {', '.join(known)}")
    codes = codes_of(asked.options, asked.served, len(seeds))
    if codes.keys() & {"z", "w"}:
        raise ControlError("the styles that are mixed come from seeds; leave z and w out")
    facts = {"seeds": seeds, "styles": {level: levels.get(level, seeds) for level in known}}
    return await answer_images(runtime, asked, MixJob(seeds, levels, codes), facts)


def _seeds(options: MixBody, runtime: Runtime) -> tuple[dict[str, list[int]], list[int]]:
    """Return one seed per image for every level that is given, and for the rest of the code."""
    given = {name: getattr(options, name) for name in (*_LEVELS, "seed") if getattr(options, name) is not None}
    lists = {name: [seeds] if isinstance(seeds, int) else seeds for name, seeds in given.items()}
    if not lists:
        raise InvalidRequestError(f"no seed is given; allowed are: {', '.join(_LEVELS)} and seed")
    for name, seeds in lists.items():
        if not seeds:
            raise InvalidRequestError(f"{name} is an empty list; allowed is one seed, or one per image", f"/{name}")
    lengths = {len(seeds) for seeds in lists.values()} - {1}
    if len(lengths) > 1:
        raise InvalidRequestError("lists of seeds differ in length; allowed is one seed, or as many for every level")
    images = max(lengths, default=1)
    limit = runtime.settings.max_images
    if images > limit:
        raise InvalidRequestError(f"there are {images} seeds of a level; allowed are 1 to {limit} images")
    spread = {name: seeds * images if len(seeds) == 1 else seeds for name, seeds in lists.items()}
    rest = spread.pop("seed", None)
    return spread, rest or next(iter(spread.values()))
