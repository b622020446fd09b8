"""Lines of a recipe: a run that misses one says so, and what is no promise of one run is left alone."""

from __future__ import annotations

import pytest

from training.recipes.kinds.published import OURS, Published, find_missed_lines, made_images


def test_a_run_says_which_lines_of_its_recipe_it_missed() -> None:
    lines = made_images("MNIST", frechet_at_most=4)
    good = {"frechet_lenet_ratio": 3.9, "classes_present": 10.0, "class_kl_to_uniform_nats": 0.01}
    assert find_missed_lines(lines, good) == []
    (missed,) = find_missed_lines(lines, good | {"frechet_lenet_ratio": 12.3})
    assert "Fréchet distance, over that of real images to real ones, is 12.3; the line is at most 4" in missed
    assert len(find_missed_lines(lines, good | {"frechet_lenet_ratio": 5.0, "classes_present": 9.0})) == 2


@pytest.mark.parametrize("how", [{"of_seeds": "best"}, {"kept": 0.5}, {"at_least": None}])
def test_a_line_that_is_no_promise_of_one_run_is_left_alone(how: dict[str, object]) -> None:
    line: dict[str, object] = {"paper": OURS, "place": "MNIST", "what": "right, %", "figure": "right", "at_least": 90}
    assert find_missed_lines([Published(**line, scale=100)], {"right": 0.8})  # type: ignore[arg-type]
    assert not find_missed_lines([Published(**(line | how), scale=100)], {"right": 0.8})  # type: ignore[arg-type]


def test_a_line_in_words_names_both_ends() -> None:
    both = Published(paper=OURS, place="", what="", figure="", at_most=1.15, at_least=0.85)
    assert both.line == "at most 1.15, at least 0.85"
