"""What idempotent-api's checks do in the background is seen by them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
import pytest

from labrunner.checks import Answer, Failed
from labrunner.model.outcome import Exchange

GRADER = Path(__file__).parents[3] / "graders" / "idempotent-api"


@pytest.fixture
def life(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The life of a key at a shop that answers every payment with 201 and an empty object."""
    monkeypatch.syspath_prepend(str(GRADER))
    yield import_module("life").Life(Shop())
    for path in GRADER.glob("*.py"):
        sys.modules.pop(path.stem, None)


class Payment:
    """What is paid."""

    body = b"{}"
    name = "{}"


class Connection:
    """To the shop."""

    def close(self) -> None:
        """Nothing is open."""


class Shop:
    """Says yes to everything, and no more than that."""

    longest = 1.0
    patience = 1.0

    @property
    def service(self) -> Shop:
        """Itself."""
        return self

    def client(self) -> Connection:
        """A new one."""
        return Connection()

    def new_key(self) -> str:
        """Always the same."""
        return "k"

    def new_payment(self) -> Payment:
        """As above."""
        return Payment()

    def post(self, *_: Any, **__: Any) -> Answer:
        """201, and not a word of the payment."""
        fields = (("Content-Type", "application/json"),)
        exchange = Exchange("POST", "/payments", (), "", sent=1.0, answered=1.1, status=201)
        return Answer(exchange, httpx.Headers(fields), b"{}")


def test_what_is_wrong_in_the_background_fails_whoever_waits_for_it(life: Any) -> None:
    """A 201 must say which payment it is, whoever heard it."""
    life.ask_aside()
    with pytest.raises(Failed, match="a JSON object with the member 'id'"):
        life.join()


def test_so_is_a_mistake_of_the_checks(life: Any) -> None:
    """It makes the check errored, as it would in the foreground."""
    life.shop.post = None
    life.retry_aside()
    with pytest.raises(TypeError):
        life.join()
