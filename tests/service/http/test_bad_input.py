"""Hostile requests: each is refused with the right status, leaks nothing and leaves the service as it was."""

from __future__ import annotations

import io
import json
import struct
import tracemalloc
import zlib
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from random_models import digits

pytestmark = pytest.mark.anyio

ROW = json.dumps(digits(1)[0])
SECRET = "do-not-repeat-me"


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def npy_header(text: str) -> bytes:
    header = text.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header


def png_of(side: int, bits: int, colours: int, lines: bytes, *between: bytes) -> bytes:
    """A PNG of a square, by its parts; ``colours`` is 0 for grey, 2 for red, green and blue, and 3 for a palette."""
    header = b"IHDR" + struct.pack(">IIBBBBB", side, side, bits, colours, 0, 0, 0)
    parts = header, *between, b"IDAT" + zlib.compress(lines), b"IEND"
    chunks = (struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part)) for part in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def progressive(side: int, scans: int) -> bytes:
    """A progressive JPEG whose last scan, that of a few bytes, is repeated: each goes over all pixels."""
    file = io.BytesIO()
    Image.new("L", (side, side), 99).save(file, "JPEG", progressive=True)
    whole = file.getvalue()
    last = whole[whole.rindex(b"\xff\xda") : -2]
    return whole[:-2] + last * scans + whole[-2:]


def real_numbers() -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.full((8, 8), 0.5, np.float32)).save(file, "TIFF")
    return file.getvalue()


def png(*frames: Image.Image) -> bytes:
    file = io.BytesIO()
    frames[0].save(file, "PNG", save_all=True, append_images=frames[1:])
    return file.getvalue()


JSON_BODIES: dict[str, tuple[int, bytes]] = {
    "nothing": (400, b""),
    "not JSON": (400, b"pixels please"),
    "cut off": (400, b'{"inputs": [[1, 2'),
    # Every quote seemed to begin a string that has no end: such a body took hours.
    "a string without an end": (400, b'"' + rb"\"" * 900_000),
    "a string that ends in a backslash": (400, b'"' + rb"\"" * 900_000 + b"\\"),
    "not UTF-8": (400, b'{"inputs": "\xff\xfe"}'),
    "UTF-16": (400, '{"inputs": 1}'.encode("utf-16")),
    "a NUL": (400, b'{"inputs": \x00}'),
    "a huge integer": (422, b'{"inputs": [[' + b"9" * 5000 + b"]]}"),
    "an array": (422, b"[1, 2]"),
    "null": (422, b"null"),
    "100k nesting": (422, b'{"inputs": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "100k open objects": (422, b'{"a":' * 100_000),
    "duplicate keys": (422, b'{"inputs": [[1]], "inputs": [[2]]}'),
    "no inputs": (422, b"{}"),
    "inputs null": (422, b'{"inputs": null}'),
    "inputs text": (422, f'{{"inputs": "{SECRET}"}}'.encode()),
    "inputs object": (422, b'{"inputs": {"0": 1}}'),
    "empty batch": (422, b'{"inputs": []}'),
    "empty row": (422, b'{"inputs": [[]]}'),
    "wrong shape": (422, b'{"inputs": [[1, 2, 3]]}'),
    "one row unwrapped": (422, f'{{"inputs": {ROW}}}'.encode()),
    "ragged": (422, b'{"inputs": [[1, 2], [3]]}'),
    "text for a pixel": (422, ('{"inputs": [["' + SECRET + '"' + ", 1" * 63 + "]]}").encode()),
    "null for a pixel": (422, b'{"inputs": [[null' + b", 1" * 63 + b"]]}"),
    "NaN": (422, b'{"inputs": [[NaN' + b", 1" * 63 + b"]]}"),
    "Infinity": (422, b'{"inputs": [[-Infinity' + b", 1" * 63 + b"]]}"),
    "1e999": (422, b'{"inputs": [[1e999' + b", 1" * 63 + b"]]}"),
    "1e39, too large for float32": (422, b'{"inputs": [[1e39' + b", 1" * 63 + b"]]}"),
    "a 70-bit integer": (422, b'{"inputs": [[1180591620717411303424' + b", 1" * 63 + b"]]}"),
    "out of range": (422, b'{"inputs": [[16.5' + b", 1" * 63 + b"]]}"),
    "too many rows": (422, b'{"inputs": [' + b",".join([b"[" + b"1," * 63 + b"1]"] * 257) + b"]}"),
    "too much work": (422, b'{"samples": 1000, "inputs": [' + b",".join([b"[" + b"1," * 63 + b"1]"] * 200) + b"]}"),
    "a lone surrogate": (422, f'{{"inputs": [{ROW}], "model": "\\ud800"}}'.encode()),
    "two first halves": (422, b'{"inputs": [{"\\ud83d\\ud83d": 1}]}'),
    "a second half first": (422, b'{"inputs": [{"x": "\\uDE00\\uD83D"}]}'),
    "half a character behind a backslash": (422, rb'{"inputs": [[0]], "model": "\\\ud800"}'),
    "a NUL in a name": (404, f'{{"inputs": [{ROW}], "model": "m\\u0000"}}'.encode()),
    "a path for a name": (404, f'{{"inputs": [{ROW}], "model": "../../etc/passwd"}}'.encode()),
    "a boolean for a number": (422, f'{{"inputs": [{ROW}], "samples": true}}'.encode()),
    "an unknown option": (422, f'{{"inputs": [{ROW}], "{SECRET}": 1}}'.encode()),
    "a long text among short ones": (422, b'{"inputs": ["' + b"a" * 1_000_000 + b'"' + b', ""' * 200 + b"]}"),
    "many empty rows": (422, b'{"inputs": [' + b"[]," * 600_000 + b"[]]}"),
    "many keys": (422, b"{" + b",".join(b'"%d": 1' % i for i in range(100_000)) + b', "inputs": []}'),
    "an object of many members": (422, b'{"inputs": [{' + b",".join(b'"%d":1' % i for i in range(20_001)) + b"}]}"),
    "many values that are no rows": (422, b'{"inputs": [[' + b"1," * 400_001 + b'"a"]]}'),
    "many names of outputs": (422, b'{"inputs": [[1]], "outputs": [' + b'"",' * 200_000 + b'""]}'),
    "many names of outputs in a text": (422, b'{"inputs": [[1]], "outputs": "' + b"," * 1_000_000 + b'"}'),
    "many wrong outcomes": (422, b'{"outcomes": [' + b"1," * 300_000 + b"1]}"),
    "a surrogate for a key": (422, b'{"\\ud800": 1, "inputs": [[0]]}'),
    "a boolean among numbers": (422, b'{"inputs": [[true' + b", 1" * 63 + b"]]}"),
    "brackets in text": (422, b'{"model": "' + b"]" * 100 + b'", "inputs": ' + b"[" * 60 + b"]" * 60 + b"}"),
    "3 MB": (413, b'{"inputs": [[' + b"1," * 1_500_000 + b"1]]}"),
}

QUERIES: dict[str, tuple[int, str]] = {
    "samples negative": (422, "samples=-1"),
    "samples 10^9": (422, "samples=1000000000"),
    "samples 2^63": (422, "samples=9223372036854775808"),
    "samples of 5000 digits": (422, "samples=" + "9" * 5000),
    "samples 1.5": (422, "samples=1.5"),
    "samples in words": (422, "samples=many"),
    "samples empty": (422, "samples="),
    "samples twice": (422, "samples=1&samples=2"),
    "auto without tolerance": (422, "samples=auto"),
    "tolerance without auto": (422, "tolerance=0.1"),
    "tolerance zero": (422, "samples=auto&tolerance=0"),
    "tolerance NaN": (422, "samples=auto&tolerance=nan"),
    "seed negative": (422, "seed=-1"),
    "seed of 65 bits": (422, "seed=18446744073709551616"),
    "seed in words": (422, "seed=lucky"),
    "interval of 1": (422, "interval=1"),
    "unknown output": (422, f"outputs={SECRET}"),
    "unknown option": (422, "sample=50"),
    "unknown model": (404, f"model={SECRET}"),
    "an empty name": (404, "model="),
    "unknown version": (404, "version=99"),
    "a generator for a predictor": (404, "model=vae"),
    "a NUL in the name": (404, "model=%00"),
    "a bad escape": (404, "model=%ff%fe"),
}

BINARY: dict[str, tuple[int, str, bytes]] = {
    "a form": (415, "application/x-www-form-urlencoded", b"inputs=1"),
    "an unknown type": (415, SECRET, b"1"),
    "an npy of no numbers but a huge shape": (
        422,
        "application/x-npy",
        npy_header("{'descr': '<f8', 'fortran_order': False, 'shape': (0, 2147483647, 2147483647), }"),
    ),
    "an empty npy": (422, "application/x-npy", b""),
    "a pickled npy": (422, "application/x-npy", npy(np.array([{"a": 1}], dtype=object))),
    "a text npy": (422, "application/x-npy", npy(np.array([["a"]]))),
    "a complex npy": (422, "application/x-npy", npy(np.ones((1, 64), complex))),
    "a cut npy": (422, "application/x-npy", npy(np.ones((1, 64)))[:-1]),
    "a long npy": (422, "application/x-npy", npy(np.ones((1, 64))) + b"x"),
    "an npy of 10^18 rows": (
        422,
        "application/x-npy",
        npy_header("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000000000, 64), }"),
    ),
    "an npy of an impossible shape": (
        422,
        "application/x-npy",
        npy_header("{'descr': '<f8', 'fortran_order': False, 'shape': (0, 1000000000000000000000000000000), }"),
    ),
    "an npy header without an end": (422, "application/x-npy", npy_header("{'descr': '<f8', 'shape': (1, ")),
    "an npy of no type": (
        422,
        "application/x-npy",
        npy_header("{'descr': (), 'fortran_order': False, 'shape': (1,), }"),
    ),
    "an npy header that is code": (422, "application/x-npy", npy_header("__import__('os').system('true')")),
    "an npy of no axis": (422, "application/x-npy", npy(np.array(1.0))),
    "NaN in npy": (422, "application/x-npy", npy(np.full((1, 64), np.nan))),
    "no PNG": (422, "image/png", b"\x89PNG\r\n\x1a\n"),
    "a PNG of 3.6 gigapixels": (422, "image/png", png_of(60_000, 8, 0, b"")),
    "a TIFF of real numbers": (422, "image/tiff", real_numbers()),
    "a PNG of 16 bits a colour, cut off": (422, "image/png", png_of(8, 16, 2, bytes(8 * (1 + 8 * 3 * 2)))[:-30]),
    "a JPEG of thousands of scans": (422, "image/jpeg", progressive(4000, 4423)),
    "a large JPEG of many scans": (422, "image/jpeg", progressive(4000, 60)),
    "a JPEG of 100 000 segments": (422, "image/jpeg", progressive(8, 0)[:2] + b"\xff\xfe\0\2" * 100_000),
    "a PNG of 100 000 chunks": (422, "image/png", png_of(8, 8, 0, bytes(72), *[b"teXt"] * 100_000)),
    "a form without a boundary": (422, "multipart/form-data", b"--b"),
    "a form without an end": (422, "multipart/form-data; boundary=b", b"--b\r\n"),
    "a PNG of two frames": (422, "image/png", png(Image.new("L", (8, 8)), Image.new("L", (8, 8), 9))),
    "a PNG that is transparent": (422, "image/png", png(Image.new("RGBA", (8, 8), (0, 0, 0, 254)))),
    "a grey that is transparent": (422, "image/png", png_of(8, 2, 0, bytes(8 * 3), b"tRNS" + struct.pack(">H", 0))),
    "a palette in part transparent": (
        422,
        "image/png",
        png_of(8, 8, 3, bytes(8 * 9), b"PLTE" + bytes(6), b"tRNS" + bytes([254, 255])),
    ),
    "a palette PNG without a palette": (422, "image/png", png_of(8, 8, 3, bytes(8 * 9))),
    "a GIF as PNG": (422, "image/png", b"GIF89a\x01\x00\x01\x00\x00\x00\x00;"),
}


async def check_refusal(client: httpx.AsyncClient, status: int, response: httpx.Response) -> None:
    """The answer is the right problem, keeps what it was given to itself, and the next request is answered."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert (problem["status"], problem["error"]) == (status, problem["detail"])
    assert problem["instance"].endswith(response.headers["x-request-id"])
    for leak in (SECRET, "Traceback", "/store", "site-packages", "0x", "etc/passwd"):
        assert leak not in response.text
    good = await client.post("/predict", json={"inputs": digits(1), "samples": 2})
    assert good.status_code == 200


@pytest.mark.parametrize("case", JSON_BODIES)
async def test_json(client: httpx.AsyncClient, case: str) -> None:
    status, body = JSON_BODIES[case]
    response = await client.post("/predict", content=body, headers={"content-type": "application/json"})
    await check_refusal(client, status, response)


@pytest.mark.parametrize("case", [name for name, (status, _) in JSON_BODIES.items() if status in (400, 413)])
async def test_json_of_a_generation(client: httpx.AsyncClient, case: str) -> None:
    status, body = JSON_BODIES[case]
    if body:  # without a body there is one image
        response = await client.post("/generate/vae", content=body, headers={"content-type": "application/json"})
        await check_refusal(client, status, response)


@pytest.mark.parametrize("case", QUERIES)
async def test_queries(client: httpx.AsyncClient, case: str) -> None:
    status, query = QUERIES[case]
    await check_refusal(client, status, await client.post(f"/predict?{query}", json={"inputs": digits(1)}))


@pytest.mark.parametrize("case", BINARY)
async def test_other_types(client: httpx.AsyncClient, case: str) -> None:
    status, media, body = BINARY[case]
    await check_refusal(client, status, await client.post("/predict", content=body, headers={"content-type": media}))


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("a PNG of 3.6 gigapixels", "more than 16000000 pixels"),
        ("a JPEG of thousands of scans", "scans; allowed are 10000 and 100: save it anew"),
        ("a large JPEG of many scans", "scans, too many for 16000000 pixels; save it with one, not progressive"),
        ("a JPEG of 100 000 segments", "is made of 100000 parts"),
        ("a PNG of 100 000 chunks", "is made of 10001 parts"),
        ("a TIFF of real numbers", "pixels of a kind that is not read (F, F;32F); allowed are grey and colour of 8 or"),
        ("a PNG of 16 bits a colour, cut off", "is damaged: it is not a whole PNG"),
        ("a PNG of two frames", "several frames; allowed is one"),
        ("a PNG that is transparent", "transparent in places; allowed are opaque ones"),
        ("a grey that is transparent", "transparent in places; allowed are opaque ones"),
        ("a palette in part transparent", "transparent in places; allowed are opaque ones"),
        ("a palette PNG without a palette", "not a whole PNG, JPEG, WebP, BMP, GIF or TIFF picture"),
    ],
)
async def test_a_picture_is_told_what_is_wrong_with_it(client: httpx.AsyncClient, case: str, said: str) -> None:
    _, media, body = BINARY[case]
    response = await client.post("/predict", content=body, headers={"content-type": media})
    assert said in response.json()["detail"]


async def test_a_picture_with_an_alpha_channel_that_hides_nothing_is_read(client: httpx.AsyncClient) -> None:
    colours = Image.new("RGBA", (8, 8), (90, 90, 90, 255))
    palette = png_of(8, 8, 3, bytes(8 * 9), b"PLTE" + bytes([90, 90, 90, 1, 1, 1]), b"tRNS" + bytes([255]))
    answers = [
        await client.post("/predict", content=picture, headers={"content-type": "image/png"})
        for picture in (png(colours.convert("L")), png(colours), palette)
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert answers[0].json()["mean"] == answers[1].json()["mean"] == answers[2].json()["mean"]


async def test_nothing_of_a_picture_is_read_in_the_process_of_the_service(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a million empty parts fit into a body, and take a second."""
    monkeypatch.delattr(Image, "open")
    content = png(Image.new("L", (8, 8)))
    response = await client.post("/predict", content=content, headers={"content-type": "image/png"})
    assert response.status_code == 200


async def test_a_picture_for_a_table(client: httpx.AsyncClient) -> None:
    response = await client.post("/predict?model=regression", content=b"x", headers={"content-type": "image/png"})
    await check_refusal(client, 415, response)


@pytest.mark.parametrize(
    ("header", "value", "status"),
    [
        ("accept", "text/html", 406),
        ("x-request-timeout-ms", "soon", 422),
        ("x-request-timeout-ms", "0", 422),
        ("x-request-timeout-ms", "9" * 40, 422),
    ],
)
async def test_headers(client: httpx.AsyncClient, header: str, value: str, status: int) -> None:
    response = await client.post("/predict", json={"inputs": digits(1)}, headers={header: value})
    await check_refusal(client, status, response)


async def test_a_bad_request_id_is_replaced(client: httpx.AsyncClient) -> None:
    response = await client.get("/health/live", headers={"x-request-id": "a b\x00" + "c" * 200})
    assert response.headers["x-request-id"].isalnum()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/predict", 405),
        ("DELETE", "/models", 405),
        ("GET", "/models/none", 404),
        ("GET", "/models/%00", 404),
        ("GET", "/generate/vae?version=x", 422),
        ("GET", "/../../etc/passwd", 404),
    ],
)
async def test_paths_and_methods(client: httpx.AsyncClient, method: str, path: str, status: int) -> None:
    await check_refusal(client, status, await client.request(method, path))


async def test_the_reason_says_what_is_allowed(client: httpx.AsyncClient) -> None:
    """A sample of the messages, to the letter: they are part of the product."""
    bad_pixel = [17.0, *[1.0] * 63]
    expected = {
        "samples=-1": 'samples is not allowed; allowed is a whole number from 0 to 1000, or "auto"',
        "": "1 values are not allowed, the first at /inputs/0/0; allowed are numbers from 0 to 16",
    }
    for query, detail in expected.items():
        inputs = [[1.0] * 64] if query else [bad_pixel]
        assert (await client.post(f"/predict?{query}", json={"inputs": inputs})).json()["detail"] == detail


async def test_hostile_bodies_take_no_memory(client: httpx.AsyncClient) -> None:
    """A text of 1 MB among 200 short ones would be 800 MB as a NumPy array of texts: it must never become one."""
    _, body = JSON_BODIES["a long text among short ones"]
    tracemalloc.start()
    np.asarray(json.loads(body)["inputs"])
    assert tracemalloc.get_traced_memory()[1] > 500e6  # the control: an array of texts would be seen
    tracemalloc.reset_peak()
    await client.post("/predict", content=body, headers={"content-type": "application/json"})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50e6


async def test_mutated_npy_files_are_never_our_fault(client: httpx.AsyncClient) -> None:
    good, random = npy(np.ones((1, 64))), np.random.default_rng(0)
    for _ in range(300):
        body = bytearray(good)
        for place in random.integers(0, 128, size=3):
            body[place] = random.integers(256)
        response = await client.post("/predict", content=bytes(body), headers={"content-type": "application/x-npy"})
        assert response.status_code in (200, 422), bytes(body[:128])


async def test_a_refused_deadline_starts_no_work(client: httpx.AsyncClient) -> None:
    batches = ("credence_batch_rows_count", {"model": "mlp"})
    before = client.runtime.telemetry.registry.get_sample_value(*batches)
    await client.post("/predict", json={"inputs": digits(1)}, headers={"x-request-timeout-ms": "soon"})
    assert client.runtime.telemetry.registry.get_sample_value(*batches) == before


async def test_a_huge_number_in_z_is_refused(client: httpx.AsyncClient) -> None:
    body = b'{"z": [' + b", ".join([b"1" + b"0" * 400] * 4) + b"]}"
    response = await client.post("/generate/vae", content=body, headers={"content-type": "application/json"})
    await check_refusal(client, 422, response)


async def test_a_wrong_method_is_told_all_right_ones(client: httpx.AsyncClient) -> None:
    for path, allowed in (("/generate/vae", "GET, HEAD, POST"), ("/jobs/0", "DELETE, GET, HEAD"), ("/predict", "POST")):
        response = await client.put(path)
        assert (response.status_code, response.headers["allow"]) == (405, allowed)


async def test_nobody_is_sent_to_another_host(client: httpx.AsyncClient) -> None:
    response = await client.get("/models/", headers={"host": "elsewhere.example"})
    assert (response.status_code, response.headers["content-type"]) == (404, "application/problem+json")
