"""One line of the audit: who asked what of which model, and what came of it, as hashes in place of the content."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """The facts of an answer that its handler knows.

    Attributes:
        model: Name of the model.
        version: Version of the model.
        model_sha256: SHA-256 of its checkpoint: of the file ``SHA256SUMS`` in its folder.
        backend: Name of the backend that computed it.
        device: Name of the device that computed it.
        vectorised: Whether all draws were evaluated at once; ``None`` where that is no question.
        seed: Seed of the draws; of images one seed each, ``None`` if nothing was drawn.
        samples: Number of draws; ``None`` if there is no such number.
        decisions: Decision on each row; ``None`` if none was made.
    """

    model: str
    version: int
    model_sha256: str
    backend: str
    device: str
    vectorised: bool | None = None
    seed: int | Sequence[int] | None = None
    samples: int | None = None
    decisions: Sequence[str | None] | None = None


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the audit.

    Attributes:
        time: Time of the answer in UTC, ISO 8601 with milliseconds.
        request_id: Id of the request, as its answer has it.
        key_id: Id of the API key; ``None`` without keys.
        method: HTTP method.
        path: Path of the address as it was sent.
        query: Query of the address as it was sent.
        headers: Lines of the head that an answer depends on.
        status: HTTP status of the answer.
        note: Facts of the answer that its handler knows.
        input_sha256: SHA-256 of the body as it was sent.
        answer_sha256: SHA-256 of the answer's body before any compression; ``None`` if none was sent.
        seed: Seed of the service's settings, for requests that name none.
        precision: Numbers that the settings ask draws to be evaluated in.
        threads: Number of threads of torch that the settings ask for; 0 leaves it to torch.
        software: Versions of what computed the answer, by name.
    """

    time: str
    request_id: str
    key_id: str | None
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    status: int
    note: Note
    input_sha256: str
    answer_sha256: str | None
    seed: int
    precision: Literal["float32", "bfloat16"]
    threads: int
    software: Mapping[str, str]


def encode_line(line: Line) -> bytes:
    """Return a line with its end, in ASCII: nothing that a client sent can begin another line."""
    return json.dumps(msgspec.to_builtins(line), separators=(",", ":")).encode() + b"\n"


def decode_line(text: str | bytes) -> Line:
    """Return the line that a text of :func:`encode_line` is.

    Raises:
        msgspec.ValidationError: if it is JSON, and no such line.
        msgspec.DecodeError: if it is not JSON.
    """
    return msgspec.json.decode(text, type=Line)
