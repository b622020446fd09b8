"""Parquet and Feather: the types of the columns say what they are."""

from __future__ import annotations

import datetime
import decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest
import torch

from training import data
from training.data import Dataset, Options
from training.errors import DataError

N = 60
DAY = datetime.date(2024, 1, 1)
COLUMNS = {
    "size": pa.array([i * i % 59 for i in range(N)], pa.int16()),
    "weight": pa.array([i * i % 59 / 8 for i in range(N)], pa.float32()),
    "cost": pa.array([decimal.Decimal(i * i % 59) / 100 for i in range(N)], pa.decimal128(10, 2)),
    "colour": pa.array([("red", "blue", "1")[i % 3] for i in range(N)]).dictionary_encode(),
    "sold": pa.array([DAY + datetime.timedelta(3 * i) for i in range(N)], pa.date32()),
    "seen": pa.array([f"2024-01-01T{i % 24:02}:00:00" for i in range(N)]).cast(pa.timestamp("ns")),
    "new": pa.array([i % 4 == 0 for i in range(N)]),
    "nothing": pa.nulls(N),
    "price": pa.array([i / 2 for i in range(N)]),
}


def load(path: Path, **options: object) -> Dataset:
    return data.load(str(path), options=Options(**({"target": "price"} | options)))


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    path = tmp_path / "shop.parquet"
    pyarrow.parquet.write_table(pa.table(COLUMNS), path)
    return path


def test_types_decide_on_the_kinds(shop: Path) -> None:
    dataset = load(shop)
    assert dataset.name == "shop"
    assert [(column.name, column.kind) for column in dataset.inputs.table.columns] == [
        ("size", "number"),
        ("weight", "number"),
        ("cost", "number"),
        ("colour", "category"),
        ("sold", "date"),
        ("seen", "date"),
        ("new", "category"),
    ]
    assert dataset.inputs.table.columns[3].categories == ("1", "blue", "red")
    assert dataset.inputs.table.columns[4].cycles == ("year", "week")
    assert dataset.inputs.table.columns[5].cycles == ("day",)
    assert dataset.inputs.table.columns[6].categories == ("false", "true")
    assert [column.name for column in dataset.inputs.table.left_out] == ["nothing"]
    assert load(shop, target="new").outputs.names == ("false", "true")


def test_feather_is_parquet_by_another_name(shop: Path, tmp_path: Path) -> None:
    pyarrow.feather.write_feather(pyarrow.parquet.read_table(shop), str(tmp_path / "shop.feather"))
    first, second = load(shop), load(tmp_path / "shop.feather")
    assert all(torch.equal(a.inputs, b.inputs) for a, b in ((first.train, second.train), (first.test, second.test)))


def test_nulls_and_nan_are_missing(tmp_path: Path) -> None:
    values = [None if i == 7 else np.nan if i == 9 else i * i for i in range(N)]
    pyarrow.parquet.write_table(
        pa.table({"x": pa.array(values, pa.float64()), "price": COLUMNS["price"]}), tmp_path / "a.pq"
    )
    with pytest.raises(
        DataError, match=r"2 cells count as missing: the empty cell in row 8, the empty cell in row 10; "
    ):
        load(tmp_path / "a.pq")
    filled = load(tmp_path / "a.pq", missing="impute")
    assert filled.inputs.names == ("x", "x missing")


def test_what_is_no_feature_is_refused_unless_it_is_left_out(shop: Path, tmp_path: Path) -> None:
    nested = COLUMNS | {"tags": pa.array([["a"]] * N)}
    pyarrow.parquet.write_table(pa.table(nested), shop)
    with pytest.raises(DataError, match=r"column 'tags' is of the type list<.*>, which is no feature; .* --drop tags$"):
        load(shop)
    assert "tags" not in "".join(load(shop, drop=("tags",)).inputs.names)
    with pytest.raises(DataError, match=r"shop\.parquet has types of its own: --encoding does not apply"):
        load(shop, encoding="utf-8")
    shop.write_bytes(shop.read_bytes()[:-9])
    with pytest.raises(DataError, match=r"shop\.parquet cannot be read as parquet"):
        load(shop)


def test_parts_may_be_parquet_too(tmp_path: Path) -> None:
    table = pa.table(COLUMNS)
    pyarrow.parquet.write_table(table.slice(0, 40), tmp_path / "train.parquet")
    pyarrow.parquet.write_table(table.slice(40), tmp_path / "test.parquet")
    assert len(load(tmp_path).test.inputs) == 20
    (tmp_path / "train.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"has both train\.csv and train\.parquet; one of them is allowed"):
        load(tmp_path)


def test_an_index_of_pandas_without_a_name_is_no_feature(shop: Path, tmp_path: Path) -> None:
    path = tmp_path / "indexed.parquet"
    pyarrow.parquet.write_table(pa.table({**COLUMNS, "__index_level_0__": [7 * i % 61 for i in range(N)]}), path)
    dataset = load(path)
    assert dataset.inputs.names == load(shop).inputs.names
    assert "indexed.parquet: the index of pandas, which has no name, is left out" in dataset.notes
