"""Imports of a Python text, by Python's own parser; also those that are calls with fixed text."""

from __future__ import annotations

import ast
import itertools
from typing import TYPE_CHECKING

from labrunner.rules.imports.found import Import

if TYPE_CHECKING:
    from collections.abc import Iterator

_IMPORTERS = {"__import__", "import_module", "run_module", "find_spec"}
_RUNNERS = {"exec", "eval", "compile"}


def imports(text: str) -> list[Import]:
    """All that can be seen; nothing of a text that is no Python, which nothing can import either."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    return [found for node in ast.walk(tree) for found in _of(node)]


def _of(node: ast.AST) -> Iterator[Import]:
    match node:
        case ast.Import():
            for name in node.names:
                yield Import(node.lineno, name.name)
        case ast.ImportFrom():
            for name in node.names:
                full = f"{node.module}.{name.name}" if node.module else name.name
                yield Import(node.lineno, full, is_own=node.level > 0)
        case ast.Call():
            yield from _of_call(node)
        case ast.Subscript(value=ast.Attribute(attr="modules")):
            if module := _fixed(node.slice):
                yield Import(node.lineno, module)
        case ast.List() | ast.Tuple():
            yield from _of_command(node)
        case _:
            pass


def _of_call(node: ast.Call) -> Iterator[Import]:
    name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
    first = _fixed(node.args[0]) if node.args else None
    if first is None:
        return
    if name in _IMPORTERS:
        yield Import(node.lineno, first, is_own=first.startswith("."))
    elif name in _RUNNERS:
        yield from (Import(node.lineno, found.module, found.is_own) for found in imports(first))


def _of_command(node: ast.List | ast.Tuple) -> Iterator[Import]:
    """``[..., "-m", "http.server", ...]`` is a command that runs a module."""
    words = [_fixed(element) for element in node.elts]
    for flag, module in itertools.pairwise(words):
        if flag == "-m" and module:
            yield Import(node.lineno, module)


def _fixed(node: ast.expr) -> str | None:
    """The text that an expression always is."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _fixed(node.left), _fixed(node.right)
        return left + right if left is not None and right is not None else None
    if isinstance(node, ast.JoinedStr):
        parts = [_fixed(value) for value in node.values]
        return "".join(part for part in parts if part is not None) if None not in parts else None
    return None
