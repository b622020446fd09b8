"""What requests to generators may say: the source of their part of the OpenAPI document."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field

from models.noise import SEED_LIMIT
from service.schemas.prediction import Number, Options, PlainNumber, Real, Seed, Whole

Numbers = Annotated[list[Number], Field(fail_fast=True)]  # else a long list of nonsense is a long list of errors
NumbersEach = Annotated[list[Numbers], Field(fail_fast=True)]
Value = Number | str | Numbers | NumbersEach
ListedSeeds = Annotated[list[Seed], Field(fail_fast=True)]
Seeds = Seed | ListedSeeds

_SEED_RANGE = re.compile("([0-9]{1,20})(?:-([0-9]{1,20}))?")


def _in_ranges(given: str | list[int] | None) -> str | None:
    """Seeds as the one text that stands for them, "0,4-6": what asks for the same is the same."""
    if given is None:
        return None
    ranges: list[tuple[int, int]] = []
    for part in given.split(",") if isinstance(given, str) else given:
        match = _SEED_RANGE.fullmatch(str(part).strip(" "))
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if not first <= last < SEED_LIMIT:
            raise ValueError('Input should be a list of seeds, or text as "0,4-6"')
        begun = ranges.pop()[0] if ranges and ranges[-1][1] + 1 == first else first
        ranges.append((begun, last))
    if not ranges:
        raise ValueError("Input should have at least one seed")
    return ",".join(f"{first}-{last}" for first, last in ranges)


class ModelChoice(Options):
    """Which model of a family."""

    model: str | None = Field(None, description="Which checkpoint, where several share the family.")
    version: Whole | None = Field(None, description="A whole number; the newest if left out.")


class Controls(Options):
    """What is set of a latent code; the rest is drawn, or at its default."""

    at: ClassVar[str] = ""
    """JSON pointer to it in a body."""

    codes: dict[str, Value] = Field(
        default_factory=dict,
        description="Named controls from `GET /generate/{family}`: one value, or one per image; a choice by its name.",
    )
    z: Numbers | NumbersEach | None = Field(None, description="The noise vector, for every image or one for each.")
    w: Numbers | NumbersEach | None = Field(
        None, description="Intermediate latent in place of z, where the family has one."
    )
    truncation_psi: Real | None = Field(
        None,
        description="How far from the mean image, where the family has it: 0 is that image, 1 is as drawn.",
    )
    resolution: Whole | None = Field(None, description="Side in pixels, where the family has a choice.")
    fade_alpha: Real | None = Field(
        None, description="Fade between a resolution and the one below, where the family has it."
    )
    noise: str | None = Field(
        None, description="Of each layer: `const`, `random` (from the seed) or `none`, where the family has it."
    )


class ImageForm(Options):
    """How images come in a JSON answer."""

    format: Literal["png", "npy", "json"] = Field(
        "png", description="Of each image in a JSON answer: base64 of a PNG or .npy file, or nested lists."
    )
    layout: Literal["list", "grid"] = Field(
        "list", description="`grid`: one contact sheet in place of the list of images."
    )


class ImagesBody(ImageForm, Controls, ModelChoice):
    """What all requests for images have."""


SeedOption = Seed | Literal["random"] | None


class GenerateBody(ImagesBody):
    """A generation. Item ``i`` is made by its own seed alone, whatever else is in the request."""

    n: Annotated[int, Field(ge=1), PlainNumber] | None = Field(
        None, description="Number of images, 1 if left out; with `seed` the seeds are seed, seed + 1, ..."
    )
    seed: SeedOption = Field(None, description="Seed of the first image, 0 to 2**64 - 1, or `random`.")
    seeds: Annotated[str | ListedSeeds | None, AfterValidator(_in_ranges)] = Field(
        None, description='A seed for each image, 0 to 2**64 - 1: a list, or text as "0,4-6".'
    )


class SweepBody(Options):
    """One control, or one component of a vector control, that is swept."""

    at: ClassVar[str] = ""
    """JSON pointer to it in a body."""

    control: str = Field(description="Name from `GET /generate/{family}`.")
    index: Annotated[int, Field(ge=0), PlainNumber] | None = Field(
        None, description="Component of a vector control, from 0."
    )
    values: Annotated[list[Number | str], Field(min_length=1, fail_fast=True)] | None = Field(
        None, description="In place of `from`, `to` and `steps`. All of a categorical control or a choice if left out."
    )
    low: Number | None = Field(
        None,
        alias="from",
        description="First value; with `to`. If left out, the control's smallest; of Gaussian noise, all of it is "
        "divided into equally probable parts.",
    )
    high: Number | None = Field(None, alias="to", description="Last value.")
    steps: Annotated[int, Field(ge=1), PlainNumber] | None = Field(None, description="Number of values, 6 if left out.")
    spacing: Literal["linear", "normal"] | None = Field(
        None,
        description="`normal`: values at equally spaced probabilities of the standard normal. If left out, `normal` "
        "for Gaussian noise, else `linear`.",
    )


class RowsBody(SweepBody):
    """What changes from row to row."""

    at = "/rows"


class ColumnsBody(SweepBody):
    """What changes from column to column."""

    at = "/columns"


class TraverseBody(ImagesBody):
    """A grid in which one or two controls move and everything else is held."""

    seed: SeedOption = Field(
        None, description="Of all that is neither swept nor set, for every image: 0 to 2**64 - 1, or `random`."
    )
    rows: RowsBody | None = Field(
        None, description="What changes from row to row: `control`, `index` and `values`, or `from`, `to` and `steps`."
    )
    columns: ColumnsBody | None = Field(None, description="What changes from column to column; the same fields.")


class End(Controls):
    """One end of an interpolation."""

    seed: Seed | None = Field(
        None, description="Of all that is not set, 0 to 2**64 - 1; the server's default if left out."
    )


class FirstEnd(End):
    """Where it begins."""

    at = "/from"


class LastEnd(End):
    """Where it ends."""

    at = "/to"


class InterpolateBody(ImagesBody):
    """A line between two codes. What is set here is set at both ends."""

    start: FirstEnd = Field(
        alias="from", description="The first image: `seed`, or `z`, `w` or `codes`, or some of each."
    )
    end: LastEnd = Field(alias="to", description="The last image; the same fields.")
    steps: Annotated[int, Field(ge=2), PlainNumber] = Field(8, description="Number of images, both ends included.")
    method: Literal["lerp", "slerp"] = Field(
        "slerp",
        description="`slerp`: Gaussian noise along the great circle, everything else straight. `lerp`: all straight.",
    )


class MixBody(ImagesBody):
    """Images whose styles come from different seeds, level by level: one seed, or one per image."""

    coarse: Seeds | None = Field(
        None, description="Of the first layers' styles, shape and pose: a seed, 0 to 2**64 - 1, or one per image."
    )
    middle: Seeds | None = Field(None, description="Of the middle layers' styles.")
    fine: Seeds | None = Field(None, description="Of the last layers' styles: colour and detail.")
    seed: Seeds | None = Field(
        None, description="Of the levels left out, and of all else that is drawn; the first that is given if left out."
    )


class ReconstructOptions(ModelChoice):
    """Of a reconstruction, each in the query or in a JSON body."""

    samples: Annotated[int, Field(ge=0), PlainNumber] = Field(
        50, description="Codes drawn from the posterior of each image, 0 to 1000. 0: the posterior's mean alone."
    )
    seed: SeedOption = Field(None, description="Of the draws, 0 to 2**64 - 1, or `random`.")


class _Images(Options):
    inputs: list[Any] = Field(
        description="Raw images in the model's shape, or flat. `GET /models/{name}` has shape and range."
    )


class EncodeBody(ModelChoice, _Images):
    """Images to read codes off, as JSON."""


class ReconstructBody(ReconstructOptions, _Images):
    """Images to reconstruct, as JSON."""
