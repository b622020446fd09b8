"""A generator with torch: its operations, their cost, and the function that does each."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, get_args

import torch

from models.generation import latent_traversal
from models.generation.encoder import Autoencoder, Encoder
from models.generation.generator import Generator
from models.generation.style import Projector, StyleMixer
from models.specs import Control
from service.backends.generator_jobs import (
    Codes,
    EncodeJob,
    GenerateJob,
    GeneratorJob,
    ImagesJob,
    Operation,
    ProjectJob,
    R,
    ReconstructJob,
    Sweep,
    Value,
)
from service.backends.protocols import Choice
from service.backends.torch_encoder import encode, reconstruct
from service.backends.torch_images import CHUNK_IMAGES, Generate, make_images
from service.backends.torch_latents import arrays, latents_of, tensors
from service.backends.torch_projector import SLICE_SECONDS, Searches
from service.scheduling.batching import BatchTerms, CheckCancelled

_LEAST_SECONDS = 1e-9

_KINDS: dict[Operation, type[Generator]] = {
    "generate": Generator,
    "traverse": Generator,
    "interpolate": Generator,
    "mix": StyleMixer,
    "encode": Encoder,
    "reconstruct": Autoencoder,
    "project": Projector,
}
"""The kind of generator that each operation takes."""


class TorchGenerator:
    """A generator on a device.

    Args:
        model: The generator; it is moved to ``device``.
        device: The device that computes.
        pixels: Number of values of one image.

    Attributes:
        generate: Function that makes the images of codes of one kind.
        seconds_per_image: Measured time of one image in a full chunk, in seconds.
        seconds_per_batch: Measured time of one image alone, in seconds.
    """

    name = "torch"

    def __init__(self, model: Generator, device: torch.device, pixels: int) -> None:
        self.model = model.to(device, model.precision)
        self.generate: Generate = self.model.generate
        self.device = str(device)
        self.pixels = pixels
        self.work_weight = max(1.0, pixels / 1024)
        self.operations: Sequence[Operation] = [
            operation for operation, kind in _KINDS.items() if isinstance(model, kind)
        ]
        self.controls: Sequence[Control] = model.controls
        self.distributions: Mapping[str, str] = {
            site.name: type(site.distribution).__name__.lower() for site in model.sites
        }
        self.levels: Sequence[str] = list(model.levels) if isinstance(model, StyleMixer) else []
        self.seconds_per_image = self.seconds_per_batch = 0.0
        self._searches = Searches()
        self.choice: Choice | None = None

    def warm(self, seed: int) -> None:
        """Run to compile and allocate, and to measure."""
        self._measure_seconds([seed])
        # Rounded, so that what they limit hardly ever changes when the model is loaded again.
        batch, chunk = (min(self._measure_seconds([seed] * n) for _ in range(2)) for n in (1, CHUNK_IMAGES))
        self.seconds_per_batch, self.seconds_per_image = float(f"{batch:.1g}"), float(f"{chunk / CHUNK_IMAGES:.1g}")
        if isinstance(self.model, Projector):  # the first step of a process takes seconds: torch loads its optimisers
            next(self.model.projection(self.model.generate(self.model.latents([seed]))[0].clone()))

    def _measure_seconds(self, seeds: Sequence[int]) -> float:
        start = time.perf_counter()
        self.run([GenerateJob(seeds)], lambda: None)
        return time.perf_counter() - start

    def release(self) -> None:
        """Do nothing: a generator keeps no draws."""

    def most_images(self, seconds: float) -> int:
        """Return how many images take no longer than some seconds; at least 1."""
        return max(1, int((seconds - self.seconds_per_batch) / max(self.seconds_per_image, _LEAST_SECONDS)))

    def terms(self, job: GeneratorJob[Any]) -> BatchTerms:
        """Return which jobs this one may share a batch with, and what it costs."""
        kind = ImagesJob if isinstance(job, get_args(ImagesJob)) else type(job)
        each = SLICE_SECONDS if isinstance(job, ProjectJob) else self.seconds_per_image
        work, seconds = job.size * self.work_weight, job.size * each
        return BatchTerms((self, kind), job.size, work, seconds, self.seconds_per_batch)

    def run(self, jobs: Sequence[GeneratorJob[R]], check_cancelled: CheckCancelled) -> Sequence[R]:
        """Do what jobs of one kind ask, in their order.

        Raises:
            NonFiniteOutputError: if an answer is NaN or infinite.
        """
        given: Any = jobs
        done: Any
        if isinstance(jobs[0], EncodeJob):
            done = encode(self.model, given, check_cancelled)
        elif isinstance(jobs[0], ReconstructJob):
            done = reconstruct(self.model, given, check_cancelled)
        elif isinstance(jobs[0], ProjectJob):
            done = self._searches.advance(self.model, given, check_cancelled)
        else:
            done = make_images(self.model, self.generate, given, check_cancelled)
        return done  # type: ignore[no-any-return]

    def codes(self, values: Mapping[str, Value], images: int) -> Codes:
        """Return a request's values of controls as codes, ``images`` rows each.

        Raises:
            ControlError: for a control that does not exist, or a value that it does not take.
        """
        return arrays(self.model.parse_codes(values, images))

    def sweep(self, control: str, index: int | None, values: Sequence[float | str] | None) -> Sweep:
        """Return a sweep over some values; over all of a control that has only so many if none are given.

        Raises:
            ControlError: if there is no such control or component, or it does not take a value.
        """
        sweep = latent_traversal.sweep(self.model, control, index, values)
        return Sweep(sweep.name, sweep.index, sweep.values.contiguous().numpy())

    def check_together(self, codes: Codes) -> None:
        """Refuse codes that have no meaning beside each other.

        Raises:
            ControlError: naming them.
        """
        self.model.check_together(tensors(codes))

    def check(self, job: ImagesJob) -> None:
        """Refuse a job that asks for a code that cannot be.

        Raises:
            ControlError: naming the part of the code.
        """
        if not isinstance(job, GenerateJob):  # its codes are checked one by one
            latents_of(self.model, job)
