"""Cut the schema of a custom resource down to what our manifests use of it: two megabytes become a few kilobytes.

    python tests/deployment/crds/prune.py CRD.yaml SOURCE MANIFEST.yaml > tests/deployment/crds/KIND.json

At every level that a manifest reaches all names stay, so that a misspelt one is still found; what lies below a name
that no manifest has is left open. SOURCE tells where the CRD comes from.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

Schema = dict[str, Any]


def prune(schema: Schema, used: Any) -> Schema:
    """Return the part of a schema that says something of a value; an object has no other names than its own."""
    if isinstance(used, list):
        kept = {name: prune(schema["items"], merged(used)) for name in ("items",) if used}
    elif isinstance(used, dict) and "properties" in schema:
        names = schema["properties"]
        kept = {"properties": {name: prune(names[name], used[name]) if name in used else {} for name in names}}
        kept |= {} if schema.get("x-kubernetes-preserve-unknown-fields") else {"additionalProperties": False}
    else:
        kept = {name: schema[name] for name in ("properties", "items", "additionalProperties") if name in schema}
    said = ("type", "enum", "pattern", "required", "anyOf", "format", "minimum", "maximum", "minLength", "minItems")
    return without_words({**{name: schema[name] for name in said if name in schema}, **kept})


def merged(values: list[Any]) -> Any:
    """Return one value that has the names of all, at every level."""
    if all(isinstance(value, list) for value in values):
        return [item for value in values for item in value]
    if not all(isinstance(value, dict) for value in values):
        return values[0]
    names = {name for value in values for name in value}
    return {name: merged([value[name] for value in values if name in value]) for name in names}


def without_words(schema: Any) -> Any:
    if isinstance(schema, list):
        return [without_words(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: without_words(part)
        for name, part in schema.items()
        if not (name == "description" and isinstance(part, str))
    }


if __name__ == "__main__":
    crd_file, source, manifest_file = sys.argv[1:]
    crd, manifest = (yaml.safe_load(Path(name).read_text()) for name in (crd_file, manifest_file))
    version = manifest["apiVersion"].split("/")[1]
    (schema,) = (v["schema"]["openAPIV3Schema"] for v in crd["spec"]["versions"] if v["name"] == version)
    pruned = {"$comment": source, **prune(schema, manifest)}
    pruned["properties"]["metadata"] = {"type": "object", "required": ["name"]}
    sys.stdout.write(json.dumps(pruned, indent=1) + "\n")
