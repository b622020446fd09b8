"""Modules of which one input is given by its place."""

from __future__ import annotations

import re

import pytest
from torch import Tensor, nn

from training.errors import ImportModelError
from training.run.importing.several_inputs import check_single_input


class Two(nn.Module):
    """A network of two inputs."""

    def forward(self, scan: Tensor, numbers: Tensor) -> Tensor:
        return scan + numbers


class Optional(nn.Module):
    """A network of one input, and a mask that it does without."""

    def forward(self, scan: Tensor, mask: Tensor | None = None) -> Tensor:
        return scan if mask is None else scan * mask


def test_a_network_of_two_inputs_is_refused_with_their_names() -> None:
    check_single_input(Optional())
    remedy = "takes scan, numbers: give --inputs scan=KIND:SHAPE --inputs numbers=KIND:SHAPE"
    with pytest.raises(ImportModelError, match=re.escape(remedy)):
        check_single_input(Two())
