"""Tables of real people that went wrong: each is read right now, or refused with the remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from training import data
from training.data import Dataset, Options
from training.errors import DataError

CASES = Path(__file__).parents[4] / "shared" / "cases"

COLOURS = ("green", "red", "blue")
ROWS = [
    {"size": f"{30 + i * 37 % 160}.5", "rooms": str(1 + i % 6), "colour": COLOURS[i % 3], "price": f"{i * 53 % 160}.25"}
    for i in range(160)
]


def csv_of(rows: list[dict[str, str]], delimiter: str = ",") -> str:
    return "\n".join(delimiter.join(row) for row in [list(rows[0]), *(list(row.values()) for row in rows)]) + "\n"


def relative(folder: Path) -> dict[str, Path]:
    """Writes a relative of every case, for where the cases themselves are not."""
    every_40 = range(7, 160, 40)
    missing = {
        mark: [row | ({"colour": mark} if i in every_40 else {}) for i, row in enumerate(ROWS)] for mark in ("", "<NA>")
    }
    rooms = [row | ({"rooms": "None"} if i in every_40 else {}) for i, row in enumerate(ROWS)]
    noted = [row | {"rooms": f"near\u2028park {row['colour']}" if i == 5 else "far"} for i, row in enumerate(ROWS)]
    violet = [row | ({"colour": "violet"} if i % 5 == 0 else {}) for i, row in enumerate(ROWS[:40])]
    written = {
        "03": ("catsplit/train.csv", csv_of(ROWS).encode()),
        "07": ("ls.csv", csv_of(noted).encode()),
        "09": ("churn.csv", csv_of([row | {"price": str(i % 2)} for i, row in enumerate(ROWS)]).encode()),
        "11 text": ("a.csv", csv_of(missing["<NA>"]).encode()),
        "11 number": ("b.csv", csv_of(rooms).encode()),
        "13": ("c.csv", csv_of(missing[""]).encode()),
        "27": (
            "multi.csv",
            csv_of([row | {"colour": row["price"]} for row in ROWS]).replace("colour", "rent").encode(),
        ),
        "29 Latin-1": ("latin1.csv", csv_of(ROWS).replace("red", "K\xf6ln").encode("latin-1")),
        "29 UTF-16": ("excel.csv", csv_of(ROWS, "\t").encode("utf-16")),
    }
    for name, content in written.values():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / "catsplit" / "test.csv").write_text(csv_of(violet))
    return {case: (folder / name).parent if case == "03" else folder / name for case, (name, _) in written.items()}


REAL = {
    "03": "03/catsplit",
    "07": "07/ls_in_cell.csv",
    "09": "09/churn01.csv",
    "11 text": "11/tmiss_pdna.csv",
    "11 number": "11/miss_None.csv",
    "13": "13/miss_empty.csv",
    "27": "27/multi.csv",
    "29 Latin-1": "29/latin1.csv",
    "29 UTF-16": "29/excel_unicode.csv",
}


@pytest.fixture(params=["relative", "real"] if CASES.is_dir() else ["relative"])
def cases(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Path]:
    """The cases themselves, where they are, and their relatives always."""
    if request.param == "relative":
        return relative(tmp_path)
    return {case: CASES / name for case, name in REAL.items()}


def load(path: Path, target: str = "price", **options: object) -> Dataset:
    return data.load(str(path), options=Options(target=target, **options))


def test_every_case_of_a_table_gives_what_is_right(cases: dict[str, Path]) -> None:
    with pytest.raises(
        DataError, match=r"8 cells are in no training row: 'violet' in test\.csv: row 1 .*--drop colour"
    ):
        load(cases["03"])
    rows = load(cases["07"])
    assert sum(len(part.inputs) for part in (rows.train, rows.validation, rows.calibration, rows.test)) == 160
    assert any("\u2028" in name for name in rows.inputs.names)
    churn = load(cases["09"], "churned" if "cases" in str(cases["09"]) else "price")
    assert (churn.outputs.task, churn.outputs.names) == ("classification", ("0", "1"))
    assert "taken for classes; --task regression" in churn.notes[0]
    for case, column, mark in (
        ("11 text", "colour", "'<NA>'"),
        ("11 number", "rooms", "'None'"),
        ("13", "", "empty cell"),
    ):
        with pytest.raises(
            DataError, match=f"{column}.*4 cells count as missing: .*{mark} in row 8 .*--missing impute"
        ):
            load(cases[case])
        assert sum(name.endswith(" missing") for name in load(cases[case], missing="impute").inputs.names) == 1
        assert "4 of 160 rows have a missing value" in load(cases[case], missing="drop-rows").notes[0]
    assert load(cases["27"], "price,rent").outputs.names == ("price", "rent")
    with pytest.raises(DataError, match=r"say --encoding cp1252 .*K\xf6ln"):
        load(cases["29 Latin-1"])
    assert any("K\xf6ln" in name for name in load(cases["29 Latin-1"], encoding="latin-1").inputs.names)
    assert load(cases["29 UTF-16"]).inputs.table.columns[2].categories == ("blue", "green", "red")
