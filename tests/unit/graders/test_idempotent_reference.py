"""The Python reference of idempotent-api, where the lab's checks do not look."""

from __future__ import annotations

import base64
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

REFERENCE = Path(__file__).parents[3] / "graders" / "idempotent-api" / "references" / "python"


@pytest.fixture
def listing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The module of that name, importable for as long as the test."""
    monkeypatch.syspath_prepend(str(REFERENCE))
    yield import_module("listing")
    for path in REFERENCE.glob("*.py"):
        sys.modules.pop(path.stem, None)


@pytest.mark.parametrize("number", [1, 2**63 - 1])
def test_a_cursor_is_read_as_it_was_written(listing: Any, number: int) -> None:
    """Up to the largest number that a payment can have."""
    assert listing.read_cursor(listing.write_cursor(number)) == number


@pytest.mark.parametrize("number", ["-1", "0", "01", "+1", "9223372036854775808", "1e3"])
def test_what_no_payment_can_have_is_no_cursor(listing: Any, number: str) -> None:
    """SQLite would not take it, or it would find what no page ever pointed to."""
    cursor = base64.urlsafe_b64encode(f"before {number}".encode()).decode().rstrip("=")
    with pytest.raises(import_module("asking").Refusal):
        listing.read_cursor(cursor)
