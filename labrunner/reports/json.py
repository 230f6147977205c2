"""The result as JSON; its schema is ``docs/result.schema.json``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labrunner.rules import wire

if TYPE_CHECKING:
    from labrunner.model.result import Result


def render(result: Result) -> bytes:
    """UTF-8 JSON, indented, ending in a newline."""
    return wire.pretty(result)
