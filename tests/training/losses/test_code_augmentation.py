"""An augmentation changes as much as it says, in every image differently, and the same way in the same step."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from training.evaluation.metrics.strokes import slant, width
from training.losses.code_augmentation import CodeAugmentation
from training.losses.step_context import StepContext

CONTEXT = StepContext(0, 0, 0.0)
NONE = CodeAugmentation(shift=0.0, gain=0.0, blur=1)
IMAGES = torch.zeros(200, 1, 28, 28)
IMAGES[:, :, 8:20, 10:18] = 1.0


def test_no_change_is_the_image() -> None:
    torch.testing.assert_close(NONE(IMAGES, "x", CONTEXT), IMAGES)


@pytest.mark.parametrize("changes", [{}, {"width": 0.3, "height": 0.3, "shear": 0.4}])
def test_it_repeats_by_moment_and_purpose(changes: dict[str, float]) -> None:
    augmentation = CodeAugmentation(**changes)
    changed = augmentation(IMAGES, "x", CONTEXT)
    assert torch.equal(changed, augmentation(IMAGES, "x", CONTEXT))
    others = (
        augmentation(IMAGES, "y", CONTEXT),
        augmentation(IMAGES, "x", StepContext(0, 1, 0.0)),
        augmentation(IMAGES, "x", StepContext(1, 0, 0.0)),
    )
    assert not any(torch.equal(changed, other) for other in others)
    assert not torch.equal(changed[0], changed[1])


def test_stretching_to_the_sides_changes_the_width_and_not_the_slant() -> None:
    changed = replace(NONE, width=0.3)(IMAGES, "x", CONTEXT)
    share = width(changed) / width(IMAGES)
    assert 1 / 1.3 - 0.05 < float(share.min()) < 0.85
    assert 1.2 < float(share.max()) < 1 / 0.7 + 0.05
    assert float(slant(changed).abs().max()) < 0.01


def test_stretching_up_changes_neither() -> None:
    changed = replace(NONE, height=0.3)(IMAGES, "x", CONTEXT)
    assert float((width(changed) / width(IMAGES) - 1).abs().max()) < 0.02
    assert float(slant(changed).abs().max()) < 0.01
    assert float(changed.sum((1, 2, 3)).std()) > 5


def test_shearing_changes_the_slant_and_not_the_width() -> None:
    changed = replace(NONE, shear=0.4)(IMAGES, "x", CONTEXT)
    assert 0.3 < float(slant(changed).max()) < 0.42
    assert -0.42 < float(slant(changed).min()) < -0.3
    assert float((width(changed) / width(IMAGES) - 1).abs().max()) < 0.05


def test_shift_moves_by_so_many_pixels() -> None:
    changed = replace(NONE, shift=2.0)(IMAGES, "x", CONTEXT)
    columns = torch.arange(28.0)
    middle = (changed.sum((1, 2)) @ columns) / changed.sum((1, 2, 3))
    assert 1.8 < float((middle - 13.5).abs().max()) <= 2.01


def test_gain_and_blur_change_the_ink_and_its_sharpness() -> None:
    ink = replace(NONE, gain=0.5)(IMAGES, "x", CONTEXT).sum((1, 2, 3)) / IMAGES.sum((1, 2, 3))
    assert 0.5 <= float(ink.min()) < 0.55
    assert 1.45 < float(ink.max()) <= 1.5
    blurred = replace(NONE, blur=5)(IMAGES, "x", CONTEXT)
    torch.testing.assert_close(blurred.sum((1, 2, 3)), IMAGES.sum((1, 2, 3)))
    assert float(blurred[:, 0, 8, 10].min()) < 0.5
