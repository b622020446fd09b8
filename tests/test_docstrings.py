"""Docstrings read as English, and those of the mathematics say which shape or unit a tensor has."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("models", "service", "training")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))

FRAGMENT = re.compile(
    r"(Of|What|That|The same|Which|Whose|Who|Where|When|How|As|By|To|From|In|On|For|With|If|Until|Than|Likewise|Those"
    r"|These|And|Or|But|Also|So)\b"
)
"""Openings of a phrase that hangs on something outside it: on the name, on the line before, on the reader's guess."""
IN_ARGUMENTS = re.compile(rf"(?!How|If|When|Where)(?:{FRAGMENT.pattern})")
"""An argument may be a number ("How many ...") or a condition; it may not be half a phrase."""
ARGUMENT = re.compile(r"^ {4,}(?!Note)(\*{0,2}[a-z_][\w, *]*?): (?P<text>\S.*)$", re.MULTILINE)
SECTION = re.compile(r"^ *(Args|Arguments|Attributes):\n(?P<lines>(?:(?: {4,}.*)?\n|$)+)", re.MULTILINE)
SHAPE_OR_UNIT = re.compile(
    r"\(\*?\w[\w* /+-]*,[^)]*\)|\bshape|\bscalar|\bdimension|\bnats\b|\bunits?\b|\bstandardised\b|\bseconds\b|\bbytes\b"
    r"|\[-?\d+(\.\d+)?, \d+(\.\d+)?\]|\braw values\b|\bone (entry|number|value) (a|per|for)\b"
)
TENSORS = re.compile(r"\b(Tensor|NDArray|Draws|Latents|Floats\w*|Conditionals|Uncertainty)\b")


class Docstring(NamedTuple):
    """A docstring and where it stands."""

    place: str
    text: str


def docstrings(path: Path) -> Iterator[Docstring]:
    """Every docstring of a file: of the module, of its classes and of its functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text is not None:
                name = getattr(node, "name", "")
                yield Docstring(f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)} {name}", text)


def argument_lines(text: str) -> list[str]:
    """The first line that a docstring has about each argument or attribute.

    >>> argument_lines("Do it.\\n\\nArgs:\\n    rows: Number of rows.\\n    seed: Seed\\n        of the draws.\\n")
    ['Number of rows.', 'Seed']
    """
    sections = "".join(match["lines"] for match in SECTION.finditer(f"{text}\n"))
    depth = min((len(line) - len(line.lstrip()) for line in sections.splitlines() if line.strip()), default=0)
    entries = [line for line in sections.splitlines() if len(line) - len(line.lstrip()) == depth]
    return [match["text"] for match in ARGUMENT.finditer("\n".join(entries))]


DOCSTRINGS = [docstring for path in SOURCES for docstring in docstrings(path)]


def fragments() -> list[str]:
    """Docstrings that open with a fragment, or whose first line is no whole sentence or phrase."""
    return [f"{place}: {text.splitlines()[0]}" for place, text in DOCSTRINGS if FRAGMENT.match(text)]


def argument_fragments() -> list[str]:
    """Lines about arguments and attributes that open with a fragment."""
    lines = [(place, line) for place, text in DOCSTRINGS for line in argument_lines(text)]
    return [f"{place}: {line}" for place, line in lines if IN_ARGUMENTS.match(line)]


def tensor_functions() -> dict[str, str]:
    """Docstrings ("" where there is none) of the public functions of ``models`` that take or return tensors."""
    found = {}
    for path in (path for path in SOURCES if path.relative_to(ROOT).parts[0] == "models"):
        tree = ast.parse(path.read_text())
        for function in (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and not n.name.startswith("_")):
            arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
            annotations = [argument.annotation for argument in arguments] + [function.returns]
            if any(TENSORS.search(ast.unparse(annotation)) for annotation in annotations if annotation):
                place = f"{path.relative_to(ROOT)}:{function.lineno} {function.name}"
                found[place] = ast.get_docstring(function) or ""
    return found


def test_docstrings_open_with_a_sentence_or_a_whole_phrase() -> None:
    found = fragments()
    assert len(found) < 0.01 * len(DOCSTRINGS), "\n".join(found)


def test_first_lines_end_as_sentences_do() -> None:
    found = [place for place, text in DOCSTRINGS if text.split("\n\n")[0].rstrip("` ")[-1:] not in {".", "?", "!", ":"}]
    assert not found


def test_arguments_are_explained_by_sentences_or_whole_phrases() -> None:
    found, lines = argument_fragments(), sum(len(argument_lines(text)) for _, text in DOCSTRINGS)
    assert lines > 100
    assert len(found) < 0.01 * lines, "\n".join(found)


def test_functions_of_tensors_state_a_shape_or_a_unit() -> None:
    found = tensor_functions()
    silent = [place for place, text in found.items() if text and not SHAPE_OR_UNIT.search(text)]
    documented = sum(bool(text) for text in found.values())
    assert documented > 50
    assert len(silent) <= 0.4 * documented, "\n".join(silent)


@pytest.mark.parametrize("text", ["Of a batch.", "What is drawn.", "The same for asyncio.", "That the path takes."])
def test_a_planted_fragment_is_caught(text: str) -> None:
    assert FRAGMENT.match(text)
    assert IN_ARGUMENTS.match(text)


@pytest.mark.parametrize("text", ["Return the shape.", "Offered types.", "A batch of rows.", "Informative names."])
def test_a_whole_phrase_is_not_caught(text: str) -> None:
    assert not FRAGMENT.match(text)


def main() -> None:
    """Print every fragment and every function of tensors that is silent: ``python tests/test_docstrings.py``."""
    silent = [place for place, text in tensor_functions().items() if text and not SHAPE_OR_UNIT.search(text)]
    for title, found in (
        (f"docstrings (of {len(DOCSTRINGS)})", fragments()),
        ("argument lines", argument_fragments()),
        (f"functions of tensors (of {len(tensor_functions())})", silent),
    ):
        print(f"== {len(found)} {title}", *found, sep="\n")  # noqa: T201


if __name__ == "__main__":
    main()
