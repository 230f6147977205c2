"""A result that was written earlier, perhaps elsewhere and by somebody else, read again."""

from __future__ import annotations

import json
from typing import Any

from labrunner.errors import BadResultFile
from labrunner.model.result import SCHEMA, Result
from labrunner.rules import wire

SIZE_LIMIT = 64 * 1024 * 1024
"""Bytes; a result with all evidence of a large lab stays far below."""


def result_of(data: bytes, name: str) -> Result:
    """The result in `data`: a bare one, or that of an envelope (whose signature is not looked at here).

    Args:
        data: the file.
        name: how messages call it.

    Raises:
        BadResultFile: it is none, or one of a newer schema.
    """
    page = document(data, name)
    inner = page.get("envelope", page)
    inner = inner.get("result", inner) if isinstance(inner, dict) else {}
    schema = inner.get("schema") if isinstance(inner, dict) else None
    if isinstance(schema, int) and schema > SCHEMA:
        raise BadResultFile(
            f"{name} was written by a newer labrunner (schema {schema}; this one knows {SCHEMA}).", "Update labrunner."
        )
    try:
        return wire.decode(json.dumps(inner).encode("utf-8", "backslashreplace"), Result)
    except (ValueError, RecursionError) as fault:
        raise BadResultFile(f"{name} is not the result of a run: {_first_line(fault)}.", _HINT) from None


_HINT = "Give a file that `lab grade --report json=FILE` wrote."


def document(data: bytes, name: str) -> dict[str, Any]:
    """The JSON object in `data`, read strictly: no key twice, no NaN.

    Raises:
        BadResultFile: it is none.
    """
    if len(data) > SIZE_LIMIT:
        raise BadResultFile(f"{name} is larger than {SIZE_LIMIT >> 20} MiB, which no result is.", _HINT)
    try:
        page = json.loads(data, object_pairs_hook=_unique, parse_constant=_refuse)
    except (ValueError, RecursionError) as fault:
        raise BadResultFile(f"{name} is not valid JSON: {_first_line(fault)}.", _HINT) from None
    if not isinstance(page, dict):
        raise BadResultFile(f"{name} is not the result of a run: it holds no JSON object.", _HINT)
    return page


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice")
    return found


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no number")


def _first_line(fault: Exception) -> str:
    return "nested too deeply" if isinstance(fault, RecursionError) else str(fault).partition("\n")[0].rstrip(".")
