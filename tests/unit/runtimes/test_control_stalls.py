"""The runner's end of a companion's control channel."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from labrunner.ports import CannotTell, ControlFailed
from labrunner.runtimes.control import Channel


@pytest.fixture
def silent(tmp_path: Path) -> Iterator[Path]:
    """The path of a socket whose owner stands still: the kernel connects, and nobody answers."""
    path = tmp_path / "control"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(str(path))
        listening.listen()
        yield path


def test_a_companion_that_stands_still_is_no_mistake_of_anybodys(silent: Path) -> None:
    """C-24: a try that meets it is undecided; the check is not errored."""
    with pytest.raises(CannotTell, match=r"POST /plan: the companion did not answer for 0\.05 s"):
        Channel("token", silent).ask("POST", "/plan", {}, timeout=0.05)


def test_a_companion_that_is_not_there_is_its_authors_mistake(tmp_path: Path) -> None:
    """Nobody listens, so nobody will answer later either."""
    with pytest.raises(ControlFailed, match="POST /plan: the companion does not answer"):
        Channel("token", tmp_path / "nobody").ask("POST", "/plan", {}, timeout=5.0)
