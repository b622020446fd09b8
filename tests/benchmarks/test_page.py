from pathlib import Path

import pytest
from page import BENCH, Target, marks, table, write

BEGIN, END = marks(BENCH)


def test_a_table_has_a_rule_under_its_headings() -> None:
    assert table(["server", "rate"], [["a", "1"], ["b", "2"]]).splitlines() == [
        "| server | rate |",
        "|---|---:|",
        "| a | 1 |",
        "| b | 2 |",
    ]


@pytest.mark.parametrize(
    ("target", "cells"),
    [
        (Target("rate", 6, 6.0), ["rate", "≥ 6", "6", "yes"]),
        (Target("rate", 6, 5.99), ["rate", "≥ 6", "5.99", "no"]),
        (Target("time", 0.25, 0.25, least=False), ["time", "≤ 0.25", "0.25", "yes"]),
        (Target("time", 0.25, 1.3, least=False), ["time", "≤ 0.25", "1.3", "no"]),
        (Target("time", 0.25, None, least=False), ["time", "≤ 0.25", "not measured", "no"]),
    ],
)
def test_a_figure_stands_beside_its_target(target: Target, cells: list[str]) -> None:
    assert target.cells() == cells


def test_only_what_is_between_the_marks_is_written_anew(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# Page\n\nProse.\n\n{BEGIN}\n\nold\n\n{END}\n\n## More\n")
    for _ in range(2):
        write(page, "new\n")
        assert page.read_text() == f"# Page\n\nProse.\n\n{BEGIN}\n\nnew\n\n{END}\n\n## More\n"


@pytest.mark.parametrize("text", ["no marks", f"{BEGIN}\n", f"{END}\n{BEGIN}\n", f"{BEGIN}\n{END}\n{END}\n"])
def test_a_page_without_its_marks_is_left_alone(tmp_path: Path, text: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)
    with pytest.raises(ValueError, match="needs the lines"):
        write(page, "new")
    assert page.read_text() == text
