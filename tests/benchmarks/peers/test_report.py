from pathlib import Path

from peers.cases import CASES, NPY, OURS, PARSED, PEERS, SEEDS
from peers.compare import Comparison
from peers.load import Load
from peers.report import draw, tables, targets, versions

LOADS = {(case, connections): Load(100.0, 10.0, 30.0) for case in CASES for connections in (1, 32)}
FAST = Load(600.0, 2.0, 3.0)
MEASURED = LOADS | {
    (OURS, 1): FAST,
    (OURS, 32): FAST,
    (NPY, 32): Load(900.0, 1.0, 1.0),
    (SEEDS, 32): Load(300.0, 1.0, 1.0),
    (PEERS[1], 32): Load(200.0, 1.0, 1.0),
    (PEERS[2], 1): Load(200.0, 8.0, 9.0),
    (PARSED, 32): Load(1200.0, 1.0, 1.0),
}


def test_figures_are_ratios_to_the_best_peer_and_to_others() -> None:
    found = [target.now for target in targets(Comparison(MEASURED, {}))]
    assert found == [3.0, 6.0, 0.5, 0.25, 1.5, 1.5, 0.5]


def test_an_absent_peer_is_named_with_the_reason_and_leaves_its_figure_open() -> None:
    loop = PEERS[0]
    there = {key: load for key, load in MEASURED.items() if key[0] != loop}
    comparison = Comparison(there, {loop.server.name: "no wheel for this Python"})
    assert f"| {loop.name}: absent (no wheel for this Python) | - |" in tables(comparison)
    assert [target.now for target in targets(comparison)][:2] == [3.0, None]


def test_every_case_has_a_line_and_the_versions_of_its_peer() -> None:
    text = tables(Comparison(MEASURED, {}))
    assert [case.name for case in CASES if f"| {case.name} |" not in text] == []
    assert "litserve 0" in versions()
    assert "?" not in versions()


def test_the_chart_is_a_picture_that_does_not_change_from_run_to_run(tmp_path: Path) -> None:
    for name in ("a.svg", "b.svg"):
        draw(Comparison(MEASURED, {}), tmp_path / name)
    assert (tmp_path / "a.svg").read_text() == (tmp_path / "b.svg").read_text()
    assert (tmp_path / "a.svg").read_text().startswith("<?xml")
