"""The Python reference of cache, where the lab's checks would see a fault of its in one run of many, or not at all."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

REFERENCE = Path(__file__).parents[3] / "graders" / "cache" / "references" / "python"
HANGS = 60.0
"""Seconds; against a hang, not a promise of speed."""


@pytest.fixture
def plumbing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The reference's modules, importable for as long as the test."""
    monkeypatch.syspath_prepend(str(REFERENCE))
    yield import_module("http_plumbing")
    for path in REFERENCE.glob("*.py"):
        sys.modules.pop(path.stem, None)


class Origin:
    """One that answers when it is let, and counts."""

    authority = "origin.test"

    def __init__(self, response: Any) -> None:
        self.response = response
        self.asked = 0
        self.is_asked = threading.Event()
        self.may_answer = threading.Event()

    def fetch(self, request: Any, validated: Any) -> Any:
        """The answer."""
        self.asked += 1
        self.is_asked.set()
        assert self.may_answer.wait(HANGS)
        return self.response


class Watched:
    """A lock; after its next release by a thread that is watched, something happens."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.next: dict[int, Callable[[], None]] = {}

    def __enter__(self) -> None:
        self.lock.acquire()

    def __exit__(self, *_: object) -> None:
        self.lock.release()
        self.next.pop(threading.get_ident(), lambda: None)()


def test_who_misses_while_another_one_stores_finds_its_forward_or_its_answer(plumbing: Any) -> None:
    """CA-25: the look into the store and the look for a forward to join are one; nothing ends between them."""
    origin = Origin(plumbing.Response(200, [("Cache-Control", "max-age=60")], b"once"))
    cache = import_module("cache").Cache(origin, 10)
    cache.lock = watched = Watched()
    request = plumbing.Request("GET", "/page", [])
    leader = threading.Thread(target=cache.answer, args=(request,))
    leader.start()
    assert origin.is_asked.wait(HANGS)

    def leader_ends() -> None:
        origin.may_answer.set()
        leader.join(HANGS)

    watched.next[threading.get_ident()] = leader_ends
    answer = cache.answer(request)
    assert not leader.is_alive()
    assert answer.body == b"once"
    assert origin.asked == 1


def test_the_origins_200_is_passed_on_though_the_client_has_it(plumbing: Any) -> None:
    """CA-19: with nothing stored the condition is the origin's to judge, and it did not say 304."""
    origin = Origin(plumbing.Response(200, [("Cache-Control", "max-age=60"), ("ETag", '"a"')], b"whole"))
    origin.may_answer.set()
    cache = import_module("cache").Cache(origin, 10)
    answer = cache.answer(plumbing.Request("GET", "/page", [("If-None-Match", '"a"')]))
    assert (answer.status, answer.body) == (200, b"whole")
    assert ("Cache-Status", "lab; fwd=uri-miss; stored") in answer.fields
    assert cache.answer(plumbing.Request("GET", "/page", [("If-None-Match", '"a"')])).status == 304
