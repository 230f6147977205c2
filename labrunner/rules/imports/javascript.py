"""Imports of a JavaScript or TypeScript text: static, dynamic with fixed text, and functions that need no import."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from labrunner.rules.imports.found import Import
from labrunner.rules.imports.tokens import Kind, Token, tokens

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_LOADERS = {"require", "import", "getBuiltinModule", "resolve"}
_DECLARING = {"function", "const", "let", "var", "class"}
_GLOBAL = {"globalThis", "global"}


def imports(text: str) -> list[Import]:
    """All that can be seen."""
    found = tokens(text)
    return [*_static(found), *_loaded(found), *_functions(found)]


def _static(found: Sequence[Token]) -> Iterator[Import]:
    """``import ... from "x"``, ``import "x"``, ``export ... from "x"``, but for types alone, which leave no trace."""
    for place, token in enumerate(found[:-1]):
        following = found[place + 1]
        is_bare = token.value == "import" and following.kind is Kind.TEXT
        is_from = token.value == "from" and following.kind is Kind.TEXT
        if token.kind is Kind.WORD and (is_bare or is_from):
            yield _import(following)


def _loaded(found: Sequence[Token]) -> Iterator[Import]:
    """``require("x")``, ``import("x")`` and the like; pieces that are added up are put together."""
    for place, token in enumerate(found[:-2]):
        if token.kind is Kind.WORD and token.value in _LOADERS and found[place + 1].value == "(":
            text = _fixed(found, place + 2)
            if text is not None:
                yield _import(Token(Kind.TEXT, text, token.line))


def _functions(found: Sequence[Token]) -> Iterator[Import]:
    own = {after.value for before, after in itertools.pairwise(found) if before.value in _DECLARING}
    for place, token in enumerate(found):
        if token.kind is not Kind.WORD or _value(found, place + 1) not in {"(", "=", ";", ")", ",", "."}:
            continue
        before, owner = _value(found, place - 1), _value(found, place - 2)
        if token.value == "fetch" and "fetch" not in own and (before != "." or owner in _GLOBAL):
            yield Import(token.line, "fetch()")
        if token.value == "binding" and before == "." and owner == "process":
            yield Import(token.line, "process.binding()")


def _import(text: Token) -> Import:
    module = text.value.removeprefix("node:")
    return Import(text.line, module, is_own=module.startswith((".", "/", "file:")))


def _fixed(found: Sequence[Token], place: int) -> str | None:
    """The text of ``"a" + "b" )`` from `place` on; None when it is not fixed."""
    parts: list[str] = []
    while place < len(found) and found[place].kind is Kind.TEXT:
        parts.append(found[place].value)
        if _value(found, place + 1) != "+":
            return "".join(parts)
        place += 2
    return None


def _value(found: Sequence[Token], place: int) -> str:
    is_code = 0 <= place < len(found) and found[place].kind is not Kind.TEXT
    return found[place].value if is_code else ""
