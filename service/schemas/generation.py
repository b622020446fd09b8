"""Options of requests to generators: the source of their part of the OpenAPI document."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field

from models.noise import SEED_LIMIT
from service.schemas.fields import Number, Options, PlainNumber, Real, Seed, Whole

Numbers = Annotated[list[Number], Field(fail_fast=True)]  # or a long list of nonsense gives a long list of errors
NumbersEach = Annotated[list[Numbers], Field(fail_fast=True)]
Value = Number | str | Numbers | NumbersEach
ListedSeeds = Annotated[list[Seed], Field(fail_fast=True)]
Seeds = Seed | ListedSeeds

_SEED_RANGE = re.compile("([0-9]{1,20})(?:-([0-9]{1,20}))?")


def _in_ranges(given: str | list[int] | None) -> str | None:
    """Return seeds as the one text that stands for them, such as "0,4-6", so that equal requests have equal options."""
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
    """Choice of a model of a family."""

    model: str | None = Field(None, description="Name of the checkpoint, where several share the family.")
    version: Whole | None = Field(None, description="Version, a whole number; the newest if left out.")


class Controls(Options):
    """Settings of a latent code; the rest of it is drawn, or at its default."""

    at: ClassVar[str] = ""
    """JSON pointer to these settings in a body."""

    codes: dict[str, Value] = Field(
        default_factory=dict,
        description="Controls by name, from `GET /generate/{family}`: one value, or one per image; a choice by name.",
    )
    z: Numbers | NumbersEach | None = Field(None, description="Noise vector, one for all images or one per image.")
    w: Numbers | NumbersEach | None = Field(
        None, description="Intermediate latent code in place of `z`, where the family has one."
    )
    truncation_psi: Real | None = Field(
        None,
        description="Truncation, where the family has it: from 0, the mean image, to 1, the image as drawn.",
    )
    resolution: Whole | None = Field(None, description="Side of the images in pixels, where the family has a choice.")
    fade_alpha: Real | None = Field(
        None, description="Share of this resolution against the one below, 0 to 1, where the family has it."
    )
    noise: str | None = Field(
        None, description="Noise of each layer, where the family has it: `const`, `random` (from the seed) or `none`."
    )


class ImageForm(Options):
    """Form of the images in a JSON answer."""

    format: Literal["png", "npy", "json"] = Field(
        "png", description="Form of each image in a JSON answer: base64 of a PNG or .npy file, or nested lists."
    )
    layout: Literal["list", "grid"] = Field(
        "list", description="`list` for a list of images, `grid` for one contact sheet."
    )


class ImagesBody(ImageForm, Controls, ModelChoice):
    """Options of all requests for images."""


SeedOption = Seed | Literal["random"] | None


class GenerateBody(ImagesBody):
    """A generation. Item ``i`` is made by its own seed alone, whatever else is in the request."""

    n: Annotated[int, Field(ge=1), PlainNumber] | None = Field(
        None, description="Number of images, 1 if left out; with `seed`, their seeds are seed, seed + 1, ..."
    )
    seed: SeedOption = Field(None, description="Seed of the first image, 0 to 2**64 - 1, or `random`.")
    seeds: Annotated[str | ListedSeeds | None, AfterValidator(_in_ranges)] = Field(
        None, description='Seed of each image, 0 to 2**64 - 1: a list, or text such as "0,4-6".'
    )


class SweepBody(Options):
    """A sweep of one control, or of one component of a vector control."""

    at: ClassVar[str] = ""
    """JSON pointer to this sweep in a body."""

    control: str = Field(description="Name of the control, from `GET /generate/{family}`.")
    index: Annotated[int, Field(ge=0), PlainNumber] | None = Field(
        None, description="Component of a vector control, counted from 0."
    )
    values: Annotated[list[Number | str], Field(min_length=1, fail_fast=True)] | None = Field(
        None,
        description="Values, in place of `from`, `to` and `steps`; all of a categorical control or choice if left out.",
    )
    low: Number | None = Field(
        None,
        alias="from",
        description="First value, together with `to`. If left out, the control's smallest; Gaussian noise is then "
        "divided into equally probable parts.",
    )
    high: Number | None = Field(None, alias="to", description="Last value, together with `from`.")
    steps: Annotated[int, Field(ge=1), PlainNumber] | None = Field(None, description="Number of values, 6 if left out.")
    spacing: Literal["linear", "normal"] | None = Field(
        None,
        description="Spacing of the values: `linear`, or `normal` for equally spaced probabilities of the standard "
        "normal. If left out, `normal` for Gaussian noise, else `linear`.",
    )


class RowsBody(SweepBody):
    """The sweep from row to row."""

    at = "/rows"


class ColumnsBody(SweepBody):
    """The sweep from column to column."""

    at = "/columns"


class TraverseBody(ImagesBody):
    """A grid in which one or two controls move and everything else is held."""

    seed: SeedOption = Field(
        None, description="Seed of all that is neither swept nor set, for every image: 0 to 2**64 - 1, or `random`."
    )
    rows: RowsBody | None = Field(
        None, description="Sweep from row to row: `control`, `index` and `values`, or `from`, `to` and `steps`."
    )
    columns: ColumnsBody | None = Field(None, description="Sweep from column to column, with the same fields.")


class End(Controls):
    """One end of an interpolation."""

    seed: Seed | None = Field(
        None, description="Seed of all that is not set, 0 to 2**64 - 1; the server's default if left out."
    )


class FirstEnd(End):
    """The first end of an interpolation."""

    at = "/from"


class LastEnd(End):
    """The last end of an interpolation."""

    at = "/to"


class InterpolateBody(ImagesBody):
    """A line between two codes. Settings beside the two ends hold for both."""

    start: FirstEnd = Field(
        alias="from", description="Code of the first image: `seed`, or `z`, `w` or `codes`, or some of each."
    )
    end: LastEnd = Field(alias="to", description="Code of the last image, with the same fields.")
    steps: Annotated[int, Field(ge=2), PlainNumber] = Field(8, description="Number of images, both ends included.")
    method: Literal["lerp", "slerp"] = Field(
        "slerp",
        description="Path: with `slerp`, Gaussian noise follows the great circle and everything else a straight line; "
        "with `lerp`, everything follows a straight line.",
    )


class MixBody(ImagesBody):
    """Images whose styles come from different seeds, level by level: one seed, or one per image."""

    coarse: Seeds | None = Field(
        None, description="Seed of the first layers' styles (shape, pose), 0 to 2**64 - 1, or one per image."
    )
    middle: Seeds | None = Field(None, description="Seed of the middle layers' styles, or one per image.")
    fine: Seeds | None = Field(None, description="Seed of the last layers' styles (colour, detail), or one per image.")
    seed: Seeds | None = Field(
        None, description="Seed of the levels left out, and of all else that is drawn; the first one given if left out."
    )


class ReconstructOptions(ModelChoice):
    """Options of a reconstruction, each in the query or in a JSON body."""

    samples: Annotated[int, Field(ge=0), PlainNumber] = Field(
        50, description="Number of codes drawn from the posterior of each image, 0 to 1000; with 0, its mean alone."
    )
    seed: SeedOption = Field(None, description="Seed of the draws, 0 to 2**64 - 1, or `random`.")


class _Images(Options):
    inputs: list[Any] = Field(
        description="Raw images in the model's input shape, or flat; `GET /models/{name}` has shape and range."
    )


class EncodeBody(ModelChoice, _Images):
    """Images whose codes are to be read off, as JSON."""


class ReconstructBody(ReconstructOptions, _Images):
    """Images to reconstruct, as JSON."""
