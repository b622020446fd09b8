r"""Ways through a generator's latent space: grids of swept controls, and lines between two codes.

Everything that is not moved is held exactly as it is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec
import torch
from torch import Tensor

from models.errors import ControlError
from models.generation.generator import Generator, parse_value

Spacing = Literal["linear", "normal"]
Method = Literal["lerp", "slerp"]


@dataclass(frozen=True)
class Sweep:
    """Values that one control takes in turn, or one component of a vector.

    Attributes:
        name: Name of the control.
        index: Index of the component; ``None`` if the control is one value.
        values: Values as codes hold them, ``(steps,)``.
    """

    name: str
    index: int | None
    values: Tensor


def sweep(model: Generator, name: str, index: int | None, values: Sequence[float | str] | None = None) -> Sweep:
    """Return a sweep over given values; if none are given, over all values of a control that has only so many.

    Raises:
        ControlError: if there is no such control or component, or it does not take a value.
    """
    control = model.control(name)
    if control.kind == "vector" and (index is None or not 0 <= index < control.size):
        raise ControlError(f"{name} has {control.size} components; index takes one of 0 to {control.size - 1}")
    if control.kind != "vector" and index is not None:
        raise ControlError(f"{name} is one value; leave index out")
    if values is None and control.kind not in ("categorical", "choice"):
        raise ControlError(f"{name} has values without end; give some, or from, to and steps")
    if control.kind == "choice":
        chosen = [parse_value(control, value, 1) for value in (control.choices if values is None else values)]
        return Sweep(name, index, torch.cat(chosen))
    given = range(int(control.low), int(control.high) + 1) if values is None else values
    one = msgspec.structs.replace(control, size=1, kind="continuous") if control.kind == "vector" else control
    return Sweep(name, index, parse_value(one, given, len(given)))


def spaced(steps: int, low: float, high: float, spacing: Spacing) -> list[float]:
    r"""Return values from ``low`` to ``high``, equally spaced or at equally spaced probabilities of the normal.

    References:
        Kingma & Welling (2014), Auto-Encoding Variational Bayes, appendix A: the manifolds of figure 4.

    >>> [round(value, 2) for value in spaced(3, -1, 1, "normal")]
    [-1.0, 0.0, 1.0]
    """
    if spacing == "linear":
        spread: list[float] = torch.linspace(low, high, steps, dtype=torch.float64).tolist()
        return spread
    if low + high > 0:  # probabilities near 0 have more digits than those near 1: the mirror image of the lower half
        return [-value for value in spaced(steps, -low, -high, "normal")]
    start, end = (0.5 * math.erfc(-value / math.sqrt(2)) for value in (low, high))
    inner = torch.special.ndtri(torch.linspace(start, end, steps, dtype=torch.float64)[1:-1]).tolist()
    return [float(low), *inner, float(high)][:steps]


def normal_ends(steps: int) -> tuple[float, float]:
    """Return the ends between which :func:`spaced` divides the standard normal into ``steps`` equally likely parts."""
    end = -float(torch.special.ndtri(torch.tensor(0.5 / steps, dtype=torch.float64)))
    return -end, end


def traverse(latents: Mapping[str, Tensor], rows: Sweep | None, columns: Sweep | None) -> dict[str, Tensor]:
    """Return one code with one or two sweeps through it, row by row.

    Args:
        latents: One code, tensors of shape ``(1, ...)`` by name.
        rows: Sweep along the rows of the grid; ``None`` for one row.
        columns: Sweep along its columns; ``None`` for one column.

    Returns:
        Codes of shape ``(rows * columns, ...)`` by name.

    Raises:
        ControlError: if the code has no part of a sweep's name.
    """
    height, width = (1 if axis is None else len(axis.values) for axis in (rows, columns))
    grid = {name: part.repeat(height * width, *(1 for _ in part.shape[1:])) for name, part in latents.items()}
    if rows is not None:
        _put(grid, rows, rows.values.repeat_interleave(width))
    if columns is not None:
        _put(grid, columns, columns.values.repeat(height))
    return grid


def _put(grid: dict[str, Tensor], axis: Sweep, values: Tensor) -> None:
    if axis.index is None:
        grid[axis.name] = values
    elif axis.name in grid:
        grid[axis.name][:, axis.index] = values
    else:
        raise ControlError(f"{axis.name} is absent unless it is given; set it in codes to sweep a component of it")


def interpolate(model: Generator, ends: Mapping[str, Tensor], steps: int, method: Method) -> dict[str, Tensor]:
    """Return codes on the way from the first to the second of two, both included.

    ``slerp`` turns what the seed draws from the standard normal; all else that is continuous goes straight. What has
    no values in between must be equal.

    Args:
        ends: Two codes, tensors of shape ``(2, ...)`` by name.
        steps: Number of codes, at least 2.

    Returns:
        Codes of shape ``(steps, ...)`` by name.

    Raises:
        ControlError: if the ends differ in what has no values in between.
    """
    shares = torch.linspace(0, 1, steps, dtype=torch.float64)
    path = {}
    for name, (start, end) in ends.items():
        if not start.is_floating_point():
            if not torch.equal(start, end):
                raise ControlError(f"{name} has no values in between, so both ends need the same; set it in codes")
            path[name] = start.expand(steps, *start.shape)
            continue
        way = slerp if method == "slerp" and model.is_gaussian(name) else lerp
        path[name] = way(start, end, shares).to(start.dtype)
    return path


def lerp(start: Tensor, end: Tensor, shares: Tensor) -> Tensor:
    """Return the straight line, ``(steps, *start.shape)`` in float64, for shares ``(steps,)`` of the way."""
    shares = shares.reshape(-1, *(1 for _ in start.shape))
    return start.double() * (1 - shares) + end.double() * shares


def slerp(start: Tensor, end: Tensor, shares: Tensor) -> Tensor:
    r"""Return the great circle, whose points are as long as those of a high-dimensional Gaussian.

    It is straight where there is no one way round. Shapes are those of :func:`lerp`: ``(steps, *start.shape)``.

    .. math:: \frac{\sin((1-t)\theta)}{\sin\theta} a + \frac{\sin(t\theta)}{\sin\theta} b

    References:
        White (2016), Sampling Generative Networks; Shoemake (1985), Animating Rotation with Quaternion Curves.
    """
    a, b = start.double(), end.double()
    lengths = float(a.norm() * b.norm())
    cosine = float((a * b).sum()) / lengths if lengths else 1.0
    angle = math.acos(max(-1.0, min(1.0, cosine)))
    if math.sin(angle) < 1e-6:  # the same or the opposite direction, or no direction at all
        return lerp(start, end, shares)
    shares = shares.reshape(-1, *(1 for _ in start.shape))
    return (a * torch.sin((1 - shares) * angle) + b * torch.sin(shares * angle)) / math.sin(angle)
