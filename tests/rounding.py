"""How far apart two computations of one number may lie, wherever the tests run."""

from __future__ import annotations

from typing import TypedDict


class Tolerance(TypedDict):
    """Keywords of ``torch.testing.assert_close`` and of ``numpy.testing.assert_allclose``."""

    rtol: float
    atol: float


ROUNDING = Tolerance(rtol=1e-5, atol=1e-5)
"""One float32 result, computed twice: a product of another shape, layout or order of its terms may be another kernel's.

Processors differ in which shapes share a kernel, and sums of float32 in another order differ by some 1e-7 of their
largest term. Equality to the bit is asked only where the same layers run on the same shapes, or values are moved.
"""
SAME_PIXELS = Tolerance(rtol=0.0, atol=1e-4)
"""One image, generated in float32 in two batches: a fortieth of the 256 levels.

Layers that normalise enlarge the rounding of those before them. Of untrained generators of these sizes, 2e-5 was seen
over eight seeds and three kernels; an image that depends on its neighbours differs by more than 1e-2.
"""
