"""Grids of images in which one or two controls move."""

from __future__ import annotations

from starlette.responses import Response

from models.errors import ControlError
from service.backends.generator_jobs import Sweep, TraverseJob
from service.backends.protocols import GeneratorBackend
from service.errors import InvalidRequestError
from service.handlers.generation import answer_images, read_request
from service.handlers.latent_codes import check_together, codes_of
from service.handlers.sweeps import describe_sweep, sweep_of
from service.http.exchange import Exchange
from service.runtime.runtime import Runtime
from service.schemas.generation import SweepBody, TraverseBody


async def answer_traversal(runtime: Runtime, exchange: Exchange, family: str) -> Response:
    """Return a grid of images in which one or two controls move and everything else is held."""
    asked = await read_request(runtime, exchange, family, TraverseBody, "traverse")
    options, backend, limit = asked.options, asked.served.backend, runtime.settings.max_images
    rows, columns = _sweep(options.rows, backend, limit), _sweep(options.columns, backend, limit)
    height, width = (1 if sweep is None else len(sweep.values) for sweep in (rows, columns))
    if height * width > limit:
        raise InvalidRequestError(f"{height} rows x {width} columns are {height * width} images; allowed are {limit}")
    codes = codes_of(options, asked.served, 1)
    _check_apart(rows, columns, set(codes))
    check_together(backend, (options, codes), sweeps=[(options.rows, rows), (options.columns, columns)])
    job = TraverseJob(runtime.choose_seed(options.seed), codes, rows, columns)
    facts = {
        "seeds": [job.seed] * job.size,
        "rows": describe_sweep(rows, backend.controls),
        "columns": describe_sweep(columns, backend.controls),
    }
    return await answer_images(runtime, asked, job, facts, (height, width), fresh=options.seed == "random")


def _sweep(body: SweepBody | None, backend: GeneratorBackend, limit: int) -> Sweep | None:
    return None if body is None else sweep_of(body, backend, limit)


def _check_apart(rows: Sweep | None, columns: Sweep | None, fixed: set[str]) -> None:
    """Refuse a control that is to be two things at once."""
    given = [sweep for sweep in (rows, columns) if sweep is not None]
    if not given:
        raise InvalidRequestError("nothing is swept; give rows, columns or both")
    if len({(sweep.control, sweep.index) for sweep in given}) < len(given):
        raise ControlError("rows and columns sweep the same; allowed are two controls, or two components of one")
    for sweep in given:
        if sweep.index is None and sweep.control in fixed:
            raise ControlError(f"{sweep.control} is both swept and set; leave one out")
