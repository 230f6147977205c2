"""Runs a command on a machine made noisy, to see that no verdict depends on how quiet it is.

    scripts/noise.py hog -- lab validate rate-limiting --runs 20      a busy loop on each core
    scripts/noise.py stall -- lab validate rate-limiting              service, witness and companions stopped together
    scripts/noise.py stall-grader -- lab validate rate-limiting       the checks by themselves

Stalls are made with the kernel's freezer (cgroup v1, as root), not with SIGSTOP, so that they never undo a pause that a
check asked for. All containers of the machine's engine are frozen with the services: use a machine of your own.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FREEZER = Path("/sys/fs/cgroup/freezer")
SCAN_SECONDS = 0.02
LONGEST_HOG = 6 * 3600.0
STALL_SECONDS = (0.02, 0.7)
PAUSE_SECONDS = (0.1, 3.0)
"""Between two stalls."""


def main() -> int:
    """Returns the command's exit code."""
    if len(sys.argv) < 4 or sys.argv[1] not in NOISES or sys.argv[2] != "--":
        print(__doc__, file=sys.stderr)
        return 2
    with subprocess.Popen(sys.argv[3:]) as command:
        try:
            with NOISES[sys.argv[1]](command.pid):
                return command.wait()
        except KeyboardInterrupt:
            return command.wait()


@contextlib.contextmanager
def hog(pid: int) -> Iterator[None]:
    """A busy loop for each core."""
    loops = [multiprocessing.Process(target=_burn, daemon=True) for _ in range(os.cpu_count() or 1)]
    for loop in loops:
        loop.start()
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.join()


def _burn() -> None:
    give_up = time.monotonic() + LONGEST_HOG
    while time.monotonic() < give_up:
        sum(range(10_000))


@contextlib.contextmanager
def stall(pid: int) -> Iterator[None]:
    """What the runner's supervisors have started, and all containers."""
    with _stalled(pid, _is_served, [FREEZER / "docker"]):
        yield


@contextlib.contextmanager
def stall_grader(pid: int) -> Iterator[None]:
    """The suite's child and its forks."""
    with _stalled(pid, _is_grader, []):
        yield


@contextlib.contextmanager
def _stalled(pid: int, wanted: Callable[[list[str]], bool], others: list[Path]) -> Iterator[None]:
    group = FREEZER / f"lab-noise-{os.getpid()}"
    group.mkdir()
    done = threading.Event()
    workers = [
        threading.Thread(target=_gather, args=(pid, wanted, group, done)),
        threading.Thread(target=_freeze_at_random, args=([group, *others], done)),
    ]
    for worker in workers:
        worker.start()
    try:
        yield
    finally:
        done.set()
        for worker in workers:
            worker.join()
        _empty(group)


def _gather(root: int, wanted: Callable[[list[str]], bool], group: Path, done: threading.Event) -> None:
    while not done.wait(SCAN_SECONDS):
        inside = set((group / "cgroup.procs").read_text().split())
        for number, lineage in _descendants(root):
            if str(number) not in inside and wanted(lineage):
                with contextlib.suppress(OSError):  # it may be gone
                    (group / "cgroup.procs").write_text(str(number))


def _freeze_at_random(groups: list[Path], done: threading.Event) -> None:
    count, total = 0, 0.0
    while not done.wait(random.uniform(*PAUSE_SECONDS)):
        # Mostly short, now and then long: as a machine stalls.
        seconds = STALL_SECONDS[0] + (STALL_SECONDS[1] - STALL_SECONDS[0]) * random.random() ** 2
        present = [group for group in groups if group.is_dir()]
        try:
            for group in present:
                (group / "freezer.state").write_text("FROZEN")
            time.sleep(seconds)
        finally:
            for group in present:
                (group / "freezer.state").write_text("THAWED")
        count, total = count + 1, total + seconds
    print(f"noise: {count} stalls, {total:.1f} s in all", file=sys.stderr)


def _empty(group: Path) -> None:
    """Its processes go back to where they came from; an empty group can be removed."""
    give_up = time.monotonic() + 5
    while time.monotonic() < give_up:
        for number in (group / "cgroup.procs").read_text().split():
            with contextlib.suppress(OSError):
                (FREEZER / "cgroup.procs").write_text(number)
        with contextlib.suppress(OSError):
            group.rmdir()
            return
        time.sleep(0.05)


def _descendants(root: int) -> Iterator[tuple[int, list[str]]]:
    """Each process below `root`, with the command lines from its own up to the root's."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                stat = (entry / "stat").read_text()
                parents[int(entry.name)] = int(stat[stat.rindex(")") + 2 :].split()[1])
    for number in parents:
        chain = [number]
        while chain[-1] != root and chain[-1] in parents:
            chain.append(parents[chain[-1]])
        if chain[-1] == root and number != root:
            yield number, [_command_line(each) for each in chain]


def _command_line(number: int) -> str:
    try:
        return Path(f"/proc/{number}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        return ""


def _is_served(lineage: list[str]) -> bool:
    """Below a supervisor, not a supervisor itself."""
    return any("process/supervisor.py" in command for command in lineage[1:])


def _is_grader(lineage: list[str]) -> bool:
    return "suites/boot.py" in lineage[0]


NOISES: dict[str, Callable[[int], contextlib.AbstractContextManager[None]]] = {
    "hog": hog,
    "stall": stall,
    "stall-grader": stall_grader,
}

if __name__ == "__main__":
    sys.exit(main())
