"""Forms of multipart/form-data: files in their order, options as in the query, and hostile ones refused at once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import httpx
import numpy as np
import pytest
from picture_files import FILES

from service.errors import InvalidRequestError
from service.http.forms import parse_form

pytestmark = pytest.mark.anyio

App = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
NO_FORM = "is no form of multipart/form-data with the boundary that it states"
NAMES = ["grey PNG", "colour JPEG", "16 bit colour PNG", "CMYK TIFF"]


def part(name: str, content: bytes, filename: str | None = "a.png", *, more: str = "") -> bytes:
    file = "" if filename is None else f'; filename="{filename}"'
    return f'--b\r\nContent-Disposition: form-data; name="{name}"{file}{more}\r\n\r\n'.encode() + content + b"\r\n"


def parsed(*parts: bytes, end: bytes = b"--b--\r\n", max_files: int = 3) -> tuple[list[bytes], dict[str, str]]:
    return parse_form(b"".join(parts) + end, "multipart/form-data; boundary=b", max_files)


async def test_files_come_in_their_order_whatever_their_fields_are_called() -> None:
    files, options = parsed(
        part("files", b"1"), part("samples", b"5", None), part("data", b"2\r\n--", ""), part("", b"")
    )
    assert files == [b"1", b"2\r\n--", b""]
    assert options == {"samples": "5"}


@pytest.mark.parametrize("size", [262_000, 262_100, 262_144, 600_000])
def test_a_file_is_whole_wherever_the_pieces_end_that_are_parsed_at_once(size: int) -> None:
    content = (b"\r\n--a" * (size // 5 + 1))[:size]
    assert parsed(part("files", content), part("files", b"2"))[0] == [content, b"2"]


REFUSED = {
    "nothing": ([], b"", "cut off"),
    "no file": ([part("samples", b"5", None)], b"--b--\r\n", "has no file; send pictures as files"),
    "no end": ([part("files", b"1")], b"", "cut off: the boundary after its last part is missing"),
    "no name": (
        [b"--b\r\n\r\n1\r\n"],
        b"--b--\r\n",
        NO_FORM,
    ),
    "another boundary": (
        [part("files", b"1").replace(b"--b", b"--c")],
        b"--c--",
        NO_FORM,
    ),
    "four files": ([part("files", b"1")] * 4, b"--b--\r\n", "has more than 3 files"),
    "many fields": (
        [part(f"f{i}", b"1", None) for i in range(65)],
        b"--b--\r\n",
        "has more than 64 text fields",
    ),
    "two values": (
        [part("seed", b"1", None), part("seed", b"2", None)],
        b"--b--\r\n",
        "given twice with different values",
    ),
    "a picture as text": ([part("files", b"\x89PNG", None)], b"--b--\r\n", "is not UTF-8; send a picture as a file"),
    "a long header": (
        [part("files", b"1", more="; a=" + "a" * 100_000)],
        b"--b--\r\n",
        NO_FORM,
    ),
    "many headers": (
        [part("f", b"", more="\r\nA: b" * 5000)],
        b"--b--\r\n",
        NO_FORM,
    ),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_is_no_sound_form_is_refused(case: str) -> None:
    parts, end, said = REFUSED[case]
    with pytest.raises(InvalidRequestError, match=said):
        parsed(*parts, end=end)


@pytest.mark.parametrize(
    "body", [b"\r\n" * 900_000, b"--b\r\n" * 300_000, b"--" * 900_000, part("f", b"\r\n--" * 400_000)]
)
async def test_two_megabytes_of_anything_are_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequestError):
        parsed(body, end=b"")


def sent(*names: str) -> list[tuple[str, tuple[str, bytes]]]:
    return [("files", (f"{name}.png", FILES[name])) for name in names]


async def test_each_file_is_a_row_as_if_it_were_sent_alone(client: httpx.AsyncClient) -> None:
    together = await client.post("/predict?model=segnet&seed=3&samples=4", files=sent(*NAMES))
    assert together.status_code == 200, together.text
    for row, name in enumerate(NAMES):
        media = {"content-type": "image/png"}
        alone = await client.post("/predict?model=segnet&seed=3&samples=4", content=FILES[name], headers=media)
        assert alone.json()["mean"][0] == pytest.approx(np.array(together.json()["mean"][row]), abs=1e-5)


async def test_options_are_text_fields_or_in_the_query(client: httpx.AsyncClient) -> None:
    fields = {"model": "convnet", "samples": "3", "seed": "9", "draws": "true"}
    in_fields = await client.post("/predict", files=sent(*NAMES[:2]), data=fields)
    in_query = await client.post("/predict", files=sent(*NAMES[:2]), params=fields)
    assert in_fields.status_code == 200, in_fields.text
    assert in_fields.json() == in_query.json()
    assert (in_fields.json()["samples"], len(in_fields.json()["mean"])) == (3, 2)
    differing = await client.post("/predict?samples=4", files=sent(NAMES[0]), data=fields)
    assert (differing.status_code, differing.json()["errors"][0]["pointer"]) == (422, "/samples")
    unknown = await client.post("/predict", files=sent(NAMES[0]), data={"sample": "4"})
    assert (unknown.status_code, "options are: " in unknown.json()["detail"]) == (422, True)


async def test_a_file_at_fault_is_pointed_to(client: httpx.AsyncClient) -> None:
    files = [*sent(NAMES[0]), ("files", ("b.png", b"no picture"))]
    response = await client.post("/predict?model=convnet", files=files)
    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "/files/1"
    assert response.json()["detail"].startswith("file 1, counted from 0, is not a whole PNG")
    table = await client.post("/predict?model=regression", files=sent(NAMES[0]))
    assert table.status_code == 415


async def test_all_pictures_of_a_request_share_its_limits(app: App) -> None:
    async with app(max_rows=2, max_pixels=40) as client:
        many = await client.post("/predict", files=sent(NAMES[0], NAMES[0], NAMES[0]))
        assert (many.status_code, many.json()["errors"][0]["pointer"]) == (422, "/files")
        large = await client.post("/predict", files=sent(NAMES[0], NAMES[0]))
        assert large.json()["detail"] == "the images have more than 40 pixels together; send fewer or smaller ones"
        assert (await client.post("/predict", files=sent(NAMES[0]))).status_code == 200
    async with app(max_body_bytes=200) as client:
        assert (await client.post("/predict", files=sent(*NAMES))).status_code == 413


async def test_generators_take_forms_too(client: httpx.AsyncClient) -> None:
    codes = await client.post("/encode/vae", files=sent(*NAMES[:3]))
    assert codes.status_code == 200, codes.text
    assert len(codes.json()["codes"]["z"]["mean"]) == 3
    made = await client.post("/reconstruct/vae", files=sent(*NAMES[:3]), data={"samples": "2", "seed": "1"})
    assert (made.status_code, len(made.json()["mean"]), made.json()["samples"]) == (200, 3, 2)
