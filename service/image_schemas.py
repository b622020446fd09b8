"""What requests to generators may say: the source of their part of the OpenAPI document."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from service.schemas import Number, Options, Real, Seed, Whole

Numbers = Annotated[list[Number], Field(fail_fast=True)]  # else a long list of nonsense is a long list of errors
NumbersEach = Annotated[list[Numbers], Field(fail_fast=True)]
Value = Number | str | Numbers | NumbersEach
ListedSeeds = Annotated[list[Seed], Field(fail_fast=True)]
Seeds = Seed | ListedSeeds


class ModelChoice(Options):
    """Which model of a family."""

    model: str | None = Field(None, description="Which checkpoint, where several share the family.")
    version: Whole | None = Field(None, description="The newest if left out.")


class Controls(Options):
    """What is set of a latent code; the rest is drawn, or at its default."""

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

    n: Annotated[Whole, Field(ge=1)] | None = Field(
        None, description="Number of images, 1 if left out; with `seed` the seeds are seed, seed + 1, ..."
    )
    seed: SeedOption = Field(None, description="Seed of the first image, 0 to 2**64 - 1, or `random`.")
    seeds: str | ListedSeeds | None = Field(None, description='A seed for each image: a list, or text as "0,4-6".')


class SweepBody(Options):
    """One control, or one component of a vector control, that is swept."""

    control: str = Field(description="Name from `GET /generate/{family}`.")
    index: Annotated[Whole, Field(ge=0)] | None = Field(None, description="Component of a vector control, from 0.")
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
    steps: Annotated[Whole, Field(ge=1)] | None = Field(None, description="Number of values, 6 if left out.")
    spacing: Literal["linear", "normal"] | None = Field(
        None,
        description="`normal`: values at equally spaced probabilities of the standard normal. If left out, `normal` "
        "for Gaussian noise, else `linear`.",
    )


class TraverseBody(ImagesBody):
    """A grid in which one or two controls move and everything else is held."""

    seed: SeedOption = Field(
        None, description="Of all that is neither swept nor set, for every image: 0 to 2**64 - 1, or `random`."
    )
    rows: SweepBody | None = Field(
        None, description="What changes from row to row: `control`, `index` and `values`, or `from`, `to` and `steps`."
    )
    columns: SweepBody | None = Field(None, description="What changes from column to column; the same fields.")


class End(Controls):
    """One end of an interpolation."""

    seed: Seed | None = Field(None, description="Of all that is not set; the server's default if left out.")


class InterpolateBody(ImagesBody):
    """A line between two codes. What is set here is set at both ends."""

    start: End = Field(alias="from", description="The first image: `seed`, or `z`, `w` or `codes`, or some of each.")
    end: End = Field(alias="to", description="The last image; the same fields.")
    steps: Annotated[Whole, Field(ge=2)] = Field(8, description="Number of images, both ends included.")
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

    samples: Annotated[Whole, Field(ge=0)] = Field(
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
