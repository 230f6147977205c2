"""`lab replay`: the bytes of a failure, sent again to a fresh service."""

from __future__ import annotations

import shutil
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from labrunner.checks import replay
from labrunner.model.outcome import Exchange, Piece
from tests.command import lab

GRADER = Path(__file__).parents[2] / "graders" / "http-server"
REFERENCE = GRADER / "references" / "python"


@pytest.fixture
def failing(tmp_path: Path) -> Path:
    """A solution of http-server that has failed a test: it leaves the line feed out."""
    solution = Path(shutil.copytree(REFERENCE, tmp_path / "solution"))
    shutil.copytree(GRADER / "mutants" / "ok-without-line-end", solution, dirs_exist_ok=True)
    done = lab("test", "respond", "--runtime", "process", cwd=solution)
    assert done.code == 1, done.out + done.err
    assert "lab replay 1" in done.out
    return solution


def test_a_failure_that_is_still_there_is_shown_to_be_the_same(failing: Path) -> None:
    """The bytes are those of the failure, and so is the answer, but for its Date."""
    done = lab("replay", "--runtime", "process", cwd=failing)
    assert done.code == 0, done.err
    assert "> GET / HTTP/1.1\\r\\n" in done.out
    assert "The same answer as in the failure." in done.out


def test_a_failure_that_was_mended_shows_the_difference(failing: Path) -> None:
    """Line by line, then and now."""
    shutil.copytree(REFERENCE, failing, dirs_exist_ok=True)
    done = lab("replay", "1", "--runtime", "process", cwd=failing)
    assert done.code == 0, done.err
    assert "- < Content-Length: 2\\r\\n" in done.out
    assert "+ < Content-Length: 3\\r\\n" in done.out


def test_a_story_that_hypothesis_made_up_is_told_again(tmp_path: Path) -> None:
    """All of its requests, in their order: each brings along what the origin shall answer, so that a new one knows it."""
    grader = GRADER.parent / "cache"
    solution = Path(shutil.copytree(grader / "references" / "python", tmp_path / "solution"))
    shutil.copytree(grader / "mutants" / "not-replaced", solution, dirs_exist_ok=True)
    done = lab("test", "freshness/as-the-model", "--runtime", "process", cwd=solution)
    assert done.code == 1, done.out + done.err
    told = " ".join(done.out.split())
    assert "The story: (1) GET [" in told
    assert "(6)" not in told, "it was made small"
    done = lab("replay", "--runtime", "process", cwd=solution)
    assert done.code == 0, done.err
    assert done.out.count("> GET /") >= 2
    assert "fwd=uri-miss" in done.out


def test_there_is_no_second_failure(failing: Path) -> None:
    """And the message says which is the last."""
    done = lab("replay", "2", "--runtime", "process", cwd=failing)
    assert done.code == 2
    assert "No failure 2: the last one is 1." in done.err


def test_a_connection_that_was_broken_off_is_broken_off_again() -> None:
    """By a reset, as the check did it; a service may take the end of what is sent for a whole request."""
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:
        seen = pool.submit(_what_came, server)
        pieces = (Piece(0.0, is_sent=True, data=b"GET"), Piece(0.1, is_sent=True, event="reset"))
        exchange = Exchange("GET", "/", (), "", 0.0, 0.1, transcript=pieces)
        replay.again(f"http://127.0.0.1:{server.getsockname()[1]}", exchange)
        assert seen.result(10) == "reset"


def test_a_service_that_is_gone_is_told_instead_of_an_answer() -> None:
    """It may have died after it had said that it was ready."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
    exchange = Exchange("GET", "/", (), "", 0.0, 0.1, transcript=(Piece(0.0, is_sent=True, data=b"GET"),))
    assert replay.again(url, exchange).problem == "the service cannot be reached: Connection refused"


def _what_came(server: socket.socket) -> str:
    connection, _ = server.accept()
    with connection:
        try:
            while connection.recv(100):
                pass
        except ConnectionResetError:
            return "reset"
    return "end"
