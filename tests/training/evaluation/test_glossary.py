"""A figure's meaning is that of its line in the glossary."""

from __future__ import annotations

from training.evaluation.glossary import define


def test_a_figure_is_defined_by_its_name_or_by_the_pattern_that_it_fits() -> None:
    exact, fitting = define("test_brier"), define("c2_width_spearman")
    assert exact is not None
    assert exact.meaning.startswith("Brier score")
    assert exact.better == "lower"
    assert fitting is not None
    assert "rank correlation" in fitting.meaning
    assert define("no_such_figure") is None
