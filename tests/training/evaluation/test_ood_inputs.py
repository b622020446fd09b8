"""Shuffled columns: every value is one of the data's own, and what belongs together stays together."""

from __future__ import annotations

import torch
from table_models import HOUSES, inputs

from models.specs import InputSpec
from training.evaluation.ood_inputs import shuffle_columns

ROWS = 50


def test_columns_keep_their_values_and_categories_stay_one_hot() -> None:
    spec = inputs(HOUSES)
    size, garage = torch.arange(ROWS).float(), torch.arange(ROWS).float() * 2
    rows = torch.cat([size[:, None], torch.eye(3)[torch.arange(ROWS) % 3], garage[:, None]], 1)
    shuffled = shuffle_columns(spec, rows)
    assert shuffled is not None
    HOUSES.check_one_hots(shuffled.rows.numpy())
    for column in range(rows.shape[1]):
        assert sorted(shuffled.rows[:, column].tolist()) == sorted(rows[:, column].tolist())
    assert (shuffled.rows[:, 0] * 2 != shuffled.rows[:, -1]).double().mean() > 0.8
    again = shuffle_columns(spec, rows)
    assert again is not None
    assert torch.equal(again.rows, shuffled.rows)


def test_steps_of_a_sequence_stay_together() -> None:
    rows = torch.arange(ROWS)[:, None, None].float().expand(ROWS, 4, 2).contiguous()
    shuffled = shuffle_columns(InputSpec("sequence", (4, 2), names=("a", "b")), rows)
    assert shuffled is not None
    assert torch.equal(shuffled.rows, shuffled.rows[:, :1].expand(ROWS, 4, 2))
    assert not torch.equal(shuffled.rows[..., 0], shuffled.rows[..., 1])


def test_what_has_no_columns_to_shuffle_has_none() -> None:
    assert shuffle_columns(InputSpec("table", (1,), names=("a",)), torch.ones(ROWS, 1)) is None
    assert shuffle_columns(InputSpec("image", (1, 2, 2)), torch.ones(ROWS, 1, 2, 2)) is None
    ragged = torch.full((ROWS, 4, 2), torch.nan)
    assert shuffle_columns(InputSpec("sequence", (4, 2), names=("a", "b")), ragged) is None
