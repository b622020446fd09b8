"""What generators answer: the source of their part of the OpenAPI document."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field


class _Made(BaseModel):
    model: str
    version: str
    family: str


class GenerateAnswer(_Made):
    """Images with what made them."""

    seeds: list[int] = Field(description="One an image; any of them makes its image again.")
    codes: dict[str, list[Any]] = Field(description="Named controls, one value an image; a choice by its name.")
    format: str
    images: list[Any] = Field(description="One an image, or the one contact sheet.")


class SweptAxis(BaseModel):
    """What was swept."""

    control: str
    index: int | None = None
    values: list[float | str]


class TraverseAnswer(GenerateAnswer):
    """A grid, row by row."""

    rows: SweptAxis | None = Field(description="Null if the grid has one row.")
    columns: SweptAxis | None = Field(description="Null if the grid has one column.")


class InterpolateAnswer(_Made):
    """Images on the way, the two ends first and last."""

    seeds: list[int] = Field(description="Of the two ends.")
    method: Literal["lerp", "slerp"]
    codes: dict[str, list[Any]] = Field(description="Named controls, one value an image; a choice by its name.")
    format: str
    images: list[Any] = Field(description="One an image, or the one contact sheet.")


class MixAnswer(GenerateAnswer):
    """Images whose styles come from different seeds."""

    styles: dict[str, list[int]] = Field(description="By level, the seed of each image's styles.")


class EncodeAnswer(_Made):
    """What images tell of their codes, one entry an image."""

    codes: dict[str, dict[str, list[Any]]] = Field(
        description="By control: `mean` and `variance` of a continuous one, `probabilities` and the likeliest `value` "
        "of a categorical one."
    )


class ReconstructAnswer(EncodeAnswer):
    """Images as their codes tell them, with the law of total variance, in the units of the inputs."""

    seed: int = Field(description="Of the draws; sending it repeats the answer.")
    samples: int
    mean: list[Any] = Field(description="Expected pixels, in the model's input shape.")
    aleatoric_variance: list[Any] = Field(description="Noise of the pixels given a code, averaged over the codes.")
    epistemic_variance: list[Any] | None = Field(
        description="Disagreement of the codes that the image allows; null for one code."
    )
    total_variance: list[Any] | None = Field(description="Their sum.")


class JobAnswer(_Made):
    """A search that goes on after the answer, and its result."""

    id: str
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    progress: float = Field(description="Share that is done, 0 to 1.")
    loss: float | None = Field(description="How unlike the image is, so far; null before the first steps.")
    w: list[Any] | None = Field(description="The code found, once done.")
    image: str | None = Field(description="That it makes, once done: base64 of a PNG.")
    detail: str | None = Field(description="Why it failed.")
