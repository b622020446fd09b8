"""Inputs of real people that went wrong elsewhere: each folder of ``../shared/cases`` gives what is right.

The folders are not part of the repository; without them there is nothing to walk.
"""

from __future__ import annotations

import base64
import shutil
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from running_service import started
from starter_store import trained_store
from typer.testing import CliRunner, Result

from models.checkpoints.checkpoint import PredictorSpec, load
from training.cli.commands import app

FOLDER = Path(__file__).parents[2] / "shared" / "cases"
CASES = sorted(path.parent.name for path in FOLDER.glob("*/CASE.txt"))
pytestmark = pytest.mark.anyio


class Case:
    """What every case does: fit its files, and ask the service.

    Args:
        folder: Folder of the case.
        store: Store that its models are written to.
        client: Client of a service of that store.
    """

    def __init__(self, folder: Path, store: Path, client: httpx.AsyncClient) -> None:
        self.folder, self.store, self.client = folder, store, client

    def fit(self, model: str, data: str, *options: str) -> Result:
        """Fit one of the case's files, in few epochs."""
        arguments = ["fit", model, "--data", str(self.folder / data), "--epochs", "2", "--out", str(self.store)]
        return CliRunner().invoke(app, [*arguments, *options])

    def spec(self, name: str) -> PredictorSpec:
        """Return the specification of a model that was fitted."""
        spec = load(self.store / name / "1").manifest.model
        assert isinstance(spec, PredictorSpec)
        return spec

    def columns(self, name: str) -> Mapping[str, Sequence[str]]:
        """Return the columns that a model predicts from, each with its categories."""
        table = self.spec(name).inputs.table
        assert table is not None
        return {column.name: column.categories for column in table.columns}

    async def ask(self, path: str, **body: Any) -> httpx.Response:
        """Serve what was fitted, and post a request."""
        for folder in self.store.iterdir():
            if not folder.name.startswith("."):
                await self.client.post(f"/models/{folder.name}/load")
        return await self.client.post(path, **body)


async def transparent(case: Case) -> None:
    for data in ("logos", "greyalpha"):
        fitted = case.fit("mlp-mc_dropout", data)
        assert fitted.exit_code == 0, fitted.output
        assert "transparent" in fitted.output
        name = f"{data}-mlp-mc_dropout"
        assert max(case.spec(name).inputs.scale) > 10  # all black, it was 1
        picture = next((case.folder / data).rglob("*.png")).read_bytes()
        answer = await case.ask(f"/predict?model={name}", content=picture, headers={"Content-Type": "image/png"})
        assert answer.status_code == 200, answer.text
    refused = case.fit("mlp-mc_dropout", "logos", "--alpha", "refuse")
    assert refused.exit_code == 2
    assert "transparent" in refused.output


async def category_of_the_test_part(case: Case) -> None:
    fitted = case.fit("mlp-mc_dropout", "catsplit", "--target", "price")
    assert fitted.exit_code == 2
    assert "violet" in fitted.output
    assert "in no training row" in fitted.output


async def images_alone_and_in_a_batch(case: Case) -> None:
    seeds = [332, 340, *range(8)]
    together = (await case.ask("/generate/infogan", json={"seeds": seeds})).json()["images"]
    for seed, image in zip(seeds, together, strict=True):
        alone = (await case.client.post("/generate/infogan", json={"seed": seed})).json()["images"]
        assert base64.b64decode(alone[0]) == base64.b64decode(image), seed


async def line_separators_in_a_cell(case: Case) -> None:
    for data in ("ls_in_cell", "nel_in_cell"):
        fitted = case.fit("mlp-mc_dropout", f"{data}.csv", "--target", "price")
        assert fitted.exit_code == 0, fitted.output
        assert {"size", "rooms"} <= case.columns(f"{data}-mlp-mc_dropout").keys()


async def target_of_zeros_and_ones(case: Case) -> None:
    fitted = case.fit("mlp-mc_dropout", "churn01.csv", "--target", "churned")
    assert fitted.exit_code == 0, fitted.output
    assert "taken for classes" in fitted.output
    answer = await case.ask("/predict?model=churn01-mlp-mc_dropout&interval=0.9", json={"inputs": [[190, 6]]})
    assert answer.json()["classes"] == ["0", "1"]
    assert sum(answer.json()["mean"][0]) == pytest.approx(1)


async def marks_of_missing_values(case: Case) -> None:
    for data in ("tmiss_pdna", "miss_None"):
        refused = case.fit("mlp-mc_dropout", f"{data}.csv", "--target", "price")
        assert refused.exit_code == 2
        assert "--missing impute" in refused.output
        assert "--categorical" not in refused.output
        assert case.fit("mlp-mc_dropout", f"{data}.csv", "--target", "price", "--missing", "impute").exit_code == 0
    assert list(case.columns("tmiss_pdna-mlp-mc_dropout")["colour"]) == ["blue", "green", "red"]


async def missing_values(case: Case) -> None:
    refused = case.fit("mlp-mc_dropout", "miss_empty.csv", "--target", "price")
    assert refused.exit_code == 2
    assert "--missing drop-rows" in refused.output
    assert case.fit("mlp-mc_dropout", "miss_empty.csv", "--target", "price", "--missing", "drop-rows").exit_code == 0
    assert case.fit("mlp-mc_dropout", "miss_empty.csv", "--target", "price", "--missing", "impute").exit_code == 0
    rows = [{"size": 100, "rooms": 3, "colour": "red"}, {"size": 100, "rooms": None, "colour": "red"}]
    path = "/predict?model=miss_empty-mlp-mc_dropout"
    dropped = await case.ask(f"{path}&version=1", json={"inputs": rows})
    assert dropped.status_code == 422
    assert dropped.json()["errors"][0]["pointer"] == "/inputs/1/rooms"
    imputed = await case.ask(f"{path}&version=2", json={"inputs": rows})
    assert len(imputed.json()["mean"]) == 2, imputed.text


async def sequences_of_different_length(case: Case) -> None:
    columns = ("--id", "patient", "--time", "t")
    stepwise = case.fit("recurrent-mc_dropout", "seq_steps.csv", "--target", "next", *columns)
    whole = case.fit("recurrent-mc_dropout", "seq_label.csv", "--target", "label", *columns)
    assert (stepwise.exit_code, whole.exit_code) == (0, 0), stepwise.output + whole.output
    short = {"inputs": [[[70], [71], [72]]]}
    answer = await case.ask("/predict?model=seq_steps-recurrent-mc_dropout", json=short)
    assert len(answer.json()["mean"][0]) == 3, answer.text
    answer = await case.ask("/predict?model=seq_label-recurrent-mc_dropout", json=short)
    assert sum(answer.json()["mean"][0]) == pytest.approx(1), answer.text


async def model_that_is_new(case: Case) -> None:
    path = "/v2/repository/models/churn01-mlp-mc_dropout/load"
    assert (await case.client.post(path)).status_code == 404
    churn = Case(FOLDER / "09", case.store, case.client)
    assert churn.fit("mlp-mc_dropout", "churn01.csv", "--target", "churned").exit_code == 0
    assert (await case.client.post(path)).status_code == 200
    assert (await case.client.get("/v2/models/churn01-mlp-mc_dropout/ready")).status_code == 200


async def several_pictures(case: Case) -> None:
    files = [("data", (f"{name}.png", (case.folder / f"{name}.png").read_bytes())) for name in ("bar", "beam")]
    answer = await case.ask("/predict", files=files)
    assert len(answer.json()["mean"]) == 2, answer.text
    alone = await case.ask("/predict", content=files[1][1][1], headers={"Content-Type": "image/png"})
    assert answer.json()["mean"][1] == pytest.approx(alone.json()["mean"][0], abs=1e-5)


async def what_stock_clients_send(case: Case) -> None:
    tensor = {"name": "inputs", "shape": [1, 64], "datatype": "FP32", "data": [0] * 64}
    for parameters in ({"timeout": 1_000_000}, {"priority": 1}):
        answer = await case.ask(
            "/v2/models/digits-mlp-mc_dropout/infer", json={"inputs": [tensor], "parameters": parameters}
        )
        assert answer.status_code == 200, answer.text
    assert (await case.client.get("/v2/models/digits-mlp-mc_dropout/stats")).status_code == 200
    assert (await case.client.get("/v2/models/digits-mlp-mc_dropout/config")).status_code == 200


async def version_1_of_kserve(case: Case) -> None:
    body = b'{"instances": [[' + b",".join([b"0"] * 64) + b"]]}"
    for kind in ("application/json", "application/x-www-form-urlencoded"):  # what curl -d says of its body
        path = "/v1/models/digits-mlp-mc_dropout:predict"
        answer = await case.ask(path, content=body, headers={"Content-Type": kind})
        assert len(answer.json()["predictions"]) == 1, answer.text


async def head_of_health(case: Case) -> None:
    answer = await case.client.head("/health/ready")
    assert (answer.status_code, answer.content) == (200, b"")


async def several_targets(case: Case) -> None:
    for targets in (("--target", "price,rent"), ("--target", "price", "--target", "rent")):
        fitted = case.fit("mlp-mc_dropout", "multi.csv", *targets)
        assert fitted.exit_code == 0, fitted.output
    assert case.spec("multi-mlp-mc_dropout").outputs.names == ("price", "rent")
    assert list(case.columns("multi-mlp-mc_dropout")) == ["size", "rooms"]


async def other_encodings(case: Case) -> None:
    assert case.fit("mlp-mc_dropout", "excel_unicode.csv", "--target", "price").exit_code == 0
    refused = case.fit("mlp-mc_dropout", "latin1.csv", "--target", "price")
    assert refused.exit_code == 2
    assert "--encoding" in refused.output
    assert case.fit("mlp-mc_dropout", "latin1.csv", "--target", "price", "--encoding", "latin-1").exit_code == 0
    assert "Köln" in case.columns("latin1-mlp-mc_dropout")["ort"]


async def masks_of_0_and_255(case: Case) -> None:
    fitted = case.fit("segnet-mc_dropout", "seg_0255", "--ignore", "7")
    assert fitted.exit_code == 0, fitted.output
    assert len(case.spec("seg_0255-segnet-mc_dropout").outputs.names) == 2


async def sixteen_bits(case: Case) -> None:
    fitted = case.fit("mlp-mc_dropout", "rgb16")
    assert fitted.exit_code == 0, fitted.output
    assert case.spec("rgb16-mlp-mc_dropout").inputs.high == 65535
    picture = (case.folder / "rgb16/bar/0.png").read_bytes()
    headers = {"Content-Type": "image/png"}
    answer = await case.ask("/predict?model=rgb16-mlp-mc_dropout", content=picture, headers=headers)
    assert answer.status_code == 200, answer.text


async def outputs_of_the_table(case: Case) -> None:
    answer = await case.ask("/predict?outputs=ood_score,decision", json={"inputs": [[0] * 64]})
    assert {"ood_score", "decision"} <= answer.json().keys()
    assert "mean" not in answer.json()
    wrong = await case.ask("/predict", json={"inputs": [[0] * 63]})
    assert wrong.status_code == 422
    allowed = wrong.json()["detail"]
    assert allowed.count("(rows, 64)") <= 1


CHECKS: Mapping[str, Callable[[Case], Coroutine[Any, Any, None]]] = {
    "01": transparent,
    "03": category_of_the_test_part,
    "05": images_alone_and_in_a_batch,
    "07": line_separators_in_a_cell,
    "09": target_of_zeros_and_ones,
    "11": marks_of_missing_values,
    "13": missing_values,
    "15": sequences_of_different_length,
    "17": model_that_is_new,
    "19": several_pictures,
    "21": what_stock_clients_send,
    "23": version_1_of_kserve,
    "25": head_of_health,
    "27": several_targets,
    "29": other_encodings,
    "31": masks_of_0_and_255,
    "33": sixteen_bits,
    "35": outputs_of_the_table,
}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[tuple[Path, httpx.AsyncClient]]:
    """A store with two starter models, and a client of a service that looks for new ones only when it is asked."""
    for name in ("digits-mlp-mc_dropout", "digits-infogan"):
        shutil.copytree(trained_store() / name, tmp_path / name)
    async with started(store=tmp_path, default_model="digits-mlp-mc_dropout", poll_seconds=3600) as client:
        yield tmp_path, client


def test_every_case_has_its_check() -> None:
    assert set(CASES) <= CHECKS.keys()


@pytest.mark.parametrize("case", CASES)
async def test_a_case_gives_what_is_right(case: str, served: tuple[Path, httpx.AsyncClient]) -> None:
    store, client = served
    await CHECKS[case](Case(FOLDER / case, store, client))
    assert (await client.get("/health/ready")).status_code == 200
