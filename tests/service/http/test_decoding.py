"""Pictures wait for one thread, within a limit of pixels that is given back when the work is over."""

from __future__ import annotations

import asyncio
import contextlib
import threading

import pytest
from patience import happens

from service.errors import OverloadedError
from service.http.decoding import Decoder

pytestmark = pytest.mark.anyio


async def test_too_many_pixels_that_wait_are_refused_and_one_picture_alone_never_is() -> None:
    decoder, go = Decoder(most_pixels=100), threading.Event()
    first = asyncio.create_task(decoder.run(go.wait, 150))
    await asyncio.sleep(0)
    with pytest.raises(OverloadedError, match="too many pictures wait"):
        await decoder.run(lambda: None, 1)
    go.set()
    assert await first
    assert await decoder.run(lambda: "small", 60) == "small"
    decoder.close()


async def test_pixels_count_until_the_work_is_over_even_if_nobody_waits_for_it() -> None:
    decoder, running, go = Decoder(most_pixels=100), threading.Event(), threading.Event()
    given_up = asyncio.create_task(decoder.run(lambda: running.set() or go.wait(), 80))
    await happens(running.is_set)
    given_up.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await given_up
    with pytest.raises(OverloadedError):
        await decoder.run(lambda: None, 80)
    go.set()
    for _ in range(10_000):
        await asyncio.sleep(0.01)
        with contextlib.suppress(OverloadedError):
            assert await decoder.run(lambda: "again", 80) == "again"
            break
    else:
        pytest.fail("the pixels were never given back")
    decoder.close()


async def test_what_fails_gives_its_pixels_back() -> None:
    decoder = Decoder(most_pixels=100)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            await decoder.run(lambda: 1 // 0, 80)
        await asyncio.sleep(0)
    decoder.close()
