"""Imports of a Go text. Go has no others than those at the top of a file."""

from __future__ import annotations

from labrunner.rules.imports.found import Import
from labrunner.rules.imports.tokens import Kind, tokens


def imports(text: str) -> list[Import]:
    """All of them."""
    found = tokens(text, is_go=True)
    taken: list[Import] = []
    place = 0
    while place < len(found):
        token = found[place]
        place += 1
        if token.kind is not Kind.WORD or token.value != "import":
            continue
        is_list = place < len(found) and found[place].kind is Kind.MARK and found[place].value == "("
        while place < len(found):
            current = found[place]
            place += 1
            if current.kind is Kind.TEXT:
                taken.append(Import(current.line, current.value))
            is_end = current.kind is Kind.MARK and current.value == ")"
            if is_end or (not is_list and current.kind is Kind.TEXT):
                break
    return taken
