"""The glossary defines every figure that a checkpoint can carry, and no other."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

from starter_store import trained_store

ROOT = Path(__file__).parents[1]
TABLES = [
    line
    for line in (ROOT / "training" / "evaluation" / "glossary.md").read_text().splitlines()
    if line.startswith("| `")
]
DEFINED = [name for line in TABLES for name in re.findall(r"`([^`]+)`", line.split("|")[1])]
"""Names as the page has them; a part in braces stands for a name."""
CONTROLS = {"truncation_psi"}
"""Keys of a request to a generator, in a function of figures."""


def written() -> Iterator[str]:
    """Yield the keys of figures in the code, each as a regular expression: ``.+`` for what is filled in."""
    for path in (ROOT / "training").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if measures(node):
                yield from filter(None, (pattern(key) for part in ast.walk(node) for key in keys(part)))


def measures(node: ast.AST) -> bool:
    """Say whether a node is a function that returns figures, or gives them a name."""
    if isinstance(node, ast.FunctionDef):
        return node.returns is not None and ast.unparse(node.returns) in ("Metrics", "dict[str, float]")
    return isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in ("figures", "metrics")


def keys(node: ast.AST) -> list[ast.expr | None]:
    if isinstance(node, ast.Dict):
        return node.keys
    if isinstance(node, ast.DictComp):
        return [node.key]
    return [node.slice] if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store) else []


def pattern(key: ast.expr | None) -> str:
    if isinstance(key, ast.JoinedStr):
        return "".join(re.escape(part.value) if isinstance(part, ast.Constant) else ".+" for part in key.values)
    return re.escape(key.value) if isinstance(key, ast.Constant) and isinstance(key.value, str) else ""


def test_every_figure_that_is_written_is_defined() -> None:
    patterns = set(written()) - CONTROLS
    assert len(patterns) > 80
    # One function's names may be another's with a prefix: test_ before pixel_accuracy.
    assert [p for p in patterns if not any(re.fullmatch(f"(.*_)?{p}", name) for name in DEFINED)] == []


def test_every_figure_of_the_trained_models_is_defined() -> None:
    manifests = [json.loads(path.read_text()) for path in trained_store().glob("*/*/manifest.json")]
    assert len(manifests) >= 7
    records = json.loads((ROOT / "docs" / "results.json").read_text())
    names = {name for record in manifests + records for name in record["figures"]}
    defined = [re.sub(r"\\\{\w+\\\}", ".+", re.escape(name)) for name in DEFINED]
    assert [name for name in names if not any(re.fullmatch(known, name) for known in defined)] == []


def test_no_figure_is_defined_that_nothing_writes() -> None:
    patterns = [p for p in written() if re.search("[a-z]", p)]
    recorded = json.loads((ROOT / "docs" / "results.json").read_text())
    names = {name for record in recorded for name in record["figures"]}
    unknown = [name for name in DEFINED if not any(re.fullmatch(p, name) for p in patterns) and name not in names]
    assert unknown == []
