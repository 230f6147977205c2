"""Stands between the runner and one service, so that nothing that the service forks survives.

Run as ``python -I -S supervisor.py EVENTS LOG`` (file descriptors). Commands come as JSON lines on standard input; its
end of file means that the runner is gone, however it went. Events go as JSON lines to EVENTS; the service's output
goes to LOG. On Linux it is a *subreaper*: whatever daemonises below it becomes its child, and is found and killed;
elsewhere it kills the service's process group, from which a daemon can escape.

Commands: start {argv, env, cwd, limits, user, cpus}, kill, pause, resume, term, look (tell an exit before `done`).
Events: started {pid}, not-started {why}, exit {pid, code}, done {command, left}. `code` is negative for a signal.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import select
import signal
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from segments import remove_left_by  # type: ignore[import-not-found]
from tree import descendants, state  # type: ignore[import-not-found]

PR_SET_CHILD_SUBREAPER = 36
PR_SET_PDEATHSIG = 1
SWEEP_SECONDS = 20.0
"""For all to be gone or stopped: on a starved machine even who is killed waits for a turn to die."""
LONGEST_LOOK = 0.02
STOPPED_LOOKS = 2
"""So often in a row must all be seen stopped: one look can miss who is just changing parents."""


def become_subreaper() -> bool:
    """Adopt orphans of all depths; True where the kernel can."""
    if sys.platform != "linux":
        return False
    done: int = ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    return done == 0


class Supervisor:
    """One service at a time."""

    def __init__(self, events: int, log: int) -> None:
        self.events = events
        self.log = log
        # Passed on, the first would let a service forge the news of its own end.
        for descriptor in (events, log):
            os.set_inheritable(descriptor, False)
        self.main: int | None = None
        self.ended: int | None = None
        self.is_subreaper = become_subreaper()
        self.wakeup, wakeup_write = os.pipe()
        os.set_blocking(self.wakeup, False)
        os.set_blocking(wakeup_write, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wakeup_write, warn_on_full_buffer=False)
        for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(ignored, signal.SIG_IGN)

    def tell(self, **event: Any) -> None:
        with contextlib.suppress(OSError):
            os.write(self.events, json.dumps(event).encode() + b"\n")

    def serve(self) -> None:
        """Until the runner is gone."""
        rest = b""
        while True:
            readable, _, _ = select.select([0, self.wakeup], [], [])
            if self.wakeup in readable:
                with contextlib.suppress(BlockingIOError):
                    os.read(self.wakeup, 4096)
                self.reap()
            if 0 in readable:
                data = os.read(0, 65536)
                if not data:
                    return
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    self.obey(json.loads(line))

    def obey(self, command: dict[str, Any]) -> None:
        name = command["do"]
        if name == "start":
            self.start(command)
            return
        if name == "look":
            self.reap()
        left = 0
        if name == "kill":
            left = self.kill_all()
        elif name == "term" and self.main is not None:
            os.kill(self.main, signal.SIGTERM)
        elif name == "pause":
            left = self.pause()
        elif name == "resume":
            self.signal_all(signal.SIGCONT)
        self.tell(event="done", command=name, left=left)
        self.reap()

    def start(self, command: dict[str, Any]) -> None:
        """Fork and exec; a failure of exec comes back over a pipe that a successful exec closes."""
        status_read, status_write = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                self.become_service(command)
            except BaseException as fault:  # noqa: BLE001 - the child must never return into the parent's loop
                os.write(status_write, str(getattr(fault, "strerror", None) or fault).encode())
                os._exit(127)
        os.close(status_write)
        with os.fdopen(status_read, "rb") as status:
            why = status.read().decode()
        if why:
            os.waitpid(pid, 0)
            self.tell(event="not-started", why=why)
            return
        self.main = pid
        self.tell(event="started", pid=pid)

    def become_service(self, command: dict[str, Any]) -> None:
        os.setsid()
        signal.set_wakeup_fd(-1)
        for restored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGPIPE):
            signal.signal(restored, signal.SIG_DFL)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.dup2(self.log, 1)
        os.dup2(self.log, 2)
        for name, value in command["limits"].items():
            which = getattr(resource, name)
            hard = resource.getrlimit(which)[1]
            bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(which, (bound, bound))
        if command.get("cpus") is not None:
            os.sched_setaffinity(0, command["cpus"])
        if command["user"] is not None:
            os.setgroups([])
            os.setgid(command["user"])
            os.setuid(command["user"])
        if sys.platform == "linux":
            # Should the service kill us (where it runs as the same user, it can), it goes too.
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        os.umask(0o022)
        os.chdir(command["cwd"])
        os.execvpe(command["argv"][0], command["argv"], command["env"])

    def reap(self) -> None:
        """Bury the dead. When the service's first process ends, the rest of it goes too."""
        self.bury()
        if self.ended is not None:
            self.kill_all()
            pid, code = self.main, self.ended
            self.main = self.ended = None
            remove_left_by(pid)
            self.tell(event="exit", pid=pid, code=code)

    def bury(self) -> bool:
        """Wait for every dead child; True while one is left.

        Only this can be trusted to say that nothing lives: what was orphaned is a child of ours, but a list read from
        /proc misses who changes parents meanwhile.
        """
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self.main:
                self.ended = os.waitstatus_to_exitcode(status)

    def living(self) -> list[int]:
        if self.is_subreaper:
            return [pid for pid in descendants(os.getpid()) if state(pid) not in {"", "Z"}]
        return [self.main] if self.main is not None and state(self.main) != "Z" else []

    def signal_all(self, number: int) -> None:
        for pid in self.living():
            with contextlib.suppress(OSError):
                os.kill(pid, number)
        if not self.is_subreaper and self.main is not None:
            with contextlib.suppress(OSError):
                os.killpg(self.main, number)

    def kill_all(self) -> int:
        """SIGKILL until nothing is left; stopping first keeps a fork bomb from outrunning us. Returns how many are."""
        give_up, pause = time.monotonic() + SWEEP_SECONDS, 0.001
        while self.bury():
            if time.monotonic() > give_up:
                return max(1, len(self.living()))
            self.signal_all(signal.SIGSTOP)
            self.signal_all(signal.SIGKILL)
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_LOOK)
        return 0

    def pause(self) -> int:
        """SIGSTOP until every process is seen stopped, those forked meanwhile included; returns how many are not."""
        give_up = time.monotonic() + SWEEP_SECONDS
        looks = moving = 0
        while time.monotonic() < give_up and looks < STOPPED_LOOKS:
            self.signal_all(signal.SIGSTOP)
            moving = sum(state(pid) not in {"T", "t"} for pid in self.living()) if self.is_subreaper else 0
            looks = 0 if moving else looks + 1
            time.sleep(0.001)
        return moving


def main() -> None:
    """Serve one runner, then leave nothing behind."""
    supervisor = Supervisor(int(sys.argv[1]), int(sys.argv[2]))
    supervisor.tell(event="ready")
    try:
        supervisor.serve()
    finally:
        supervisor.kill_all()
        supervisor.reap()


if __name__ == "__main__":
    main()
