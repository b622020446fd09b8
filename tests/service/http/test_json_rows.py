"""The quick reading of rows in JSON: the same numbers to the bit, or a second look at what may be refused."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from models.errors import CredenceError
from service.errors import ServiceError
from service.http.json_rows import read_numbers
from service.http.request_body import numbers_from_json, parse_json

MOST_ROWS, MOST_LEVELS = 8, 5
NUMBERS = [
    "0", "-0", "-0.0", "1E5", "1e+05", "5e-324", "2e-400", "1.7976931348623157e308", "9007199254740993", "0.1",
    "0.1000000000000000055511151231257827021181583404541015625", "18446744073709551615", "-9223372036854775808",
]  # fmt: skip
ODD = [
    "NaN",
    "Infinity",
    "1e999",
    "18446744073709551616",
    "true",
    "null",
    '"1"',
    "[1]",
    "{}",
    '{"a": 1}',
    "01",
    "1.",
    "+1",
]
OPTIONS = [
    '"samples": 50', '"samples": 5.0', '"seed": 18446744073709551615', '"seed": 18446744073709551616', '"model": "é:"',
    '"model": "\\u0061[b"', '"m\\u006fdel": "{"', '"outputs": ["mean", "label"]', '"outputs": [["mean"]]', '"x": {}',
    '"x": [{"a": 1, "a": 2}]', '"model": "\\ud800"', '"model": "m\\u0000"', '"inputs": [[1]]', '"x": 1e400',
    '"x": ["[", 1]', '"model": "\\"in"', '"x": [true, null]', '"": -0',
]  # fmt: skip


def second_look(body: bytes) -> tuple[dict[str, Any], np.ndarray]:
    options = parse_json(body, MOST_LEVELS)
    rows = options.pop("inputs")
    return options, numbers_from_json(rows, MOST_ROWS)


def random_body(chance: random.Random) -> bytes:
    def number() -> str:
        if chance.random() < 0.005:
            return chance.choice(ODD)
        value = chance.uniform(-1, 1) * 10 ** chance.randint(-300, 300)
        return chance.choice([*NUMBERS, repr(value), f"{value:.{chance.randint(0, 20)}e}", str(chance.randint(0, 255))])

    def lists(shape: list[int]) -> str:
        longer = chance.random() < 0.01
        return f"[{','.join(lists(shape[1:]) for _ in range(shape[0] + longer))}]" if shape else number()

    members = [chance.choice(OPTIONS) for _ in range(chance.choice([0, 0, 0, 1, 2]))]
    shape = [chance.randint(1, 4) for _ in range(chance.randint(1, 4))]
    members.insert(chance.randint(0, len(members)), f'"inputs":{chance.choice(["", " "])}{lists(shape)}')
    body = bytearray(f"{{{', '.join(members)}}}\n".encode())
    if chance.random() < 0.1:
        body[chance.randrange(len(body))] = chance.choice(b'[]{},:"\\ 09.eE-+tfn\xff\x00a')
    return bytes(body)


def test_what_is_read_quickly_is_what_the_second_look_reads() -> None:
    chance, quick, refused = random.Random(0), 0, 0
    for _ in range(4000):
        body = random_body(chance)
        numbers = read_numbers(body, "inputs", MOST_ROWS, MOST_LEVELS)
        try:
            options, rows = second_look(body)
        except (CredenceError, ServiceError, KeyError):
            refused += 1
            assert numbers is None, body
            continue
        if numbers is not None:
            quick += 1
            assert repr(numbers[0]) == repr(options), body
            assert numbers[1].shape == rows.shape, body
            assert numbers[1].tobytes() == rows.tobytes(), body
    assert quick > 1500  # the control: both ways are taken often
    assert refused > 500


@pytest.mark.parametrize(
    "body",
    [
        b'{"inputs": [[1, 2]], "samples": 50, "outputs": ["mean"], "model": "a"}',
        b'{"inputs":[' + b",".join([b"[1]"] * MOST_ROWS) + b"]}",
        b'{"inputs": [[[[0.5, 1]], [[2, 3]]]]}',
        b'{"inputs": [1, 2]}',
    ],
)
def test_usual_bodies_are_read_quickly(body: bytes) -> None:
    numbers = read_numbers(body, "inputs", MOST_ROWS, MOST_LEVELS)
    assert numbers is not None
    options, rows = second_look(body)
    assert numbers[0] == options
    np.testing.assert_array_equal(numbers[1], rows)


@pytest.mark.parametrize(
    "body",
    [
        b'\xef\xbb\xbf{"inputs": [[1]]}',
        b'{"inputs": [[1]], "inputs": [[1]]}',
        b'{"inputs": [[1]], "\\u0069nputs": [[1]]}',
        b'{"inputs": [[1], [2, 3], [4, 5, 6]]}',
        b'{"inputs": [[1, 2, 3], [4, 5]]}',
        b'{"inputs": [[1, 2], [3, [4]]]}',
        b'{"inputs": [[1, 2], "[b"]}',
        b'{"inputs": [[1], [true]]}',
        b'{"inputs": []}',
        b'{"inputs": [[]]}',
        b'{"inputs": {"a": [1]}}',
        b'{"inputs": [{"a": 1}]}',
        b'{"inputs": 1}',
        b'{"rows": [[1]]}',
        b'{"inputs": [' + b",".join([b"[1]"] * (MOST_ROWS + 1)) + b"]}",
        b'{"inputs": [[[[[1]]]]]}',
        b"{" + b",".join(b'"%d": 1' % i for i in range(64)) + b', "inputs": [[1]]}',
        b'{"inputs": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        b"[[1]]",
        b"",
    ],
)
def test_what_may_be_refused_gets_a_second_look(body: bytes) -> None:
    assert read_numbers(body, "inputs", MOST_ROWS, MOST_LEVELS) is None
