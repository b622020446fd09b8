"""Bodies in the .npz format: arrays of numbers by name, and nothing else, in no more memory than a body."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest

from service.errors import InvalidRequestError, TooLargeError
from service.http.npz import arrays_from_npz

LIMIT = 10_000


def npz(**arrays: object) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    return file.getvalue()


def archive(*members: tuple[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as opened:
        for name, content in members:
            opened.writestr(name, content)
    return file.getvalue()


def npy() -> bytes:
    file = io.BytesIO()
    np.save(file, np.zeros(3))
    return file.getvalue()


def test_arrays_come_by_their_names_and_keep_their_precision() -> None:
    found = arrays_from_npz(npz(mean=np.array([1e9 + 0.125]), variance=np.array([[2]], "i2")), LIMIT)
    assert {name: array.tolist() for name, array in found.items()} == {"mean": [1e9 + 0.125], "variance": [[2]]}


def test_what_unpacks_to_more_than_a_body_is_refused() -> None:
    with pytest.raises(TooLargeError, match="longer, once unpacked"):
        arrays_from_npz(npz(logits=np.zeros(LIMIT)), LIMIT)
    with pytest.raises(TooLargeError, match="longer, once unpacked"):
        arrays_from_npz(npz(logits=np.zeros(LIMIT // 16), features=np.zeros(LIMIT // 16)), LIMIT)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not an .npz file"),
        (npz(logits=np.zeros(9))[:-40], "not an .npz file"),
        (npz(logits=np.array(["a"])), "elements are not allowed"),
        (npz(logits=np.array([None])), "elements are not allowed"),
        (archive(("logits.npy", b"x")), "not an .npy file"),
        (archive(("logits.txt", npy())), "something other than arrays"),
        (archive(("logits.npy", npy()), method=zipfile.ZIP_LZMA), "something other than arrays"),
        (archive(*((f"a{number}.npy", npy()) for number in range(17))), "17 arrays; allowed are 16"),
        (archive(("logits.npy", npy()), ("logits", npy())), "something other than arrays"),
    ],
)
def test_other_files_are_refused(body: bytes, words: str) -> None:
    with pytest.raises(InvalidRequestError, match=words):
        arrays_from_npz(body, LIMIT)


def test_an_array_of_one_name_twice_is_refused() -> None:
    with pytest.warns(UserWarning, match="Duplicate"):
        body = archive(("logits.npy", npy()), ("logits.npy", npy()))
    with pytest.raises(InvalidRequestError, match="twice"):
        arrays_from_npz(body, LIMIT)
