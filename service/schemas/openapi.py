"""OpenAPI of routes that read the raw request themselves, generated from the same schemas that validate it."""

from __future__ import annotations

from typing import Any

import msgspec
from pydantic import BaseModel

from service.http.forms import FORM
from service.http.negotiation import JSON
from service.http.refusals import PROBLEM_JSON, Problem

UNREADY: dict[int | str, dict[str, Any]] = {503: {"description": "Not ready", "content": {JSON: {}}}}
"""Responses of routes that answer whether the service is ready, in the same form either way."""


_FILES: dict[str, Any] = {
    "schema": {
        "type": "object",
        "properties": {"files": {"type": "array", "items": {"type": "string", "format": "binary"}}},
        "additionalProperties": {"type": "string", "description": "An option, as in the query."},
        "required": ["files"],
    }
}
"""The schema of a form with picture files."""


def answers(schema: type[BaseModel] | type[msgspec.Struct], *other_media: str) -> dict[int | str, dict[str, Any]]:
    """Return the responses of a route: its JSON schema, its other media types, and the refusals."""
    binary = {"schema": {"type": "string", "format": "binary"}}
    content = {JSON: {"schema": _inlined(schema)}, **dict.fromkeys(other_media, binary)}
    return {200: {"description": "The answer", "content": content}, "4XX": PROBLEM, "5XX": PROBLEM}


def accepts(
    body: type[BaseModel] | type[msgspec.Struct], example: dict[str, Any], *other_media: str, required: bool = True
) -> dict[str, Any]:
    """Return the request body of a route, as JSON with an example, and in other media types."""
    binary = {"schema": {"type": "string", "format": "binary"}}
    others = {media: _FILES if media == FORM else binary for media in other_media}
    content = {JSON: {"schema": _inlined(body), "example": example}, **others}
    return {"requestBody": {"required": required, "content": content}}


def query(schema: type[BaseModel]) -> dict[str, Any]:
    """Return the query parameters of a route: every field of a schema that text can express."""
    texts = {name: _as_text(field) for name, field in _inlined(schema)["properties"].items()}
    parameters = [
        {"name": name, "in": "query", "required": False, "schema": text, "description": text.get("description", "")}
        for name, text in texts.items()
        if text is not None
    ]
    return {"parameters": parameters}


def _as_text(field: dict[str, Any]) -> dict[str, Any] | None:
    """Return the schema of a field in a query; ``None`` if it takes only a list or an object."""
    kinds = [kind for kind in field.get("anyOf", [field]) if kind["type"] not in ("array", "object", "null")]
    rest = {name: value for name, value in field.items() if name != "anyOf" and (name, value) != ("default", None)}
    if not kinds:
        return None
    return rest | kinds[0] if len(kinds) == 1 else rest | {"anyOf": kinds}


def _inlined(schema: type[BaseModel] | type[msgspec.Struct]) -> dict[str, Any]:
    """Return a schema that refers to no other, so that it can stand anywhere in the document."""
    whole = msgspec.json.schema(schema) if issubclass(schema, msgspec.Struct) else schema.model_json_schema()
    parts = whole.pop("$defs", {})

    def inline(value: Any) -> Any:
        if isinstance(value, list):
            return [inline(item) for item in value]
        if not isinstance(value, dict):
            return value
        rest = {name: inline(item) for name, item in value.items() if name != "$ref"}
        return inline(parts[value["$ref"].split("/")[-1]]) | rest if "$ref" in value else rest

    inlined: dict[str, Any] = inline(whole)
    return inlined


PROBLEM: dict[str, Any] = {
    "description": "A refusal, RFC 9457",
    "content": {PROBLEM_JSON: {"schema": _inlined(Problem)}},
}
