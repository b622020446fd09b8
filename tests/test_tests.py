"""The rules that tests keep, read from their source: each of them can fail, and none reaches for a private name."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "tests").rglob("*.py"))
FAILING = {"raises", "warns", "fail", "expect"}
"""Calls that fail a test by themselves: those of pytest, and Playwright's ``expect``."""
ASSERTING = ("assert_", "check_")
"""How the names of helpers that assert begin."""


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def called_name(call: ast.Call) -> str:
    """Return the last part of what is called: ``raises`` for ``pytest.raises(...)``."""
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def can_fail(function: ast.AST) -> bool:
    """Whether a function asserts something, itself or by a helper named ``assert_...`` or ``check_...``."""
    return any(
        isinstance(node, ast.Assert)
        or (isinstance(node, ast.Call) and called_name(node) in FAILING)
        or (isinstance(node, ast.Call) and called_name(node).startswith(ASSERTING))
        for node in ast.walk(function)
    )


def without_assertion(source: str) -> list[str]:
    """Names of the tests, and of the helpers that are named as if they asserted, which cannot fail."""
    named = (one for one in functions(ast.parse(source)) if one.name.startswith(("test_", *ASSERTING)))
    return [function.name for function in named if not can_fail(function)]


def private_names(source: str) -> list[str]:
    """Names with a leading underscore that are imported, or read from an imported module."""
    tree, modules, found = ast.parse(source), set[str](), list[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            parts = [part for alias in node.names for part in alias.name.split(".")]
            parts += (getattr(node, "module", None) or "").split(".")
            found += [part for part in parts if is_private(part)]
            modules |= {alias.asname or alias.name.split(".")[0] for alias in node.names}
    attributes = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and is_private(node.attr))
    return found + [node.attr for node in attributes if isinstance(node.value, ast.Name) and node.value.id in modules]


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_every_test_can_fail(path: Path) -> None:
    assert without_assertion(path.read_text()) == []


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_test_reaches_for_a_private_name(path: Path) -> None:
    assert private_names(path.read_text()) == []


@pytest.mark.parametrize(
    "body",
    ["pass", "run()", "x == y", "verify(model)", "for x in y:\n        x.close()"],
)
def test_a_planted_test_without_an_assertion_is_caught(body: str) -> None:
    assert without_assertion(f"def test_planted():\n    {body}\n") == ["test_planted"]
    assert without_assertion(f"def assert_planted():\n    {body}\n") == ["assert_planted"]


@pytest.mark.parametrize(
    "body",
    [
        "assert x",
        "with pytest.raises(ValueError):\n        x()",
        "torch.testing.assert_close(x, y)",
        "assert_same(x, y)",
        "expect(page).to_have_text('x')",
    ],
)
def test_a_test_with_an_assertion_is_not_caught(body: str) -> None:
    assert without_assertion(f"async def test_sound():\n    {body}\n") == []


@pytest.mark.parametrize(
    "source",
    [
        "from models.noise import _draw",
        "from models import noise\nnoise._draw()",
        "import models._noise",
        "import a\na._b",
    ],
)
def test_a_planted_private_name_is_caught(source: str) -> None:
    assert private_names(source)


@pytest.mark.parametrize("source", ["from __future__ import annotations", "from models import noise\nself._draw()"])
def test_a_name_of_the_tests_own_is_not_caught(source: str) -> None:
    assert private_names(source) == []
