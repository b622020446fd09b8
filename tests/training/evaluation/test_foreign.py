"""A model is measured on its own test rows, or on all rows of other data, and it is said which."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from training.cli.commands import app

ROWS = [f"{i * 37 % 160}.5,{('red', 'blue')[i % 2]},{'' if i % 9 == 1 else i % 7},{i * 3}" for i in range(80)]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": "300"})


@pytest.fixture
def shop(tmp_path: Path):
    """Writes rows as a file, and fits a model to the first."""

    def write(name: str, rows: list[str], header: str = "size,colour,rooms,price") -> Path:
        (tmp_path / name).write_text("\n".join([header, *rows]))
        return tmp_path / name

    fitted = run(
        *("fit", "mlp-mc_dropout", "--data", write("shop.csv", ROWS), "--target", "price", "--missing", "impute"),
        *("--epochs", 1, "--out", tmp_path),
    )
    assert fitted.exit_code == 0, fitted.output
    return write


def test_a_table_is_read_by_the_columns_of_the_model(shop, tmp_path: Path) -> None:
    def evaluate(path: Path, *options: object) -> Result:
        return run("evaluate", "shop-mlp-mc_dropout", "--samples", 3, "--out", tmp_path, "--data", path, *options)

    own = ("--target", "price", "--missing", "impute")
    assert "measured on the held-out fifth of shop.csv, 16 rows" in evaluate(tmp_path / "shop.csv", *own).output
    forgotten = evaluate(tmp_path / "shop.csv")
    assert (forgotten.exit_code, forgotten.stderr.count("\n")) == (2, 1)
    assert "is what the model was trained on" in forgotten.stderr
    assert "--target price --missing impute" in forgotten.stderr
    # one class of colour alone, three rows, another order of columns, a column more: a fit would not take it
    few = [f"7,{i},red,{i}.5,," for i in range(3)]
    held = shop("held.csv", few, "note,price,colour,size,rooms,more")
    for options, note in (((), ""), (("--drop", "note"), "--drop: of no effect")):
        result = evaluate(held, *options)
        assert result.exit_code == 0, result.output
        assert "measured on all 3 rows of held.csv, other data than the model's own" in result.output
        assert note in result.output
    strange = evaluate(shop("strange.csv", ["1,violet,2,3", "x,red,2,", "1,red,2,4"]))
    first, *others = strange.stderr.splitlines()
    assert first == "error: strange.csv has 3 problems:"
    assert others[0].strip().startswith("row 2 (line 3), column 'size': 'x' is not what the model knows; allowed are")
    assert (
        others[1].strip()
        == "row 1 (line 2), column 'colour': 'violet' is not what the model knows; allowed are: blue, red"
    )
    assert others[2].strip().startswith("row 2 (line 3), column 'price': the empty cell counts as missing")
    dropped = evaluate(shop("gap.csv", ["1,red,2,", "1,red,2,4"]), "--missing", "drop-rows")
    assert "all 1 rows of gap.csv" in dropped.output
    assert "1 of 2 rows have a missing value and are dropped" in dropped.output
    lacks = evaluate(shop("lacks.csv", ["1,2"], "sise,price"))
    assert "has no column 'size'; it has: sise, price; did you mean 'sise'" in lacks.stderr
    other = evaluate(held, "--target", "size")
    assert "the model predicts price, not size" in other.stderr


def test_pictures_of_some_classes_alone_and_arrays_are_measured_whole(tmp_path: Path) -> None:
    random = np.random.default_rng(0)

    def picture(path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (8, 8), np.uint8)).save(path)

    for i in range(40):
        picture(tmp_path / "pets" / "abc"[i % 3] / f"{i}.png")
    for i in range(3):
        picture(tmp_path / "held" / "c" / f"{i}.png")
        picture(tmp_path / "strange" / "d" / f"{i}.png")
    fit = ("fit", "mlp-mc_dropout", "--epochs", 1, "--out", tmp_path, "--data")
    assert run(*fit, tmp_path / "pets").exit_code == 0
    evaluate = ("evaluate", "pets-mlp-mc_dropout", "--samples", 3, "--out", tmp_path, "--data")
    assert "measured on all 3 rows of held" in run(*evaluate, tmp_path / "held").output
    assert "measured on the held-out fifth of pets" in run(*evaluate, tmp_path / "pets").output
    assert "has the class 'd', which the model does not know: a, b, c" in run(*evaluate, tmp_path / "strange").stderr
    np.savez(tmp_path / "own.npz", x=random.normal(size=(40, 3)), y=np.arange(40) % 3)
    np.savez(tmp_path / "other.npz", x=random.normal(size=(4, 3)), y=np.array([2, 2, 1, 1]))
    assert run(*fit, tmp_path / "own.npz").exit_code == 0
    measured = run(
        "evaluate", "own-mlp-mc_dropout", "--samples", 3, "--out", tmp_path, "--data", tmp_path / "other.npz"
    )
    assert "measured on all 4 rows of other.npz" in measured.output, measured.output
