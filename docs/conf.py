"""Sphinx, for `python -m sphinx -W --keep-going -n -b html docs BUILD`; it fetches nothing."""

from __future__ import annotations

import enum
import importlib.metadata
import os
import re
from typing import TYPE_CHECKING, Any, Protocol

# The reference back end, which carries the annotations; the compiled one has the same names and texts.
os.environ["PRECOND_NO_EXTENSIONS"] = "1"

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "precond"
author = "The precond authors"
copyright = author
release = importlib.metadata.version("precond")
extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_*"]

html_theme = "furo"
html_title = "precond"
html_show_sphinx = False
html_copy_source = False

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
myst_url_schemes = {
    "https": None,
    "rfc": "https://www.rfc-editor.org/rfc/rfc9110.html#section-{{path}}",
}

smartquotes = False
default_role = "literal"  # single backticks in docstrings
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
autodoc_typehints = "signature"
python_use_unqualified_type_names = True
maximum_signature_line_length = 80

# Types that stand in signatures; what they are is for the type checkers, and for the documentation of others.
nitpick_ignore_regex = [
    ("py:class", r"(collections|os|web|_typeshed)\..*|ASGI application|WSGIApplication"),
    ("py:class", r"BackgroundTask|LooseHeaders|PathLike|Receive|Scope|Send|StrPath|_Options"),
]

_ROW = re.compile(r"(?P<term>\S.*?) {2,}(?P<text>\S.*)")
_CODE = re.compile(r"(`[^`]*`)")


def _escaped(text: str) -> str:
    """Prose, in which no character but the backtick means anything."""
    pieces = _CODE.split(text)
    return "".join(piece if i % 2 else re.sub(r"([\\*|_])", r"\\\1", piece) for i, piece in enumerate(pieces))


def _table(lines: list[str]) -> list[str]:
    """Lines of `term  text`, whose text may go on below, indented; or begin there, after a long term."""
    column = next((row.start("text") for row in map(_ROW.fullmatch, lines) if row), 0)
    result: list[str] = []
    for line in lines:
        term, text = line[:column].rstrip(), line[column:]
        if line.startswith(" "):
            result.append(f"    {_escaped(line.strip())}")
        elif line[column - 1] == " ":
            result += [f"``{term}``", f"    {_escaped(text)}"]
        else:
            result.append(f"``{line}``")
    return result


def _paragraph(lines: list[str]) -> list[str]:
    if all(line.startswith("    ") for line in lines):
        return [".. code-block:: python", "", *lines]
    if any(_ROW.fullmatch(line) or line.startswith(" ") for line in lines):
        return _table(lines)
    return [_escaped(line) for line in lines]


def _as_rst(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Docstrings are plain text, to be read in a terminal: paragraphs, tables of two columns, code."""
    result: list[str] = []
    for paragraph in re.split(r"\n{2,}", "\n".join(lines).strip("\n")):
        result += [*_paragraph(paragraph.split("\n")), ""]
    lines[:] = result


def _signature(app: Sphinx, what: str, name: str, obj: Any, *rest: object) -> tuple[str, None] | None:
    """None for what nobody calls."""
    if what == "class" and (issubclass(obj, enum.Enum) or Protocol in obj.__bases__):
        return "", None
    return None


def setup(app: Sphinx) -> None:
    app.connect("autodoc-process-signature", _signature)
    app.connect("autodoc-process-docstring", _as_rst)
