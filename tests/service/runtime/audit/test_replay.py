"""Every kind of answer is on record, and is made again to the bit; what differs is named."""

from __future__ import annotations

import io
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np
import pytest
from picture_files import saved
from PIL import Image
from random_models import digits, save_model
from running_service import started
from typer.testing import CliRunner

from service.__main__ import running
from service.http.audit.line import Line, decode_line
from service.runtime.audit.command import replaying
from service.runtime.audit.replay import ReplayError, replay
from service.settings import Settings

pytestmark = pytest.mark.anyio

NAMES = ("mlp", "convnet", "regression", "segnet", "infogan", "vae")
JSON, NPY = {"content-type": "application/json"}, {"content-type": "application/x-npy"}


def npy(rows: list[Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, np.asarray(rows, np.float32))
    return file.getvalue()


def tensor(rows: list[list[float]]) -> dict[str, Any]:
    data = [value for row in rows for value in row]
    return {"inputs": [{"name": "inputs", "shape": [len(rows), 64], "datatype": "FP32", "data": data}]}


def grey(level: int) -> bytes:
    return saved(Image.new("L", (8, 8), level), "PNG")


def form(*files: bytes) -> tuple[bytes, dict[str, str]]:
    request = httpx.Request("POST", "http://test", files=[("files", (f"{i}.png", one)) for i, one in enumerate(files)])
    return request.read(), {"content-type": request.headers["content-type"]}


def binary(rows: list[list[float]]) -> tuple[bytes, dict[str, str]]:
    data = np.asarray(rows, np.float32).tobytes()
    given = {
        "name": "inputs",
        "shape": [len(rows), 64],
        "datatype": "FP32",
        "parameters": {"binary_data_size": len(data)},
    }
    header = json.dumps(
        {"inputs": [given], "outputs": [{"name": "mean", "parameters": {"binary_data": True}}]}
    ).encode()
    return header + data, {
        "content-type": "application/octet-stream",
        "inference-header-content-length": str(len(header)),
    }


def dumped(**body: Any) -> bytes:
    return json.dumps(body).encode()


KINDS: Mapping[str, tuple[str, bytes, dict[str, str]]] = {
    "json": ("/predict?samples=7", dumped(inputs=digits(3)), JSON),
    "draws until sure": ("/predict?model=mlp&samples=auto&tolerance=0.05", dumped(inputs=digits(2)), JSON),
    "draws to the limit": ("/predict?model=mlp&samples=auto&tolerance=0.0000001", dumped(inputs=digits(1)), JSON),
    "a random seed": ("/predict?model=mlp&seed=random&record=true", dumped(inputs=digits(2)), JSON),
    "arrays": ("/predict?model=convnet&seed=5", npy(digits(2)), {**NPY, "accept": "application/x-npz"}),
    "many rows": ("/predict?model=convnet&samples=20", npy(digits(70)), NPY),
    "sets": ("/predict?model=regression&interval=0.9&draws=true", dumped(inputs=[[0.1, 0.2, 0.3]]), JSON),
    "a picture": ("/predict?model=mlp", grey(8), {"content-type": "image/png"}),
    "pictures": ("/predict?model=mlp", *form(grey(8), grey(9))),
    "a segmentation": ("/predict?model=segnet", b"", {**NPY, "accept": "image/png"}),
    "v1": ("/v1/models/mlp:predict", dumped(instances=digits(2), seed=3), JSON),
    "v2": ("/v2/models/mlp/infer", dumped(**tensor(digits(2)), parameters={"seed": 9}), JSON),
    "v2 in bytes": ("/v2/models/mlp/versions/1/infer", *binary(digits(2))),
    "rows to label": ("/acquire?model=mlp&n=2&seed=random", dumped(inputs=digits(6)), JSON),
    "images": ("/generate/infogan", dumped(n=3, seed="random"), JSON),
    "a sheet": ("/generate/infogan", b"", {"accept": "image/png"}),
    "a way": ("/generate/vae/interpolate", dumped(**{"from": {"seed": 3}, "to": {}}), JSON),
    "a grid": ("/generate/infogan/traverse", dumped(rows={"control": "digit"}, seed="random"), JSON),
    "codes": ("/encode/vae", npy(digits(2)), {**NPY, "accept": "application/x-npz"}),
    "reconstructions": ("/reconstruct/vae?seed=random", npy(digits(2)), NPY),
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    for name in NAMES:
        save_model(folder, name)
    return folder


def lines_of(file: Path) -> list[Line]:
    return [decode_line(line) for line in file.read_bytes().splitlines()]


@asynccontextmanager
async def audited(store: Path, file: Path, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with started(store=store, audit_file=file, **settings) as client:
        yield client


@pytest.fixture(scope="module")
async def recorded(models: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Line, bytes, bytes]]:
    """The line, the input and the answer of every kind."""
    file, answers = tmp_path_factory.mktemp("audit") / "audit.jsonl", {}
    async with audited(models, file, seed=4) as client:
        scene = npy([client.runtime.find_predictor("segnet", None).inputs.example().numpy()[0]])
        for kind, (address, content, headers) in KINDS.items():
            body = scene if kind == "a segmentation" else content
            answer = await client.post(address, content=body, headers=headers)
            assert answer.status_code == 200, answer.text
            answers[answer.headers["x-request-id"]] = kind, body, answer.content
        assert (await client.post("/predict", json={"inputs": []})).status_code == 422
        assert (await client.get("/models")).status_code == 200
    assert [line.request_id for line in lines_of(file)] == [*answers]
    return {answers[line.request_id][0]: (line, *answers[line.request_id][1:]) for line in lines_of(file)}


async def test_a_line_tells_who_asked_what_of_which_model_and_holds_no_payload(
    recorded: dict[str, tuple[Line, bytes, bytes]], models: Path
) -> None:
    line, _, answer = recorded["json"]
    told = json.loads(answer)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", line.time)
    assert (line.method, line.path, line.query, line.status) == ("POST", "/predict", "samples=7", 200)
    assert (line.note.model, line.note.version, line.note.seed, line.note.samples) == ("mlp", 1, told["seed"], 7)
    assert (line.note.decisions, line.key_id, line.seed) == (told["decision"], None, 4)
    seeds = recorded["images"][0].note.seed
    assert seeds == json.loads(recorded["images"][2])["seeds"]
    for one, body, _ in recorded.values():
        assert one.note.model_sha256
        text = json.dumps(msgspec.to_builtins(one))
        assert len(text) < 2500
        assert not body or body.decode("latin-1") not in text
    assert {one.note.model for one, _, _ in recorded.values()} == set(NAMES)


@pytest.mark.parametrize("kind", KINDS)
async def test_every_kind_of_answer_is_made_again_to_the_bit(
    kind: str, recorded: dict[str, tuple[Line, bytes, bytes]], models: Path, tmp_path: Path
) -> None:
    line, body, answer = recorded[kind]
    settings = Settings(store=models, database_url=f"sqlite:///{tmp_path}/outcomes.sqlite", seed=11)
    done = await replay(line, body, settings, running)
    assert done.differences == []
    assert done.is_same
    assert done.answer == answer


async def test_requests_at_once_are_made_again_to_the_bit(models: Path, tmp_path: Path) -> None:
    """Beside others they would share a batch, whose size decides how libraries round."""
    import asyncio

    bodies = {f"r{i}": dumped(inputs=digits(1 + i, seed=i)) for i in range(12)}
    async with audited(models, tmp_path / "audit.jsonl") as client:
        send = (client.post("/predict", content=b, headers={**JSON, "x-request-id": i}) for i, b in bodies.items())
        answers = dict(zip(bodies, await asyncio.gather(*send), strict=True))
    for line in lines_of(tmp_path / "audit.jsonl")[::4]:
        done = await replay(line, bodies[line.request_id], Settings(store=models), running)
        assert done.answer == answers[line.request_id].content


async def test_what_differs_is_named(
    recorded: dict[str, tuple[Line, bytes, bytes]], models: Path, tmp_path: Path
) -> None:
    line, body, _ = recorded["json"]
    settings = Settings(store=models)
    other = await replay(line, body + b" ", settings, running)
    assert other.answer is None
    assert re.fullmatch(rf"input SHA-256 was {line.input_sha256}, is \w{{64}}", *other.differences)
    save_model(tmp_path, "mlp")
    manifest = tmp_path / "mlp" / "1" / "manifest.json"
    missing = await replay(line, body, Settings(store=tmp_path / "none"), running)
    assert missing.differences == [f"model SHA-256 was {line.note.model_sha256}, is not in the store"]
    assert manifest.exists()
    changed = msgspec.structs.replace(line.note, model_sha256="0" * 64)
    another = await replay(msgspec.structs.replace(line, note=changed), body, settings, running)
    assert another.differences == [f"model SHA-256 was {'0' * 64}, is {line.note.model_sha256}"]
    older = msgspec.structs.replace(line, software={**line.software, "torch": "1.0"})
    same = await replay(older, body, settings, running)
    assert same.is_same
    assert same.differences == [f"software: torch was 1.0, is {line.software['torch']}"]
    lied = await replay(msgspec.structs.replace(line, answer_sha256="1" * 64), body, settings, running)
    assert (lied.is_same, lied.answer is None) == (False, False)
    assert lied.differences[0].startswith(f"answer SHA-256 was {'1' * 64}, is ")
    for changes, reason in (
        ({"answer_sha256": None, "status": 504}, "status 504"),
        ({"path": "/outcomes"}, "/outcomes"),
    ):
        with pytest.raises(ReplayError, match=reason):
            await replay(msgspec.structs.replace(line, **changes), body, settings, running)


def test_the_command_writes_the_answer_and_says_what_differs(models: Path, tmp_path: Path) -> None:
    import asyncio

    import typer

    async def record() -> bytes:
        async with audited(models, tmp_path / "audit.jsonl") as client:
            return (await client.post("/predict?seed=random", json={"inputs": digits(1)})).content

    answer = asyncio.run(record())
    (text,) = (tmp_path / "audit.jsonl").read_text().splitlines()
    (tmp_path / "body").write_bytes(json.dumps({"inputs": digits(1)}, separators=(",", ":")).encode())
    app = typer.Typer()
    app.command()(replaying(running))
    told = ["--input", str(tmp_path / "body"), "--store", str(models)]
    done = CliRunner().invoke(app, [text, *told])
    assert (done.exit_code, done.stderr) == (0, "the answer is the same to the bit\n"), done.output
    assert done.stdout_bytes == answer
    assert CliRunner().invoke(app, ["-", *told, "--out", str(tmp_path / "out")], input=text).exit_code == 0
    assert (tmp_path / "out").read_bytes() == answer
    (tmp_path / "body").write_bytes(b"{}")
    different = CliRunner().invoke(app, [text, *told])
    assert different.exit_code == 1
    assert "input SHA-256 was" in different.stderr
    for arguments, reason in (
        (["{}", *told], "LINE is not a line of the audit"),
        ([text, "--input", "none"], "none: No such"),
    ):
        refused = CliRunner().invoke(app, arguments)
        assert refused.exit_code == 2
        assert re.fullmatch(rf"error: .*{reason}.*\n", refused.stderr)
