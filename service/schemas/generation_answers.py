"""Answers of generators: the source of their part of the OpenAPI document."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field


class _Made(BaseModel):
    model: str
    version: str
    family: str


class GenerateAnswer(_Made):
    """Images, and the seeds and codes that made them."""

    seeds: list[int] = Field(description="Seed of each image; any of them makes its image again.")
    codes: dict[str, list[Any]] = Field(description="Controls by name, one value an image; a choice by its name.")
    format: str = Field(description="Form of each image: `png`, `npy` or `json`.")
    images: list[Any] = Field(description="Images one by one, or the one contact sheet.")


class SweptAxis(BaseModel):
    """A control that was swept, and its values."""

    control: str
    index: int | None = None
    values: list[float | str]


class TraverseAnswer(GenerateAnswer):
    """A grid, row by row."""

    rows: SweptAxis | None = Field(description="Sweep from row to row; null if the grid has one row.")
    columns: SweptAxis | None = Field(description="Sweep from column to column; null if the grid has one column.")


class InterpolateAnswer(_Made):
    """Images on the way, the two ends first and last."""

    seeds: list[int] = Field(description="Seeds of the two ends.")
    method: Literal["lerp", "slerp"]
    codes: dict[str, list[Any]] = Field(description="Controls by name, one value an image; a choice by its name.")
    format: str = Field(description="Form of each image: `png`, `npy` or `json`.")
    images: list[Any] = Field(description="Images one by one, or the one contact sheet.")


class MixAnswer(GenerateAnswer):
    """Images whose styles come from different seeds."""

    styles: dict[str, list[int]] = Field(description="Seed of each image's styles, by level.")


class EncodeAnswer(_Made):
    """Codes read off images, one entry an image."""

    codes: dict[str, dict[str, list[Any]]] = Field(
        description="Codes by control: `mean` and `variance` of a continuous one, `probabilities` and most probable "
        "`value` of a categorical one."
    )


class ReconstructAnswer(EncodeAnswer):
    """Images made again from their codes, with the law of total variance, in the units of the inputs."""

    seed: int = Field(description="Seed of the draws; sending it repeats the answer.")
    samples: int = Field(description="Number of codes drawn for each image.")
    mean: list[Any] = Field(description="Expected pixels, in the model's input shape.")
    aleatoric_variance: list[Any] = Field(
        description="Noise of the pixels given a code, averaged over the codes, in units of `mean` squared."
    )
    epistemic_variance: list[Any] | None = Field(
        description="Disagreement of the codes that the image allows, in units of `mean` squared; null for one code."
    )
    total_variance: list[Any] | None = Field(description="Sum of the two variances.")


class JobAnswer(_Made):
    """A search that goes on after its request was answered, and its result."""

    id: str
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    progress: float = Field(description="Share of the search that is done, 0 to 1.")
    loss: float | None = Field(
        description="Distance between the image sought and the best so far; null before the first steps."
    )
    w: list[Any] | None = Field(description="Style code found, once the search is done.")
    image: str | None = Field(description="Image of that code, once the search is done: base64 of a PNG.")
    detail: str | None = Field(description="Reason, if the search failed.")
