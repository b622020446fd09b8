"""Figures by group: the groups of a column, and what is measured on each."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from models.specs import InputSpec
from training import data
from training.cli.commands import app
from training.data import Dataset, Options
from training.errors import DataError
from training.evaluation.groups import GroupMetrics, find_group_cautions, find_groups


def write_houses(path: Path) -> Path:
    """A table of every kind of column, where white houses are noisier."""
    generator = torch.Generator().manual_seed(0)
    lines = ["size,colour,garage,sold,note,price"]
    for i in range(400):
        size, colour = 50 + (i * 37) % 101, ("red", "white")[i % 4 == 0]
        noise = float(torch.randn(1, generator=generator)) * (40 if colour == "white" else 1)
        garage = "" if i % 50 == 0 else i % 3
        lines.append(f"{size},{colour},{garage},2024-{1 + i % 12:02}-{1 + i % 28:02},n,{3 * size + noise:.2f}")
    path.write_text("\n".join(lines))
    return path


def load_houses(folder: Path) -> Dataset:
    file = write_houses(folder / "houses.csv")
    return data.load(str(file), options=Options(target=("price",), missing="impute"))


def test_groups_are_categories_values_and_parts_of_a_range(tmp_path: Path) -> None:
    dataset = data.load(
        str(write_houses(tmp_path / "houses.csv")), options=Options(target=("price",), missing="impute")
    )
    rows = dataset.test.inputs
    by = {name: find_groups(dataset.inputs, rows, name) for name in ("colour", "garage", "size", "sold")}
    for groups in by.values():
        assert sorted(torch.cat([group.rows for group in groups]).tolist()) == list(range(len(rows)))
    assert [group.name for group in by["colour"]] == ["red", "white"]
    assert {group.name for group in by["garage"]} - {"missing"} == {"0", "1", "2"}
    assert len(by["size"]) == len(by["sold"]) == 4
    low, _, high = by["size"][0].name.partition(" to ")
    assert 50 <= float(low) < float(high) < float(by["size"][1].name.partition(" to ")[0])
    assert by["sold"][0].name.startswith("2024-01-")
    records = dataset.inputs.table.decode(rows.numpy()) if dataset.inputs.table else []
    assert {records[row]["colour"] for row in by["colour"][1].rows.tolist()} == {"white"}


def test_a_column_that_is_none_is_refused_with_those_that_are(tmp_path: Path) -> None:
    dataset = data.load(
        str(write_houses(tmp_path / "houses.csv")), options=Options(target=("price",), missing="impute")
    )
    for column, why in (("color", "did you mean 'colour'"), ("note", "which the model does not predict from")):
        with pytest.raises(DataError, match=why):
            find_groups(dataset.inputs, dataset.test.inputs, column)
    with pytest.raises(DataError, match="these rows are images"):
        find_groups(InputSpec("image", (1, 2, 2), (0.0,), (1.0,)), torch.zeros(1, 1, 2, 2), "size")


def test_features_without_a_table_are_columns_of_numbers() -> None:
    spec = InputSpec("table", (2,), (0.0, 0.0), (1.0, 1.0), names=("a", "b"))
    groups = find_groups(spec, torch.tensor([[1.0, 5.0], [2.0, 5.0], [1.0, 5.0]]), "a")
    assert [(group.name, group.rows.tolist()) for group in groups] == [("1", [0, 2]), ("2", [1])]


def test_groups_of_few_rows_are_cautioned() -> None:
    groups = [GroupMetrics("red", 300, {}), GroupMetrics("blue", 12, {})]
    assert "blue (12)" in find_group_cautions("colour", groups)[0]
    assert find_group_cautions("colour", groups[:1]) == []


def test_evaluate_shows_every_figure_of_every_group(tmp_path: Path) -> None:
    file = write_houses(tmp_path / "houses.csv")
    options = ["--data", str(file), "--target", "price", "--missing", "impute", "--out", str(tmp_path)]
    fitted = CliRunner().invoke(app, ["fit", "mlp-mc_dropout", *options, "--epochs", "20"], env={"COLUMNS": "200"})
    assert fitted.exit_code == 0, fitted.output
    arguments = ["evaluate", "houses-mlp-mc_dropout", *options, "--samples", "5"]
    shown = CliRunner().invoke(app, [*arguments, "--by", "colour"], env={"COLUMNS": "200"})
    assert shown.exit_code == 0, shown.output
    lines = {line.split("│")[1].strip(): line.split("│")[2:-1] for line in shown.output.splitlines() if "│" in line}
    whole, red, white = (float(cell) for cell in lines["test_crps_target_units"])
    assert red < whole < white
    assert [int(cell) for cell in lines["rows"]] == [80, int(lines["rows"][1]), int(lines["rows"][2])]
    assert "caution: Fewer than 100 test rows in these groups of colour" in shown.output
    refused = CliRunner().invoke(app, [*arguments, "--by", "colours"])
    assert refused.exit_code != 0
    assert "did you mean 'colour'?" in refused.output
