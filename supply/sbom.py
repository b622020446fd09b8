"""The bill of materials of what the image ships, as CycloneDX, and the page of its licences: ``make sbom``."""

from __future__ import annotations

import argparse
import json
import re
import subprocess  # nosec B404
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "licences.md"
SHIPPED_EXTRAS = ("postgres", "onnx", "tracing", "object-store", "redis")
"""Extras that `docker/Dockerfile` installs."""
READ_BY_US = {"protobuf": "BSD-3-Clause", "pysimdjson": "MIT"}
"""Licences of packages whose metadata names none by its id, as their own files have them."""
_OF_A_GPU = re.compile("nvidia|triton$|cuda")
"""Packages that builds of torch with CUDA bring along; the page is of the build without."""
_INTRODUCTION = """# Licences

What the image ships besides this code (Apache-2.0), as `make sbom` finds it: the file `build/sbom.cdx.json` (CycloneDX)
has versions, origins and dependencies too. Builds of torch with CUDA bring NVIDIA's packages, under NVIDIA's licences.

| package | licence |
|---|---|
"""

Bom = dict[str, Any]


def installed() -> Bom:
    """Return the bill of materials of this virtual environment, the same whenever it is made."""
    command = ["cyclonedx_py", "environment", sys.executable, "--pyproject", str(ROOT / "pyproject.toml")]
    # The command is made of nothing that comes from outside.
    made = subprocess.run(  # nosec B603
        [sys.executable, "-m", *command, "--output-reproducible", "-o", "-"], check=True, capture_output=True
    )
    bom: Bom = json.loads(made.stdout)
    return bom


def shipped(bom: Bom, project: Mapping[str, Any]) -> Bom:
    """Return the part of a bill of materials that the image ships.

    Args:
        bom: Bill of materials of an environment that has the tools for development too.
        project: Table ``project`` of ``pyproject.toml``.
    """
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *(one for name in SHIPPED_EXTRAS for one in extras[name])]
    names = set(_needed(map(Requirement, wanted)))
    root = bom["metadata"]["component"]["bom-ref"]
    components = [_licensed(one) for one in bom["components"] if canonicalize_name(one["name"]) in names]
    refs = {root, *(one["bom-ref"] for one in components)}
    dependencies = [
        {"ref": one["ref"], "dependsOn": [ref for ref in one.get("dependsOn", []) if ref in refs]}
        for one in bom["dependencies"]
        if one["ref"] in refs
    ]
    return {**bom, "components": components, "dependencies": dependencies}


def licences(bom: Bom) -> dict[str, str]:
    """Return the licence of every component by its name.

    Raises:
        ValueError: naming those that have none.
    """
    found = {one["name"]: _licence(one.get("licenses", [])) for one in bom["components"]}
    if without := sorted(name for name, licence in found.items() if not licence):
        raise ValueError(f"no licence is known of {', '.join(without)}: read their files, and add them to READ_BY_US")
    return found


def page(found: Mapping[str, str]) -> str:
    """Return the page of licences."""
    lines = (f"| {name} | {found[name]} |\n" for name in sorted(found, key=str.lower) if not _OF_A_GPU.match(name))
    return _INTRODUCTION + "".join(lines)


def _needed(requirements: Iterable[Requirement]) -> Iterator[str]:
    """Yield the normalised names of installed packages that requirements ask for here, and of those that these need."""
    waiting, seen = list(requirements), set[str]()
    while waiting:
        one = waiting.pop()
        name, extras = canonicalize_name(one.name), one.extras or {""}
        if str(one) in seen or (one.marker and not one.marker.evaluate()):
            continue
        seen.add(str(one))
        yield name
        needs = map(Requirement, distribution(name).requires or [])
        waiting += [
            Requirement(f"{need.name}[{','.join(need.extras)}]" if need.extras else need.name)
            for need in needs
            if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in extras)
        ]


def _licensed(component: Mapping[str, Any]) -> dict[str, Any]:
    licence = READ_BY_US.get(component["name"])
    return {**component, **({"licenses": [{"license": {"id": licence}}]} if licence else {})}


def _licence(entries: Sequence[Mapping[str, Any]]) -> str:
    """Return a licence as its expression, else by its ids, else by its names."""
    told = [entry.get("license", {}) for entry in entries]
    expressions = {entry["expression"] for entry in entries if "expression" in entry}
    names = {
        one["name"].partition("\n")[0].removeprefix("License :: OSI Approved :: ") for one in told if "name" in one
    }
    return " AND ".join(sorted(expressions or {one["id"] for one in told if "id" in one} or names))


def main() -> None:
    """Write both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "sbom.cdx.json")
    output = parser.parse_args().output
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    bom = shipped(installed(), project)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(bom, indent=2) + "\n")
    PAGE.write_text(page(licences(bom)))
    print(f"{output}: {len(bom['components'])} packages; {PAGE.relative_to(ROOT)}: their licences")  # noqa: T201


if __name__ == "__main__":
    main()
