"""Pictures are decoded in processes that can be ended, and small ones wait for no large one."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import signal
import sys
from collections.abc import AsyncIterator

import numpy as np
import pytest
from PIL import Image

from models.errors import PictureError
from service.errors import DrainingError
from service.http.decoding import Decoder
from service.http.picture_rows import PictureForm

pytestmark = pytest.mark.anyio

FORM = PictureForm((1, 4, 4), 0.0, 255.0)
PIXELS = 16_000_000


def png(side: int) -> bytes:
    file = io.BytesIO()
    Image.new("L", (side, side), 7).save(file, "PNG")
    return file.getvalue()


SMALL, LARGE = png(8), png(1001)


@pytest.fixture
async def decoder() -> AsyncIterator[Decoder]:
    decoder = Decoder()
    yield decoder
    await decoder.close()


async def decode(decoder: Decoder, body: bytes, client: str = "a") -> int:
    row, pixels = await decoder.decode(body, FORM, PIXELS, PIXELS, client)
    np.testing.assert_array_equal(row, np.full((1, 1, 4, 4), 7, np.float32))
    return pixels


async def test_a_stuck_picture_holds_up_no_small_one_and_ends_with_its_request(decoder: Decoder) -> None:
    assert await decode(decoder, SMALL) == 64
    assert decoder.large.pid is None  # a process starts when it is needed
    assert await decode(decoder, LARGE) == 1001**2
    stuck = decoder.large.pid
    assert stuck is not None
    os.kill(stuck, signal.SIGSTOP)
    waiting = [asyncio.create_task(decode(decoder, LARGE)) for _ in range(2)]
    await asyncio.sleep(0)
    for _ in range(20):
        assert await decode(decoder, SMALL) == 64
    waiting[0].cancel()  # as its deadline does, and as leaving does
    assert await waiting[1] == 1001**2
    assert decoder.large.pid not in (stuck, None)
    with pytest.raises(ProcessLookupError):
        os.kill(stuck, 0)


async def test_a_small_picture_that_nobody_waits_for_costs_no_process(decoder: Decoder) -> None:
    await decode(decoder, SMALL)
    first = decoder.small.pid
    for _ in range(5):
        given_up = asyncio.create_task(decode(decoder, SMALL))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        given_up.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await given_up
    await decode(decoder, SMALL)
    assert decoder.small.pid == first


async def test_a_process_that_has_ended_is_replaced(decoder: Decoder) -> None:
    await decode(decoder, SMALL)
    first = decoder.small.pid
    assert first is not None
    os.kill(first, signal.SIGSTOP)
    failing = asyncio.create_task(decode(decoder, SMALL))
    await asyncio.sleep(0.05)
    os.kill(first, signal.SIGKILL)  # as a crash of a decoder does
    with pytest.raises(PictureError, match="its decoder failed"):
        await failing
    assert await decode(decoder, SMALL) == 64
    assert decoder.small.pid != first


async def test_closing_ends_a_stuck_process() -> None:
    decoder = Decoder()
    await decode(decoder, SMALL)
    stuck = decoder.small.pid
    assert stuck is not None
    os.kill(stuck, signal.SIGSTOP)
    waiting = asyncio.create_task(decode(decoder, SMALL))
    await asyncio.sleep(0)
    await decoder.close()
    with pytest.raises(ProcessLookupError):
        os.kill(stuck, 0)
    with pytest.raises(DrainingError):
        await waiting
    with pytest.raises(DrainingError):
        await decode(decoder, SMALL)
    assert decoder.small.pid is None


async def test_a_process_ends_with_whoever_started_it() -> None:
    command = (sys.executable, "-m", "service.http.picture_process")
    process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.close()
    assert await process.wait() == 0
