"""Docstrings as Markdown: formulas become MathML, which browsers draw by themselves, and examples become code."""

from __future__ import annotations

import re
from textwrap import dedent
from typing import Any

import griffe
from latex2mathml.converter import convert

_FORMULA = re.compile(r"^( *)\.\. math::(.*(?:\n(?:\1 +\S.*)?)*)", re.MULTILINE)
_INLINE_FORMULA = re.compile(r":math:`([^`]+)`")
_ROLE = re.compile(r":(?:class|data|func|meth):`~?(?:[\w.]+\.)?(\w+)`")
_EXAMPLE = re.compile(r"^>>> .*(?:\n.+)*", re.MULTILINE)


class MarkdownDocstrings(griffe.Extension):
    """The extension that mkdocstrings runs on every object it reads."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite the docstring of one object."""
        if obj.docstring is not None:
            obj.docstring.value = as_markdown(obj.docstring.value)


def as_markdown(docstring: str) -> str:
    """Return a docstring with its formulas, references and examples in Markdown."""
    docstring = _FORMULA.sub(lambda found: _block(found[2], indent=found[1]), docstring)
    docstring = _INLINE_FORMULA.sub(lambda found: convert(found[1]), docstring)
    docstring = _ROLE.sub(r"`\1`", docstring)
    return _EXAMPLE.sub(r"```pycon\n\g<0>\n```", docstring)


def _block(formula: str, indent: str) -> str:
    return f"{indent}<div>{convert(dedent(formula).strip(), display='block')}</div>\n\n"
