"""One seed, one model; and the process-wide generator is left as it was."""

from __future__ import annotations

import torch

from training import recipes
from training.data import Dataset
from training.seeds import derive, initialised


def _weights(digits: Dataset, seed: int) -> torch.Tensor:
    model = initialised(recipes.find("digits-mlp-bayes_by_backprop").spec(digits), seed)
    return torch.cat([p.flatten() for p in model.parameters()])


def test_initial_weights_depend_on_the_seed_and_on_all_of_its_bits(digits: Dataset) -> None:
    assert torch.equal(_weights(digits, 3), _weights(digits, 3))
    assert not torch.equal(_weights(digits, 3), _weights(digits, 3 + 2**40))


def test_the_process_wide_generator_is_given_back(digits: Dataset) -> None:
    before = torch.get_rng_state()
    _weights(digits, 1)
    assert torch.equal(torch.get_rng_state(), before)


def test_purposes_have_streams_of_their_own() -> None:
    assert len({derive(seed, purpose) for seed in (0, 1) for purpose in ("noise", "weights")}) == 4
