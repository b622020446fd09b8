"""Generated noisy damped oscillations: sequences whose future is as uncertain as their past is noisy."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from models.noise import Normal, Site, Uniform, draw_noise
from models.specs import InputSpec
from training.data.dataset import Dataset, Split, moments, target_spec

STEPS = 32
STEP_SECONDS = 0.25
AHEAD_SECONDS = 1.0
"""Time from the last step that is seen to the displacement that is to be predicted."""

NOISE = (0.02, 0.3)
"""Smallest and largest deviation of the noise, in cm; each oscillation has its own, at all steps and in the target."""

_ROWS = (1500, 250, 500, 1000)


def oscillation() -> Dataset:
    """Generate 3250 damped oscillations of 32 noisy steps; the target is the noisy displacement 1 s later, in cm."""
    train, validation, calibration, test = (_rows(count, index) for index, count in enumerate(_ROWS))
    inputs = InputSpec("sequence", (STEPS, 1), *moments(train.inputs), names=("displacement in cm",))
    outputs = target_spec(train.targets, ("displacement one second later in cm",))
    return Dataset("oscillation", inputs, outputs, train, validation, calibration, test)


def displacement(shape: Tensor, seconds: Tensor) -> Tensor:
    """Return ``a exp(-d t) cos(2 pi f t + phase)`` without noise, in cm, ``(N, T)``.

    Args:
        shape: Four numbers from 0 to 1 for each oscillation, ``(N, 4)``: amplitude from 1 to 2 cm, damping from 0 to
            0.2 a second, frequency from 0.2 to 0.6 a second, and phase.
        seconds: Times ``(T,)`` in seconds.
    """
    amplitude, damping, frequency, phase = shape.unsqueeze(-1).unbind(1)
    wave = (2 * math.pi * ((0.2 + 0.4 * frequency) * seconds + phase)).cos()
    return (1 + amplitude) * (-0.2 * damping * seconds).exp() * wave


def _rows(count: int, index: int) -> Split:
    sites = (
        Site("shape", (count, 4), Uniform(0.0, 1.0)),
        Site("deviation", (count, 1), Uniform(*NOISE)),
        Site("noise", (count, STEPS + 1), Normal()),
    )
    drawn = {name: tensor[0] for name, tensor in draw_noise(sites, seed=0, start=index, stop=index + 1).items()}
    seconds = torch.arange(STEPS) * STEP_SECONDS
    seconds = torch.cat([seconds, seconds[-1:] + AHEAD_SECONDS])
    seen = displacement(drawn["shape"], seconds) + drawn["deviation"] * drawn["noise"]
    return Split(seen[:, :-1].unsqueeze(-1), seen[:, -1:])
