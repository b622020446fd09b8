"""Draws are kept, bounded, and the same as fresh ones."""

from __future__ import annotations

import torch
from random_models import BAYES, CLASSES, DIGITS, MLP

from models.catalogue import Component
from models.checkpoints.checkpoint import PredictorSpec
from models.prediction.posterior import Posterior
from service.backends.torch_predictor import DrawCache


def posterior() -> Posterior:
    return PredictorSpec(MLP, BAYES, Component("categorical"), DIGITS, CLASSES).build().posterior.requires_grad_(False)


def test_kept_draws_are_the_posteriors_own() -> None:
    cache, model = DrawCache(2**30), posterior()
    for start, stop in ((0, 5), (12, 20), (3, 10)):
        kept, fresh = cache.draws(model, 7, start, stop, block=10), model.sample(7, stop, start)
        assert all(torch.equal(kept[name], fresh[name]) for name in fresh)


def test_memory_is_bounded_and_the_least_recently_used_goes_first() -> None:
    model = posterior()
    one_block = DrawCache(2**30)
    one_block.draws(model, 0, 0, 1, block=10)
    cache = DrawCache(3 * one_block.bytes)
    for seed in range(3):
        cache.draws(model, seed, 0, 1, block=10)
    kept = cache.draws(model, 0, 0, 1, block=10)
    for seed in range(3, 5):
        cache.draws(model, seed, 0, 1, block=10)
    assert cache.bytes == 3 * one_block.bytes
    again = cache.draws(model, 0, 0, 1, block=10)
    assert all(again[name].data_ptr() == kept[name].data_ptr() for name in kept)


def test_a_reloaded_model_does_not_get_its_predecessors_draws() -> None:
    cache, first, second = DrawCache(2**30), posterior(), posterior()
    a, b = cache.draws(first, 0, 0, 1, block=1), cache.draws(second, 0, 0, 1, block=1)
    assert not torch.equal(a["layers.1.weight"], b["layers.1.weight"])
