"""The command `lab` as a child process, and what is left of it afterwards."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from labrunner.runtimes.process.tree import descendants, state

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PATIENCE = 600.0
"""Seconds for a whole command; a deadline against hangs, not a promise of speed."""
EVENTUALLY = 120.0
"""The same, for what is waited for."""


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


def lab(*arguments: str, cwd: Path, env: Mapping[str, str] | None = None, stdin: str = "",
        patience: float = PATIENCE) -> Done:  # fmt: skip
    """Run `lab` to its end."""
    done = subprocess.run(_argv(arguments), cwd=cwd, env=_environment(env), input=stdin.encode(), capture_output=True,
                          timeout=patience, check=False)  # fmt: skip
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


def start(*arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Begin `lab`, in a process group of its own, as a shell would."""
    return subprocess.Popen(_argv(arguments), cwd=cwd, env=_environment(env), stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, process_group=0)  # fmt: skip


def _argv(arguments: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-m", "labrunner", *arguments]


def _environment(extra: Mapping[str, str] | None) -> dict[str, str]:
    root = str(Path(__file__).parents[1])
    # Where it crashed is in its last words, should it ever.
    ours = {"PYTHONPATH": root, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONFAULTHANDLER": "1"}
    return {**os.environ, **ours, **(extra or {})}


def finish(process: subprocess.Popen[bytes]) -> Done:
    """Wait for the end of a command that was begun."""
    out, err = process.communicate(timeout=PATIENCE)
    return Done(process.returncode, out.decode(), err.decode())


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for `condition`; fail when it does not come."""
    give_up = time.monotonic() + EVENTUALLY
    while not condition():
        if time.monotonic() > give_up:
            raise AssertionError(f"waited in vain for: {what}")
        time.sleep(0.005)


Process = tuple[int, str]
"""Pid and start time: pids are used again, pairs are not."""


def processes(root: int) -> set[Process]:
    """All living processes below `root`."""
    return {(pid, _started_at(pid)) for pid in descendants(root) if is_alive(pid)}


def is_alive(pid: int) -> bool:
    """Neither gone nor only waiting to be buried."""
    return state(pid) not in {"", "Z", "X"}


def _started_at(pid: int) -> str:
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return ""
    return stat[stat.rindex(b")") + 2 :].split()[19].decode()


def survivors(of: set[Process]) -> set[Process]:
    """Those that still live."""
    return {(pid, started) for pid, started in of if is_alive(pid) and _started_at(pid) == started}


def that_mention(text: str) -> set[int]:
    """Pids of all processes whose environment, working directory or command line holds `text`: found wherever they hid."""
    found = set()
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid() or not is_alive(int(folder.name)):
            continue
        with contextlib.suppress(OSError):
            facts = (folder / "environ").read_bytes() + (folder / "cmdline").read_bytes()
            facts += os.fsencode((folder / "cwd").readlink())
            if text.encode() in facts:
                found.add(int(folder.name))
    return found


def end(pids: set[int]) -> None:
    """So that a failing test leaves nothing behind either."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
