"""`lab watch`: each save is tested, by a real `lab test`, in a real directory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from labrunner.errors import ExitCode

CHECK = "first-limit/healthy"
NEVER_READY = "import time\ntime.sleep(60)\n"


@pytest.fixture
def solution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A scaffold as `lab start` writes it."""
    monkeypatch.setenv("LAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("LAB_STATE", str(tmp_path / "state"))
    folder = tmp_path / "solution"
    argv = [sys.executable, "-m", "labrunner", "start", "rate-limiting", str(folder)]
    subprocess.run(argv, check=True, capture_output=True)
    return folder


@pytest.fixture
def watching(solution: Path) -> Iterator[subprocess.Popen[str]]:
    """`lab watch` of one check."""
    argv = [sys.executable, "-m", "labrunner", "watch", CHECK, "--runtime", "process"]
    with subprocess.Popen(argv, cwd=solution, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as command:
        yield command
        command.kill()


def until(command: subprocess.Popen[str], words: str) -> str:
    """What it prints, up to the line with these words."""
    assert command.stdout is not None
    seen = ""
    while words not in seen:
        line = command.stdout.readline()
        assert line, seen
        seen += line
    return seen


def save(solution: Path, text: str) -> None:
    """At once, as editors do: what is seen is the old text or the new one, and one change."""
    fresh = solution / "main.py~"
    fresh.write_text(text)
    fresh.replace(solution / "main.py")


def children_of(process: int) -> list[int]:
    """Processes that it started."""
    return [int(pid) for pid in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def test_each_save_is_tested(solution: Path, watching: subprocess.Popen[str]) -> None:
    """The first test comes by itself, the next with a save; what is no part of a solution may change unseen."""
    assert "1 passed" in until(watching, "Save a file")
    (solution / ".git").mkdir()
    (solution / ".git" / "index").write_text("x")
    (solution / "main.py~").write_text("x")
    right = (solution / "main.py").read_text()
    save(solution, "raise SystemExit('broken')\n")
    broken = until(watching, "Save a file")
    assert [line for line in broken.splitlines() if line.startswith("Saved")] == ["Saved: main.py"]
    assert "broken" in broken
    assert "1 passed" not in broken
    save(solution, right)
    assert "1 passed" in until(watching, "Save a file")


def test_a_save_amid_a_test_begins_it_anew(solution: Path, watching: subprocess.Popen[str]) -> None:
    """Nobody waits for the verdict on what is no longer there."""
    until(watching, "Save a file")
    right = (solution / "main.py").read_text()
    save(solution, NEVER_READY)
    until(watching, "Saved: main.py")
    save(solution, right)
    rest = until(watching, "Save a file")
    assert "Saved: main.py" in rest
    assert "✗" not in rest
    assert "1 passed" in rest


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_with_all_that_it_started(
    solution: Path, watching: subprocess.Popen[str], number: signal.Signals
) -> None:
    """Ctrl-C ends a test that is still running, too, and is no error."""
    until(watching, "Save a file")
    save(solution, NEVER_READY)
    until(watching, "Saved: main.py")
    while not (tests := children_of(watching.pid)):
        assert watching.poll() is None
    watching.send_signal(number)
    assert watching.wait(30) == ExitCode.OK
    for test in tests:
        with pytest.raises(ProcessLookupError):
            os.kill(test, 0)


def test_a_wrong_name_is_told_at_once(solution: Path) -> None:
    """It does not wait for a save to say what `lab test` would say."""
    argv = [sys.executable, "-m", "labrunner", "watch", "no-such-stage"]
    done = subprocess.run(argv, cwd=solution, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == ExitCode.USAGE
    assert "no-such-stage" in done.stderr
