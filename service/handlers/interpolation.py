"""Images on the way from one code to another."""

from __future__ import annotations

from starlette.responses import Response

from models.errors import ControlError
from service.backends.generator_jobs import Codes, GenerateJob, InterpolateJob
from service.errors import InvalidRequestError
from service.handlers.generation import answer_images, read_request
from service.handlers.latent_codes import check_together, codes_of
from service.http.exchange import Exchange
from service.runtime.runtime import Runtime
from service.schemas.generation import InterpolateBody


async def answer_interpolation(runtime: Runtime, exchange: Exchange, family: str) -> Response:
    """Return images on the way between two codes, both ends included."""
    asked = await read_request(runtime, exchange, family, InterpolateBody, "interpolate")
    options, settings = asked.options, runtime.settings
    if options.steps > settings.max_images:
        raise InvalidRequestError(f"steps is too large; allowed are 2 to {settings.max_images} images", "/steps")
    both = codes_of(options, asked.served, 1)
    seeds = [runtime.choose_seed(end.seed) for end in (options.start, options.end)]
    start, end = (codes_of(body, asked.served, 1) for body in (options.start, options.end))
    _check_ends(both, start, end)
    for body, own in ((options.start, start), (options.end, end)):
        check_together(asked.served.backend, (body, own), (options, both))
    ends = (GenerateJob(seeds[:1], {**both, **start}), GenerateJob(seeds[1:], {**both, **end}))
    job = InterpolateJob(ends, options.steps, options.method)
    return await answer_images(runtime, asked, job, {"seeds": seeds, "method": options.method})


def _check_ends(both: Codes, start: Codes, end: Codes) -> None:
    """Refuse what is set twice."""
    twice = both.keys() & (start.keys() | end.keys())
    if twice:
        raise ControlError(f"{min(twice)} is set for both ends and for one of them; leave one out")
