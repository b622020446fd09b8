"""A file is predicted as POST /predict answers its rows: to the bit, in any form, and again after an interruption."""

from __future__ import annotations

import csv
import gzip
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet
from server_process import Server
from typer.testing import CliRunner, Result

from service.__main__ import connect
from service.client import AsyncClient, Client, RefusedError
from service.client.batches import StepForm, TextForm
from service.client.command import app
from service.client.file_prediction import predict_file
from service.http.access.key_file import changing_keys
from service.http.access.keys import make_key

pytestmark = pytest.mark.anyio

RANDOM = np.random.default_rng(0)
ROWS = 700
COLUMNS: dict[str, Any] = {
    "id": [f"house {i}" for i in range(ROWS)],
    "size": RANDOM.uniform(10, 110, ROWS).round(2).tolist(),
    "colour": RANDOM.choice(["blue", "red", "white"], ROWS).tolist(),
    "garage": [*RANDOM.integers(0, 5, ROWS - 1).tolist(), 40],
    "price": RANDOM.normal(size=ROWS).tolist(),
}
OPTIONS = {"model": "houses", "samples": 5, "seed": 3, "interval": 0.5}
WIDTH = "y [mm]"


def write_csv(path: Path, delimiter: str = ",", **changed: Any) -> Path:
    columns = COLUMNS | changed
    with path.open("w", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerows([columns, *zip(*columns.values(), strict=True)])
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["predict", *map(str, arguments)], obj=connect)


def records(start: int, stop: int) -> list[dict[str, Any]]:
    names = ("size", "colour", "garage")
    return [dict(zip(names, row, strict=True)) for row in zip(*(COLUMNS[n][start:stop] for n in names), strict=True)]


async def test_a_file_is_answered_as_its_rows_are_to_the_bit(table_store: Path, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "houses.csv")
    async with connect(table_store, "houses", 60.0) as client:
        summary = await predict_file(client, path, tmp_path / "a.parquet", OPTIONS, TextForm())
        table = parquet.read_table(tmp_path / "a.parquet")
        for start, stop in ((0, 256), (256, 512), (512, 700)):
            answer = await client.predict(records(start, stop), **OPTIONS)  # type: ignore[arg-type]
            part = table.slice(start, stop - start)
            for name in ("mean", "aleatoric_variance", "epistemic_variance", "standard_error", "lower", "upper"):
                assert part[f"{name}_{WIDTH}"].to_pylist() == getattr(answer, name)[:, 0].tolist(), name
            for name in ("mutual_information", "ood_score", "decision"):
                assert part[name].to_pylist() == getattr(answer, name).tolist(), name
    assert table["row"].to_pylist() == list(range(700))
    assert table["outside"].to_pylist()[-2:] == [[], ["garage"]]
    assert table.schema.metadata[b"seed"] == b"3"
    assert (summary.rows, summary.taken, summary.ignored) == (700, 0, ["id", "price"])
    assert (summary.outside, summary.decisions) == ({"garage": 1}, {"accept": 699, "abstain": 1})
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.parquet", "houses.csv"]


class Interrupted(AsyncClient):
    """A client that is cut off after some calls."""

    def __init__(self, client: AsyncClient, calls: int) -> None:
        self._client, self._left, self.timeout = client, calls, client.timeout

    async def run(self, exchange: Any) -> Any:
        self._left -= 1
        if self._left < 0:
            raise ConnectionError
        return await self._client.run(exchange)


async def test_an_interrupted_run_goes_on_where_it_stopped(table_store: Path, tmp_path: Path) -> None:
    many = {name: column * 7 for name, column in COLUMNS.items()}  # 20 requests, of which 16 are a part
    path, out = write_csv(tmp_path / "houses.csv", **many), tmp_path / "a.parquet"
    async with connect(table_store, "houses", 60.0) as client:
        whole = await predict_file(client, path, tmp_path / "whole.parquet", OPTIONS, TextForm())
        with pytest.raises(ConnectionError):
            await predict_file(Interrupted(client, 18), path, out, OPTIONS, TextForm())
        assert not out.exists()
        other = await predict_file(client, path, tmp_path / "a.csv", {**OPTIONS, "seed": 4}, TextForm())
        again = await predict_file(Interrupted(client, 5), path, out, OPTIONS, TextForm())
    assert (whole.taken, other.taken, again.taken) == (0, 0, 16 * 256)
    assert parquet.read_table(out) == parquet.read_table(tmp_path / "whole.parquet")
    assert not (tmp_path / "a.parquet.parts").exists()


@pytest.fixture(scope="module")
def expected(table_store: Path, tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    folder = tmp_path_factory.mktemp("expected")
    result = run(write_csv(folder / "houses.csv"), "--model", "houses", "--store", table_store, "--samples", 5,
                 "--out", folder / "a.parquet")  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "700 rows by houses, 5 samples, seed 0" in result.output
    assert "1 in 'garage'" in result.output
    assert "ignored: id, price" in result.output
    return parquet.read_table(folder / "a.parquet")


def written(tmp_path: Path, form: str) -> tuple[Path, list[str]]:
    """The same rows as a file of another form, with the options that it needs."""
    if form == "semicolons":
        return write_csv(tmp_path / "rows.csv", ";"), []
    if form == "decimal commas":
        commas = {name: [str(x).replace(".", ",") for x in COLUMNS[name]] for name in ("size", "garage")}
        return write_csv(tmp_path / "rows.csv", ";", **commas), ["--decimal", ","]
    if form in ("thousands", "sep=,"):
        large = {"garage": [f"{x:,}" for x in COLUMNS["garage"]], "size": [f"{x:,}e0" for x in COLUMNS["size"]]}
        path = write_csv(tmp_path / "rows.csv", ",", **(large if form == "thousands" else {}))
        path.write_text(form * (form == "sep=,") + "\n" * (form == "sep=,") + path.read_text())
        return path, ["--thousands", ","] if form == "thousands" else []
    if form == "gzip":
        path = tmp_path / "rows.csv.gz"
        path.write_bytes(gzip.compress(write_csv(tmp_path / "rows.csv").read_bytes()))
        return path, []
    if form in ("utf-16", "cp1252"):
        path = write_csv(tmp_path / "rows.csv", id=["é"] * ROWS)
        path.write_text(path.read_text(), encoding=form)
        return path, ["--encoding", "cp1252"] if form == "cp1252" else []
    if form == "parquet":
        table = pa.table(COLUMNS)
        index = table.column_names.index("colour")
        path = tmp_path / "rows.parquet"
        parquet.write_table(table.set_column(index, "colour", table["colour"].dictionary_encode()), path,
                            row_group_size=100)  # fmt: skip
        return path, []
    features = [
        [r["size"], *(r["colour"] == c for c in ("blue", "red", "white")), r["garage"]] for r in records(0, 700)
    ]
    array = np.array(features, np.float32)
    path = tmp_path / f"rows.{form}"
    np.save(path, array) if form == "npy" else np.savez_compressed(path, inputs=array, targets=array[:, 0])
    return path, []


@pytest.mark.parametrize(
    "form",
    ["semicolons", "decimal commas", "thousands", "sep=,", "gzip", "utf-16", "cp1252", "parquet", "npy", "npz"],
)
def test_files_of_every_form_are_read(table_store: Path, tmp_path: Path, expected: pa.Table, form: str) -> None:
    path, options = written(tmp_path, form)
    out = tmp_path / "a.parquet"
    result = run(path, "--model", "houses", "--store", table_store, "--samples", 5, "--out", out, *options)
    assert result.exit_code == 0, result.output
    table = parquet.read_table(out)
    assert table.column_names == expected.column_names
    for name in expected.column_names:
        if pa.types.is_floating(expected[name].type):
            np.testing.assert_allclose(table[name].to_numpy(), expected[name].to_numpy(), rtol=1e-9, err_msg=name)
        else:
            assert table[name].to_pylist() == expected[name].to_pylist()


def test_answers_are_written_in_every_form(table_store: Path, tmp_path: Path) -> None:
    colours = ["violet", *COLUMNS["colour"][1:]]
    path = write_csv(tmp_path / "houses.csv", colour=colours)
    for suffix in ("csv", "jsonl", "parquet"):
        options = ["--samples", 5, "--on-unknown", "abstain", "--outputs", "mean,label,decision"]
        out = tmp_path / f"a.{suffix}"
        result = run(path, "--model", "colours", "--store", table_store, "--out", out, *options)
        assert result.exit_code == 0, result.output
        assert "1 in 'colour'" in result.output
    table = parquet.read_table(tmp_path / "a.parquet")
    assert table.column_names == ["row", "label", "decision", *(f"mean_{i}" for i in range(10)), "unknown"]
    first = table.slice(0, 1).to_pylist()[0]
    assert (first["label"], first["mean_0"], first["decision"], first["unknown"]) == (None, None, "abstain", ["colour"])
    assert [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()] == table.to_pylist()
    with (tmp_path / "a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["unknown"] == '["colour"]'
    assert [float(row["mean_3"]) for row in rows[1:]] == table["mean_3"].to_pylist()[1:]


async def test_a_folder_of_pictures_is_answered_picture_by_picture(table_store: Path, tmp_path: Path) -> None:
    for i in range(3):
        (tmp_path / "pictures" / str(i)).mkdir(parents=True)
        Image.fromarray(RANDOM.integers(0, 255, (8, 8), np.uint8)).save(tmp_path / "pictures" / str(i) / "a.png")
    options = {"model": "digits", "samples": 5, "seed": 0}
    async with connect(table_store, "digits", 60.0) as client:
        await predict_file(client, tmp_path / "pictures", tmp_path / "a.parquet", options, TextForm())
        table = parquet.read_table(tmp_path / "a.parquet")
        picture = np.asarray(Image.open(tmp_path / "pictures" / "1" / "a.png"), np.float32) / 255 * 16
        answer = await client.predict(picture[None], model="digits", samples=5)
    assert table["file"].to_pylist() == ["0/a.png", "1/a.png", "2/a.png"]
    assert answer.mean is not None
    assert [table[f"mean_{i}"][1].as_py() for i in range(10)] == pytest.approx(answer.mean[0].tolist(), abs=1e-6)


DIARY = [("p2", "2024-01-03", 4), ("p1", "2024-01-02", 2), ("p2", "2024-01-01", 1.5), ("p1", "2024-01-01", 3)]


def write_diary(path: Path, *, typed: bool = False, changed: tuple[tuple[str, str, float], ...] = ()) -> Path:
    rows = [*DIARY, *changed]
    columns = {name: [row[i] for row in rows] for i, name in enumerate(("patient", "day", "garage"))}
    columns["colour"] = ["red"] * len(rows)
    indexed = columns | {"__index_level_0__": list(range(len(rows)))}  # as pandas writes an index without a name
    parquet.write_table(pa.table(indexed), path) if typed else write_rows(path, columns)
    return path


def write_rows(path: Path, columns: dict[str, list[Any]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([columns, *zip(*columns.values(), strict=True)])


@pytest.mark.parametrize("typed", [False, True])
async def test_a_table_of_steps_is_answered_sequence_by_sequence(
    table_store: Path, tmp_path: Path, typed: bool
) -> None:
    path = write_diary(tmp_path / f"a.{'parquet' if typed else 'csv'}", typed=typed)
    options = {"model": "diaries", "samples": 5, "seed": 0}
    async with connect(table_store, "diaries", 60.0) as client:
        await predict_file(client, path, tmp_path / "b.parquet", options, TextForm(), StepForm("patient", "day"))
        steps = [[{"garage": garage, "colour": "red"} for garage in two] for two in ((1.5, 4.0), (3.0, 2.0))]
        answer = await client.predict(steps, model="diaries", samples=5)
    table = parquet.read_table(tmp_path / "b.parquet")
    assert table["sequence"].to_pylist() == ["p2", "p1"]
    assert answer.mean is not None
    assert table[f"mean_{WIDTH}"].to_pylist() == answer.mean[:, 0].tolist()


@pytest.mark.parametrize(
    ("changed", "options", "said"),
    [
        ((), ["--id", "who", "--time", "day"], "there is no column 'who'; columns are: patient, day, garage, colour"),
        ((("p1", "soon", 1),), [], "row 4, column 'day': 'soon' is no time; a number or a date such as"),
        ((("p1", "2024-01-02", 1),), [], "row 4: patient 'p1' has this 'day' twice"),
        ((("", "2024-01-02", 1),), [], "row 4 has nothing in 'patient', which tells sequences apart"),
        ((("p1", "2024-01-08", 1), ("p1", "2024-01-09", 1)), [],
         "'p1' has 4 steps, and the model takes 3; --steps 3 keeps the last of each"),
        ((("p1", "2024-01-08", "many"),), [],  # what is no number is for the service to refuse
         'p2 (/inputs/0) to p1: "many" is not allowed for \'garage\''),
    ],
)  # fmt: skip
def test_steps_that_cannot_be_put_in_order_are_refused(
    table_store: Path, tmp_path: Path, changed: Any, options: list[str], said: str
) -> None:
    path, out = write_diary(tmp_path / "a.csv", changed=changed), tmp_path / "b.csv"
    told = options or ["--id", "patient", "--time", "day"]
    result = run(path, "--model", "diaries", "--store", table_store, "--out", out, "--samples", 2, *told)
    assert result.exit_code == 2
    assert said in result.stderr


def test_the_last_steps_are_kept(table_store: Path, tmp_path: Path) -> None:
    longer = write_diary(tmp_path / "a.csv", changed=(("p1", "2023-01-01", 5), ("p1", "2023-01-02", 5)))
    told = ["--id", "patient", "--time", "day", "--samples", 2, "--model", "diaries", "--store", table_store]
    for path, name in ((longer, "b.csv"), (write_diary(tmp_path / "c.csv"), "d.csv")):
        assert run(path, *told, "--steps", 2, "--out", tmp_path / name).exit_code == 0
    assert (tmp_path / "b.csv").read_text() == (tmp_path / "d.csv").read_text()


def test_a_running_service_with_keys_answers_the_same(table_store: Path, tmp_path: Path, expected: pa.Table) -> None:
    key, text = make_key("lab", ["predict"], None)
    with changing_keys(tmp_path / "keys.json") as keys:
        keys.append(key)
    (tmp_path / "key").write_text(f"{text}\n")
    server = Server(table_store, key_file=str(tmp_path / "keys.json"))
    told = (write_csv(tmp_path / "houses.csv"), "--model", "houses", "--url", server.url, "--samples", 5)
    try:
        server.wait_ready()
        refused = run(*told, "--out", tmp_path / "b.parquet")
        empty = run(*told, "--out", tmp_path / "b.parquet", "--key-file", os.devnull)
        result = run(*told, "--out", tmp_path / "a.parquet", "--key-file", tmp_path / "key")
        with Client(server.url, key=text) as client:
            assert client.model("houses")["name"] == "houses"
    finally:
        assert server.stop() == 0
    assert "401 unauthorized: no key was given" in refused.stderr
    assert "there is no key in it" in empty.stderr
    assert result.exit_code == 0, result.output
    np.testing.assert_allclose(
        parquet.read_table(tmp_path / "a.parquet")[f"mean_{WIDTH}"], expected[f"mean_{WIDTH}"], rtol=1e-5
    )


@pytest.mark.parametrize(
    ("changed", "options", "said"),
    [
        ({"colour": [*COLUMNS["colour"][:-1], "violet"]}, [], 'rows 512 to 699: "violet" is not a known value of'),
        ({"size": ["x"] * ROWS}, [], "256 faults in the rows, the first at /inputs/0/size"),
        ({"size": ["", *COLUMNS["size"][1:]]}, [], "the value of 'size' is missing"),
        ({}, ["--out", "a.xlsx"], "answers are written as .parquet, .csv, .jsonl"),
        ({}, ["--model", "house"], "there are: colours, diaries, digits, houses, plain, sales"),
        ({}, ["--model", "diaries"], "diaries takes sequences; name the column that tells them apart with --id"),
        ({}, ["--id", "id", "--time", "size"], "houses takes tables; leave out --id and --time"),
        ({}, ["--id", "id"], "sequences need both --id and --time"),
        ({}, ["--thousands", "."], "--thousands . is the decimal sign too; say --decimal ,"),
        ({}, ["--decimal", "x"], "--decimal is . or ,"),
        ({}, ["--decimal", ","], "row 0, column 'size': '73.7'; allowed are numbers with --decimal ,"),
        (
            {"size": ["1,5"] * ROWS},
            [],
            "row 0, column 'size': '1,5'; if the comma begins the decimals, say --decimal ,",
        ),
        ({}, ["--samples", "100000"], "samples is not allowed"),
        ({}, ["--seed", "x"], "--seed x: allowed are whole numbers"),
        ({}, ["--outputs", "man"], "outputs is not allowed"),
        ({}, ["--on-unknown", "guess"], "on_unknown is not allowed"),
        ({}, ["--encoding", "klingon"], "unknown encoding: klingon"),
        ({}, ["--url", "http://localhost:1"], "no answer from the service"),
    ],
)
def test_mistakes_are_one_line_with_the_remedy(
    table_store: Path, tmp_path: Path, changed: dict[str, Any], options: list[str], said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("service.client.command.SECONDS", 1.0)
    path = write_csv(tmp_path / "houses.csv", **changed)
    result = run(path, "--model", "houses", "--store", table_store, "--out", "a.csv", *options)
    assert result.exit_code == 2, result.output
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert said in line
    assert not Path("a.csv").exists()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"", "the file is empty"),
        ("a.csv", b"size,colour,garage\n", "the file has no rows"),
        ("a.csv", b"size,colour,garage\n1,red\n", "Expected 3 columns, got 2: 1,red; the first line names the columns"),
        ("a.csv", b"size,size,garage\n1,2,3\n", "the header has 'size' twice"),
        ("a.csv", b"size,colour,garage\n1,ros\xe9,2\n", "not UTF-8; name its encoding"),
        ("a.csv.gz", b"no gzip", "a.csv.gz"),
        ("a.parquet", b"no parquet", "it is not a whole Parquet file"),
        ("a.npy", b"no array", "it is not a whole file of NumPy's"),
        ("a.npz", b"no archive", "it is not a whole file of NumPy's"),
        ("a.xlsx", b"", "a file of this name is not read; allowed are .csv"),
    ],
)
def test_files_that_cannot_be_read_are_one_line(
    table_store: Path, tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    result = run(tmp_path / name, "--model", "houses", "--store", table_store, "--out", tmp_path / "b.csv")
    assert result.exit_code == 2, result.output
    assert said in result.stderr
    assert "Traceback" not in result.output


def test_files_that_are_missing_or_there_already_are_one_line(table_store: Path, tmp_path: Path) -> None:
    path, out = write_csv(tmp_path / "houses.csv"), tmp_path / "a.csv"
    for given, made in ((tmp_path / "house.csv", out), (tmp_path, out), (path, path)):
        result = run(given, "--model", "houses", "--store", table_store, "--out", made)
        assert result.exit_code == 2
    assert "is there already" in result.stderr
    assert path.stat().st_size > 1000


async def test_a_refused_row_leaves_the_answers_before_it(table_store: Path, tmp_path: Path) -> None:
    many = {name: column * 7 for name, column in COLUMNS.items()}
    path = write_csv(tmp_path / "houses.csv", **{**many, "colour": [*many["colour"][:-1], "violet"]})
    async with connect(table_store, "houses", 60.0) as client:
        with pytest.raises(RefusedError, match=r"rows 4864 to 4899: \"violet\""):
            await predict_file(client, path, tmp_path / "a.csv", OPTIONS, TextForm())
        write_csv(path, **many)
        summary = await predict_file(client, path, tmp_path / "a.csv", OPTIONS, TextForm())
    assert (summary.rows, summary.taken) == (4900, 4096)
