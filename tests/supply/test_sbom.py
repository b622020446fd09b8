"""The bill of materials is valid, reproducible, and of what the image ships; every package has a licence."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from supply.sbom import PAGE, ROOT, Bom, installed, licences, page, shipped

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def bom() -> Bom:
    return shipped(installed(), PROJECT)


def test_it_is_valid_and_has_what_is_shipped_and_nothing_for_development(bom: Bom) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(bom)) is None
    names = {one["name"].lower().replace("_", "-") for one in bom["components"]}
    named = {re.split(r"[\[=;]", one)[0].strip().lower() for one in PROJECT["dependencies"]}
    assert named <= names
    assert {"psycopg", "onnxscript", "starlette", "pydantic-core"} <= names
    assert names.isdisjoint({"pytest", "mypy", "ruff", "playwright", "bandit", "mkdocs", "cyclonedx-bom", "credence"})
    assert {one["ref"] for one in bom["dependencies"]} == {one["bom-ref"] for one in bom["components"]} | {
        bom["metadata"]["component"]["bom-ref"]
    }


def test_versions_are_those_of_the_constraints(bom: Bom) -> None:
    pinned = dict(
        line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if re.match(r"\w.*==", line)
    )
    normal = {name.lower().replace("_", "-").replace(".", "-"): version for name, version in pinned.items()}
    for one in bom["components"]:
        name = one["name"].lower().replace("_", "-").replace(".", "-")
        if name in normal:
            assert one["version"].split("+")[0] == normal[name].split(";")[0].strip(), name


def test_the_page_lists_the_licence_of_every_package(bom: Bom) -> None:
    assert page(licences(bom)) == PAGE.read_text(), "make sbom writes it"


def test_a_package_without_a_licence_is_named(bom: Bom) -> None:
    bare = {**bom, "components": [{"name": "nobody", "bom-ref": "nobody"}]}
    with pytest.raises(ValueError, match="no licence is known of nobody"):
        licences(bare)


def test_the_extras_are_those_of_the_image() -> None:
    from supply.sbom import SHIPPED_EXTRAS

    installs = re.findall(r"extras\['([\w-]+)'\]", (Path(ROOT) / "docker" / "Dockerfile").read_text())
    assert sorted(installs) == sorted(SHIPPED_EXTRAS)
