from __future__ import annotations

import contextlib
import os
import threading

import pytest

from labrunner.runtimes.log import FIRST_LINES, KEPT_BYTES, LAST_LINES, LINE_BYTES, Log

FOREVER = float("inf")


def _logged(*writes: bytes, hide: str = "/nowhere/") -> Log:
    """What is kept after all of `writes` and the end of the pipe."""
    source, sink = os.pipe()
    log = Log(hide)
    thread = log.drain(source)
    with os.fdopen(sink, "wb", buffering=0) as pipe:
        for data in writes:
            pipe.write(data)
    thread.join(60)
    assert not thread.is_alive()
    return log


def test_lines_are_kept_with_their_moment() -> None:
    """Those of a span, the last of them, an unfinished one included."""
    log = _logged(b"one\ntwo\nthr", b"ee\nfour")
    assert log.between(0.0, FOREVER) == ("one", "two", "three", "four")
    assert log.between(0.0, 0.0) == ()


@pytest.mark.parametrize(
    "raw, shown",
    [
        (b"\x1b[2Jgone\r\n", r"\x1b[2Jgone"),
        (b"50%\r100%\n", r"50%\r100%"),
        (b"a\tb\n", "a   b"),
        (b"\xff\xfe\n", r"\xff\xfe"),
        (b"\x00\n", r"\x00"),
        (b'File "/private/copy/main.py"\n', 'File "main.py"'),
    ],
)
def test_lines_are_safe_to_show(raw: bytes, shown: str) -> None:
    """No escape sequence gets through, and a traceback names the learner's own files."""
    assert _logged(raw, hide="/private/copy/").between(0.0, FOREVER) == (shown,)


@pytest.mark.parametrize("piece", [b"\n", b"x\n", b"y" * 1000 + b"\n", b"z"], ids=["empty", "short", "long", "endless"])
def test_a_flood_stays_bounded(piece: bytes) -> None:
    """A10, A11: lines without end, a line without end, and lines without anything: memory stays small."""
    log = _logged(*[piece * (65536 // len(piece))] * 8)
    held = sum(len(line.text) + 64 for line in log._lines)
    assert held <= KEPT_BYTES + LINE_BYTES
    assert len(log.between(0.0, FOREVER)) <= FIRST_LINES + LAST_LINES + 1


def test_a_long_line_is_cut_and_counted() -> None:
    """By bytes."""
    (line,) = _logged(b"a" * (LINE_BYTES + 5) + b"\n").between(0.0, FOREVER)
    assert line == "a" * LINE_BYTES + " [... 5 more bytes]"


def test_listeners_hear_every_line() -> None:
    """`lab run` streams them."""
    source, sink = os.pipe()
    log = Log("/nowhere/")
    thread = log.drain(source)
    heard: list[str] = []
    log.follow(heard.append)
    os.write(sink, b"one\n\x1btwo\n")
    os.close(sink)
    thread.join(60)
    assert not thread.is_alive()
    assert heard == ["one", r"\x1btwo"]


def test_a_listener_that_breaks_does_not_stop_the_log() -> None:
    """When nobody reads `lab run` any more, the service must still be able to write."""
    source, sink = os.pipe()
    log = Log("/nowhere/")
    thread = log.drain(source)

    def broken(line: str) -> None:
        raise BrokenPipeError

    log.follow(broken)
    done = threading.Event()

    def write() -> None:
        with contextlib.suppress(OSError):
            for _ in range(64):
                os.write(sink, b"x" * 4095 + b"\n")
        os.close(sink)
        done.set()

    threading.Thread(target=write, daemon=True).start()
    assert done.wait(30)
    thread.join(60)
    assert not thread.is_alive()
    assert log.between(0.0, FOREVER)


def test_what_was_written_is_kept_once_it_is_settled() -> None:
    """However late it is read: whoever asks for the last words gets them, as long as the pipe is open and after."""
    source, sink = os.pipe()
    log = Log(hide="/somewhere/")
    thread = log.drain(source)
    for number in range(200):
        os.write(sink, b"line %d\n" % number)
        log.settle(60.0)
        assert log.between(0.0, FOREVER)[-1] == f"line {number}"
    os.write(sink, b"last words\n")
    os.close(sink)
    log.settle(60.0)
    assert log.between(0.0, FOREVER)[-1] == "last words"
    thread.join(60)
    assert not thread.is_alive()
    log.settle(60.0)
