"""Pages of the REST reference: one for every group of routes, written from the service's OpenAPI document."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

sys.path.insert(0, str(Path(__file__).parents[2]))

from service.app import create_app
from service.settings import Settings

Json = dict[str, Any]

_UNSAID = "Successful Response"
"""What FastAPI writes for a route without a description of its answer."""
_BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<", "minItems": "length ≥"}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the pages into the navigation, in its section *REST*."""
    reference = next(entry["Reference"] for entry in config.nav or [] if "Reference" in entry)
    rest = next(entry["REST"] for entry in reference if "REST" in entry)
    rest += [{group.capitalize(): _address(group)} for group in routes_by_group(openapi())]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages."""
    for group, routes in routes_by_group(openapi()).items():
        content = "\n\n".join([f"# {group.capitalize()}", *(_route(*route) for route in routes)])
        files.append(File.generated(config, _address(group), content=content))
    return files


def openapi() -> Json:
    """Return the document, which is the same whatever models are served."""
    return create_app(Settings(), None).openapi()


def routes_by_group(document: Json) -> dict[str, list[tuple[str, str, Json]]]:
    """Return method, path and description of every route, by the first tag."""
    groups: dict[str, list[tuple[str, str, Json]]] = {}
    for path, methods in document["paths"].items():
        for method, route in methods.items():
            groups.setdefault(route["tags"][0], []).append((method.upper(), path, route))
    return groups


def _address(group: str) -> str:
    return f"reference/rest/{group.replace(' ', '-')}.md"


def _route(method: str, path: str, route: Json) -> str:
    return "\n\n".join(
        [
            f"## {method} {path}",
            f"**{route['summary']}.**",
            route.get("description", ""),
            *_parameters(route.get("parameters", [])),
            *_body(route.get("requestBody", {"content": {}})["content"]),
            *_answers(route["responses"]),
        ]
    )


def _parameters(parameters: list[Json]) -> Iterator[str]:
    if parameters:
        yield "**Parameters**"
        yield _table(
            (f"`{p['name']}`", p["in"] + (", required" if p["in"] == "query" and p["required"] else ""), p["schema"])
            for p in parameters
        )


def _body(content: Json) -> Iterator[str]:
    if content:
        yield f"**Body** as {_media(content)}."
    for body in content.values():
        yield from _fields(body)
        if "example" in body:
            yield f"For example:\n\n```json\n{json.dumps(body['example'])}\n```"


def _answers(responses: Json) -> Iterator[str]:
    for status, response in responses.items():
        content = response.get("content", {})
        meaning = "The answer" if response["description"] == _UNSAID else response["description"]
        yield f"**{status}**: {meaning}" + (f", as {_media(content)}." if content else ".")
        for answer in content.values() if status.isdigit() else ():
            yield from _fields(answer)


def _media(content: Json) -> str:
    *others, last = (f"`{name}`" for name in content)
    return f"{', '.join(others)} or {last}" if others else last


def _fields(media: Json) -> Iterator[str]:
    if "properties" in media.get("schema", {}):
        yield _table(_rows(media["schema"], ""))


def _rows(schema: Json, prefix: str) -> Iterator[tuple[str, str, Json]]:
    """Fields of an object, and below each the fields of the objects in it."""
    for name, field in schema["properties"].items():
        required = "required" if name in schema.get("required", ()) else ""
        yield f"`{prefix}{name}`", required, field
        for inner in (field, field.get("items", {}), *field.get("anyOf", ())):
            if "properties" in inner:
                yield from _rows(inner, f"{prefix}{name}.")


def _table(rows: Iterator[tuple[str, str, Json]]) -> str:
    lines = [f"| {name} | {use} | {_kind(field)} | {_meaning(field)} |" for name, use, field in rows]
    return "\n".join(["| name | use | type | meaning |", "| --- | --- | --- | --- |", *lines])


def _meaning(field: Json) -> str:
    text = re.sub(r"\s+", " ", field.get("description", ""))
    return f"{text} Default: `{json.dumps(field['default'])}`." if field.get("default") is not None else text


def _kind(schema: Json) -> str:
    """Return what a value may be, in a few words."""
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_kind(kind) for kind in schema["anyOf"]))
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    kind = schema.get("type", "any value")
    if kind == "array":
        items = _kind(schema.get("items", {}))
        kind = "list" if items == "any value" else f"list of ({items})" if " or " in items else f"list of {items}"
    bounds = [f"{sign} {schema[name]}".replace(str(2**64), "2**64") for name, sign in _BOUNDS.items() if name in schema]
    return f"{kind}, {', '.join(bounds)}" if bounds else kind
