"""What is shown of a long log."""

from __future__ import annotations

import os
import time

from labrunner.runtimes.log import FIRST_LINES, LAST_LINES, Log


def _shown(text: str) -> tuple[str, ...]:
    reader, writer = os.pipe()
    os.write(writer, text.encode())
    os.close(writer)
    log = Log(hide="/somewhere/")
    thread = log.drain(reader)
    thread.join(60)
    assert not thread.is_alive()
    return log.between(0.0, time.monotonic())


def test_a_short_log_is_shown_whole() -> None:
    """Nothing is left out of few lines, empty ones neither."""
    assert _shown("one\n\nthree\n") == ("one", "", "three")


def test_a_long_log_keeps_its_beginning_and_its_end() -> None:
    """Node and Go say what is wrong first, Python last; how much lies between is told."""
    shown = _shown("".join(f"line {number}\n" for number in range(100)))
    left_out = 100 - FIRST_LINES - LAST_LINES
    assert shown[:FIRST_LINES] == tuple(f"line {number}" for number in range(FIRST_LINES))
    assert shown[FIRST_LINES] == f"... {left_out} more lines ..."
    assert shown[FIRST_LINES + 1 :] == tuple(f"line {number}" for number in range(100 - LAST_LINES, 100))


def test_nodes_own_steps_do_not_hide_the_learners() -> None:
    """Of a stack trace that is too long, what goes first are the steps inside Node."""
    own = [f"    at step{number} (node:internal/modules/esm/loader:{number}:1)" for number in range(20)]
    trace = ["Error: no such thing", "    at resource (file:///somewhere/main.ts:3:9)", *own, "", "Node.js v24"]
    assert _shown("\n".join(trace) + "\n") == (
        "Error: no such thing",
        "    at resource (file://main.ts:3:9)",
        "Node.js v24",
    )
