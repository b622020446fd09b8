"""Networks of several inputs, imported from torch and from ONNX, calibrated and then asked in every form."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from pyarrow import parquet
from running_service import started
from typer.testing import CliRunner

from models.checkpoints.checkpoint import load
from models.parts import pack, unpack
from models.prediction.predictor import Predictor
from service.client import AsyncClient
from service.client.batches import TextForm
from service.client.errors import InputFileError
from service.client.file_prediction import predict_file
from training.cli.commands import app

pytestmark = pytest.mark.anyio

CODE = """
import torch
from torch import nn
from torch.nn import functional as F


class Duo(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.norm, self.drop = nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Dropout(0.4)
        self.table, self.words, self.head = nn.Linear(3, 8), nn.Embedding(20, 8), nn.Linear(20, 3)

    def forward(self, scan, patient, *, note):
        x = F.relu(self.norm(self.conv(scan))).mean((2, 3))
        words = F.dropout(self.words(note).mean(1), 0.2, self.training)
        return self.head(self.drop(torch.cat([x, F.relu(self.table(patient)), words], 1)))


class Marked(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.table = nn.Conv2d(1, 8, 3, padding=1), nn.Linear(2, 8)
        self.last = nn.Sequential(nn.Dropout2d(0.3), nn.Conv2d(8, 2, 1))

    def forward(self, image, clinic):
        return self.last(torch.relu(self.conv(image) + self.table(clinic)[:, :, None, None]))


class OfDict(nn.Module):
    def forward(self, inputs):
        return inputs["scan"].flatten(1)
"""
DUO = ("--inputs", "scan=image:1x6x5", "--inputs", "note=tokens:4x20", "--inputs", "patient=patient.json")
DUO_SAID = ("--mean", "scan=0.5", "--scale", "scan=0.25")
PATIENT = {
    "kind": "table",
    "shape": [3],
    "mean": [50, 0, 0],
    "scale": [10, 1, 1],
    "table": {
        "columns": [
            {"name": "age", "kind": "number", "unit": "years", "low": 20, "high": 90},
            {"name": "sex", "kind": "category", "categories": ["f", "m"]},
        ]
    },
}
ROWS = 96
Arrays = dict[str, NDArray[Any]]


def some_rows(rows: int) -> Arrays:
    stream = np.random.default_rng(0)
    sex = np.eye(2)[stream.integers(0, 2, rows)]
    return {
        "scan": stream.integers(0, 256, (rows, 1, 6, 5)).astype(np.uint8),
        "patient": np.column_stack([stream.uniform(20, 90, rows), sex]).astype(np.float32),
        "note": stream.integers(0, 20, (rows, 4)),
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of what is imported here, beside the rows that two models are calibrated on."""
    folder = tmp_path_factory.mktemp("several")
    (folder / "several_networks.py").write_text(CODE)
    (folder / "patient.json").write_text(json.dumps(PATIENT))
    stream = np.random.default_rng(1)
    np.savez(folder / "kept.npz", **some_rows(ROWS), y=stream.integers(0, 3, ROWS))  # type: ignore[arg-type]
    images = stream.standard_normal((60, 1, 4, 6)).astype(np.float32)
    np.savez(folder / "marked.npz", image=images, clinic=stream.standard_normal((60, 2)), y=images[:, 0] > 0)
    write_onnx(folder / "file.onnx")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        patch.chdir(folder)
        said = run("duo", "--from", "several_networks:Duo", *DUO, *DUO_SAID, "--data", "kept.npz")
        assert "draws are masks of 2 dropouts" in said
        assert "note: the network reads ids of 0 to 19 as int64" in said
        marked = ("--inputs", "image=image:1x4x6", "--inputs", "clinic=table:2", "--range", "image=-9,9")
        run("marked", "--from", "several_networks:Marked", *marked, "--data", "marked.npz")
        said = run(
            "file",
            "--onnx",
            "file.onnx",
            "--inputs",
            "ids=tokens:3x5",
            "--inputs",
            "photo=image:3x2x2",
            "--scale",
            "photo=1",
        )
        assert "photo: the file's channels are the last axis, and a request's the first" in said
        calibrated = CliRunner().invoke(app, ["calibrate", "duo", "--data", "kept.npz", "--out", "store"])
        assert calibrated.exit_code == 0, calibrated.output
    return folder


def run(name: str, *arguments: str) -> str:
    result = CliRunner().invoke(app, ["import", name, *arguments, "--out", "store"])
    assert result.exit_code == 0, result.output
    return result.output


def write_onnx(path: Path) -> None:
    """Write a graph of ids and a picture with channels last, made for two rows at a time."""
    stream = np.random.default_rng(2)
    weights = {"words": (5, 3), "pixels": (12, 4), "last": (7, 2)}
    tensors = [numpy_helper.from_array(stream.standard_normal(s).astype(np.float32), n) for n, s in weights.items()]
    nodes = [
        helper.make_node("Gather", ["words", "ids"], ["found"]),
        helper.make_node("ReduceMax", ["found"], ["word"], axes=[1], keepdims=0),
        helper.make_node("Flatten", ["photo"], ["flat"]),
        helper.make_node("MatMul", ["flat", "pixels"], ["seen"]),
        helper.make_node("Concat", ["word", "seen"], ["both"], axis=1),
        helper.make_node("Dropout", ["both"], ["kept"]),
        helper.make_node("MatMul", ["kept", "last"], ["y"]),
    ]
    inputs = [
        helper.make_tensor_value_info("photo", TensorProto.FLOAT, [2, 2, 2, 3]),
        helper.make_tensor_value_info("ids", TensorProto.INT64, [2, 3]),
    ]
    result = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 2])]
    graph = helper.make_graph(nodes, "several", inputs, result, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)


def model_of(folder: Path, name: str) -> Predictor:
    model = load(folder / "store" / name / "1").model
    assert isinstance(model, Predictor)
    return model


def test_the_graph_is_the_module_and_its_draws_have_its_distribution(folder: Path) -> None:
    model, arrays = model_of(folder, "duo"), some_rows(3)
    rows = torch.from_numpy(pack(model.inputs, arrays))
    assert {n: a.tolist() for n, a in unpack(model.inputs, rows.numpy()).items()} == {
        n: arrays[n].tolist() for n in model.inputs.parts
    }
    network = sys.modules["several_networks"].Duo().eval()
    x = (torch.from_numpy(arrays["scan"]) / 255 - 0.5) / 0.25
    table = (torch.from_numpy(arrays["patient"]) - torch.tensor([50.0, 0, 0])) / torch.tensor([10.0, 1, 1])
    given = {"scan": x, "patient": table, "note": torch.from_numpy(arrays["note"])}
    temperature = model.outputs.temperature
    expected = (network(**given) / temperature).softmax(-1)
    torch.testing.assert_close(model.predict(rows, 0).mean.float(), expected, atol=1e-5, rtol=0)
    network.train()
    network.norm.eval()
    torch.manual_seed(0)
    with torch.no_grad():
        passes = torch.stack([(network(**given) / temperature).softmax(-1) for _ in range(2000)])
    answer = model.predict(rows, 2000)
    assert answer.epistemic_variance is not None
    error = (passes.var(0) * 2 / 2000).sqrt()
    assert ((answer.mean - passes.mean(0)).abs() < 4 * error).all()
    fourth = (passes - passes.mean(0)).pow(4).mean(0)
    error = ((fourth - passes.var(0).square()) * 2 / 2000).sqrt()
    assert ((answer.epistemic_variance - passes.var(0)).abs() < 4 * error).all()
    torch.testing.assert_close(model.predict(rows[1:2], 20).mean, model.predict(rows, 20).mean[1:2], atol=1e-5, rtol=0)


def test_a_file_of_several_inputs_answers_as_it_did(folder: Path) -> None:
    model, stream = model_of(folder, "file"), np.random.default_rng(3)
    ids, photo = stream.integers(0, 5, (2, 3)), stream.uniform(0, 255, (2, 3, 2, 2)).astype(np.float32)
    session = onnxruntime.InferenceSession(str(folder / "file.onnx"))
    (logits,) = session.run(["y"], {"ids": ids, "photo": photo.transpose(0, 2, 3, 1) / 255})
    answer = model.predict(torch.from_numpy(pack(model.inputs, {"photo": photo, "ids": ids})), 0)
    expected = torch.from_numpy(logits).softmax(-1)
    torch.testing.assert_close(answer.mean.float(), expected, atol=1e-5, rtol=0)


def npz(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


async def post(client: httpx.AsyncClient, path: str, body: bytes | dict[str, Any], **query: Any) -> Any:
    if isinstance(body, dict):
        return await client.post(path, json=body, params=query)
    return await client.post(path, content=body, params=query, headers={"content-type": "application/x-npz"})


def tensors(arrays: Arrays) -> list[dict[str, Any]]:
    kinds = {"scan": "UINT8", "patient": "FP32", "note": "INT64"}
    return [
        {"name": n, "shape": list(a.shape), "datatype": kinds[n], "data": a.ravel().tolist()} for n, a in arrays.items()
    ]


async def test_rows_may_have_every_form_and_every_route_takes_them(folder: Path) -> None:
    arrays = some_rows(4)
    records = [dict(zip(arrays, row, strict=True)) for row in zip(*(a.tolist() for a in arrays.values()), strict=True)]
    ages = [round(float(age), 3) for age in arrays["patient"][:, 0]]
    named = [{"age": age, "sex": "fm"[int(m)]} for age, (_, _, m) in zip(ages, arrays["patient"], strict=True)]
    arrays["patient"][:, 0] = ages
    options = {"model": "duo", "seed": 7, "samples": 20, "interval": 0.8}
    by_name = [{**record, "patient": one} for record, one in zip(records, named, strict=True)]
    async with started(store=folder / "store", default_model="duo", outcomes="all") as client:
        entry = (await client.get("/models/duo")).json()
        assert list(entry["inputs"]["parts"]) == ["scan", "note", "patient"]
        assert entry["inputs"]["parts"]["scan"]["scale"] == [255 * 0.25]
        assert entry["inputs"]["parts"]["note"]["high"] == 19
        assert "scan (image 1 x 6 x 5), note (tokens 4) and patient (table 3)" in entry["card"]

        first = (await post(client, "/predict", {"inputs": by_name}, **options)).json()
        assert first["outside"] == [[]] * 4
        shown = (await post(client, "/predict", {"inputs": by_name}, model="duo", outputs="p_values")).json()
        assert set(shown["p_values"]) >= {"input_neighbour", "mahalanobis", "energy", "mutual_information"}
        columns = {name: [record[name] for record in by_name] for name in by_name[0]}
        for body in ({"inputs": columns}, npz(**arrays)):
            assert (await post(client, "/predict", body, **options)).json() == first
        sent = {"inputs": tensors(arrays), "parameters": {"seed": 7, "samples": 20}}
        told = (await client.get("/v2/models/duo")).json()["inputs"]
        assert told[1] == {"name": "note", "datatype": "INT64", "shape": [-1, 4]}
        answer = (await client.post("/v2/models/duo/infer", json=sent)).json()
        (mean,) = (one["data"] for one in answer["outputs"] if one["name"] == "mean")
        np.testing.assert_allclose(mean, np.ravel(first["mean"]), atol=1e-6)
        of_each = await post(client, "/v1/models/duo:predict", {"instances": by_name}, seed=7, samples=20)
        assert [one["label"] for one in of_each.json()["predictions"]] == first["label"]

        examples = (await client.get("/models/duo/examples")).json()
        again = await post(client, "/predict", {"inputs": examples["inputs"]}, model="duo")
        assert len(again.json()["label"]) == len(examples["targets"])
        chosen = [
            (await post(client, "/acquire", body, model="duo", n=2)).json()["rows"]
            for body in ({"inputs": by_name}, npz(**arrays))
        ]
        assert chosen[0] == chosen[1]
        pool = {"inputs": by_name, "targets": [{**by_name[0], "note": [1, 2, 3]}], "acquisition": "epig"}
        refused = await post(client, "/acquire", pool, model="duo", n=1)
        assert refused.json()["errors"][0]["pointer"] == "/targets/0/note"
        reported = await post(
            client, "/outcomes", {"model": "duo", "inputs": by_name, "outcomes": ["0", "1", "2", "0"]}
        )
        assert reported.json()["recorded"] == 4, reported.text

        credence = AsyncClient("http://test", transport=httpx.ASGITransport(client.application))  # type: ignore[attr-defined]
        of_client = await credence.predict(arrays, **options)
        np.testing.assert_allclose(of_client.mean, first["mean"], atol=1e-6)
        np.savez(folder / "many.npz", **arrays, beside=np.zeros(3))  # type: ignore[arg-type]
        out = folder / "answers.parquet"
        await predict_file(credence, folder / "many.npz", out, {"model": "duo", "seed": 7, "samples": 20}, TextForm())
        found = parquet.read_table(out)
        np.testing.assert_allclose(found["mean_1"].to_numpy(), np.array(first["mean"])[:, 1], atol=1e-6)
        np.savez(folder / "few.npz", scan=arrays["scan"])
        with pytest.raises(InputFileError, match=r"it lacks note, patient; this model takes the arrays scan, note"):
            await predict_file(credence, folder / "few.npz", folder / "x.csv", {"model": "duo"}, TextForm())
        many = {name: np.repeat(array, 100, 0) for name, array in arrays.items()}
        assert len((await credence.predict(many, model="duo", samples=2)).mean) == 400

        strange = {**by_name[1], "patient": {"age": 300, "sex": "x"}}
        refused = await post(client, "/predict", {"inputs": [by_name[0], strange]}, model="duo")
        assert refused.json()["errors"][0]["pointer"] == "/inputs/1/patient/sex"
        unsure = await post(client, "/predict", {"inputs": [by_name[0], strange]}, model="duo", on_unknown="abstain")
        assert unsure.json()["unknown"] == [[], ["patient.sex"]]
        assert unsure.json()["outside"] == [[], ["patient.age"]]
        assert unsure.json()["mean"][1] is None or np.isnan(np.array(unsure.json()["mean"][1], float)).all()

        image = np.load(folder / "marked.npz")["image"][:2]
        mask = await post(client, "/predict", npz(image=image, clinic=np.zeros((2, 2))), model="marked")
        assert np.shape(mask.json()["label"]) == (2, 4, 6)


BY_JSON = {
    "numbers": ([[0.0] * 37], "takes rows by the names of its inputs, scan (image 1 x 6 x 5)", ""),
    "a name": ([{"scam": 1}], 'there is no input "scam"; did you mean "scan"?', "/0/scam"),
    "steps": ([[{"scan": 1}]], "allowed is one record a row", ""),
    "missing": ([{}, {"note": None}], 'the input "note" is missing from row 1', "/1/note"),
    "null": ([{}, {"note": [1, 2, None, 3]}], "note: the value at /inputs/1/note/2 is null", "/1/note/2"),
    "short": ([{}, {"note": [1, 2, 3]}], "note: the rows of inputs differ in shape", "/1/note"),
    "a fraction": ([{"note": [1, 2, 0.5, 3]}], "first at /inputs/0/note/2; allowed are whole numbers", "/0/note/2"),
    "an id": ([{}, {"note": [1, 2, 20, 3]}], "allowed are whole numbers from 0 to 19", "/1/note/2"),
    "a pixel": ([{}, {"scan": [[[256.0] * 5] * 6]}], "scan: 30 values are not allowed", "/1/scan/0/0/0"),
    "infinity": ([{"patient": [1e39, 1, 0]}], "patient: 1 values are not allowed", "/0/patient/0"),
    "one-hot": ([{}, {"patient": [30, 1, 1]}], "patient: the features of 'sex' at /inputs/1/patient/1", "/1/patient/1"),
    "a cell": (
        [{"patient": {"age": 30, "sex": "m"}}, {"patient": {"age": "old", "sex": "f"}}],
        "is not allowed for 'age'",
        "/1/patient/age",
    ),
    "a column": ([{"patient": {"age": 30, "sex": "f", "agee": 1}}], 'there is no column "agee"', "/0/patient/agee"),
    "names of numbers": ([{"note": {"a": 1}}], 'the input "note" has no names for its values', "/0/note"),
}


async def test_what_is_wrong_is_named_with_its_input_and_its_row(folder: Path) -> None:
    arrays = some_rows(2)
    good = {name: array[0].tolist() for name, array in arrays.items()}
    async with started(store=folder / "store", default_model="duo") as client:
        for rows, words, pointer in BY_JSON.values():
            filled = [{**good, **row} if isinstance(row, dict) else row for row in rows]
            filled = [
                {n: v for n, v in row.items() if v is not None} if isinstance(row, dict) else row for row in filled
            ]
            refused = (await post(client, "/predict", {"inputs": filled})).json()
            assert words in refused["detail"], refused
            assert refused["errors"][0]["pointer"] == f"/inputs{pointer}", refused
        for changed, words in (
            ({"note": arrays["note"][:1]}, "scan 2, patient 2, note 1"),
            ({"note": arrays["note"][:, :3]}, "note: inputs have shape (2, 3); allowed is (rows, 4)"),
            ({"other": arrays["note"]}, 'there is no input "other"'),
        ):
            refused = (await post(client, "/predict", npz(**(arrays | changed)))).json()
            assert words in refused["detail"], refused
            sent = {"inputs": tensors(arrays | changed)} if "other" not in changed else {"inputs": tensors(arrays)[:2]}
            refused = (await client.post("/v2/models/duo/infer", json=sent)).json()
            assert words in refused["error"] or 'the input "note" is missing' in refused["error"], refused
        png = await client.post("/predict", content=b"\x89PNG", headers={"content-type": "image/png"})
        assert (png.status_code, "by name; allowed are application/json" in png.json()["detail"]) == (415, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((*DUO, "--mean", "0.5"), "--mean 0.5 has no name: of several inputs say --mean NAME=0.5"),
        ((*DUO, "--mean", "scam=0.5"), "--mean scam=: there is no such input; did you mean 'scan'?"),
        ((*DUO, "--inputs", "scan=table:3"), "--inputs scan= is given twice"),
        (("--inputs", "scan=table:3"), "one input takes no name"),
        (("--inputs", "table:3", "--mean", "scan=1"), "--inputs states one"),
        (("--inputs", "table:3", "--inputs", "a=table:3"), "--inputs table:3 has no name"),
        ((*DUO, "--inputs", "x=image:1x8"), "x: --inputs image:1x8 is not understood: give image:3x224x224"),
        (("--inputs", "whole.json"), "rows of kind parts have 2 parts or more, and as many numbers; shape is [4]"),
        ((*DUO[:4],), "Duo.forward takes scan, patient, note: missing a required argument: 'patient'"),
        ((*DUO, "--inputs", "extra=table:2"), "got an unexpected keyword argument 'extra'"),
        ((*DUO, *DUO_SAID, "--bits", "scan=12"), "--bits 12 is not understood"),
        ((*DUO, "--data", "marked.npz"), "marked.npz: scan, note, patient missing"),
        ((*DUO, "--data", "white.npz"), "scan lies between 0 and 1, and the model takes values from 0 to 255"),
        ((*DUO, "--data", "ids.npz"), "note: 1 values are not allowed, the first at /inputs/3/note/2"),
        ((*DUO, "--data", "patient.json"), "rows of several inputs are read from an NPZ file"),
        ((*DUO, "--data", "bare.npz"), "and no y with the outcomes"),
    ],
)
def test_what_cannot_be_imported_ends_in_one_line(
    arguments: tuple[str, ...], said: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("COLUMNS", "400")
    arrays, y = some_rows(ROWS), np.arange(ROWS) % 3
    of_parts = {"kind": "parts", "shape": [4], "parts": {"a": {"kind": "table", "shape": [3]}, "b": PATIENT}}
    Path("whole.json").write_text(json.dumps(of_parts))
    np.savez("bare.npz", **arrays)  # type: ignore[arg-type]
    np.savez("white.npz", **(arrays | {"scan": arrays["scan"] / 255}), y=y)
    strange = arrays["note"].copy()
    strange[3, 2] = 20
    np.savez("ids.npz", **(arrays | {"note": strange}), y=y)  # type: ignore[arg-type]
    told = ["import", "x", "--from", "several_networks:Duo", *arguments, "--out", "other"]
    result = CliRunner().invoke(app, told)
    assert result.exit_code
    (line,) = (line for line in result.output.splitlines() if line.startswith("error: "))
    assert said in line
