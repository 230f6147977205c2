"""The life of the program in a container: its start, its end, its signals. With `lab-init` inside, or without.

With it the container outlives the program: kill and start are signals, tmpfs and address stay. A learner's own image
has none, and a hostile service can kill it (it has the same user): then the container's life is the program's, and a
new start empties its tmpfs.
"""

from __future__ import annotations

import re
import threading
import time
from typing import TYPE_CHECKING, Any

from labrunner.errors import EnvironmentProblem
from labrunner.model.status import Reason
from labrunner.runtimes.docker.container import CannotExecute, Container, Plan
from labrunner.runtimes.docker.output import STDOUT, attach

if TYPE_CHECKING:
    from labrunner.runtimes.docker.engine import Engine
    from labrunner.runtimes.docker.labels import Run
    from labrunner.runtimes.log import Log

ANSWER_SECONDS = 15.0
"""For lab-init to obey; it has a CPU to share with whatever the service does."""
LIMITS_SECONDS = 5.0
"""For its word on what the service ran into; at a limit it has little to run with."""
_EVENT = re.compile(r"(started|not-started|killed|exit|limits)(?: (.*))?")
_COUNTS = re.compile(r"(?:(-?\d+) )?oom=(\d+) pids=(\d+)")
LONGEST_EVENT = 1000
LEAST_FREE_KIB = 64
"""A disk with less is full: what a service writes at once, a page of a database say, does not fit any more."""
LEAST_FREE_FILES = 2


class Life:
    """One container and what is known of the program in it.

    Attributes:
        listened_at: since when what it writes is heard (monotonic seconds, as the others).
        started_at: when its program was.
        exited_at: when its program had ended, once there is an exit code.

    Args:
        engine: where.
        run: bears its labels.
        plan: the container.
        log: gets what the program writes.
        has_init: whether the plan's command begins with lab-init.

    Raises:
        EnvironmentProblem: the engine cannot.
        CannotExecute: the container's program cannot be executed.
    """

    def __init__(self, engine: Engine, run: Run, plan: Plan, log: Log, *, has_init: bool) -> None:
        self._engine = engine
        self._log = log
        self._has_init = has_init
        self._news = threading.Condition()
        self._events: dict[str, str] = {}
        self._rest = b""
        self._is_up = False
        self._exit: int | None = None
        self._lost: EnvironmentProblem | None = None
        self._closing = False
        self._hits: tuple[int, int] = (0, 0)
        self._paused = False
        self.listened_at = self.started_at = self.exited_at = time.monotonic()
        self.container = Container(engine, run, plan, self._attach)
        self.container.start()
        try:
            self._await_start()
        except BaseException:
            self.container.remove()
            raise

    # --- what the container tells ----------------------------------------------------------------

    def _attach(self, identity: str) -> None:
        with self._news:
            self._events.clear()
            self._exit, self._hits, self._is_up, self._rest = None, (0, 0), True, b""
        attach(self._engine, identity, self._take, self._ended)

    def _take(self, kind: int, data: bytes) -> None:
        if kind != STDOUT or not self._has_init:
            self._log.feed(data)
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._rest = self._rest[:LONGEST_EVENT]
        for line in lines:
            if told := _EVENT.fullmatch(line.decode("utf-8", "replace")):
                self._note(told[1], told[2] or "")

    def _note(self, event: str, rest: str) -> None:
        with self._news:
            if event in {"exit", "limits"} and (counts := _COUNTS.fullmatch(rest)):
                self._hits = (int(counts[2]), int(counts[3]))
                if event == "exit":
                    self._exit, self.exited_at = int(counts[1] or 0), time.monotonic()
            elif event == "started":
                self.started_at = time.monotonic()
            self._events[event] = rest
            self._news.notify_all()

    def _ended(self) -> None:
        """The container's output has ended, and so has the container, or the engine."""
        code, is_oom = 137, False
        try:
            state = self._last_state()
            code, is_oom = int(state["ExitCode"]), bool(state["OOMKilled"])
        except EnvironmentProblem as fault:
            self._lost = None if self._closing else fault
        with self._news:
            self._is_up = False
            if self._exit is None and self._lost is None:
                self._exit, self.exited_at = (128 - code if code > 128 else code), time.monotonic()
            self._hits = (self._hits[0] + is_oom, self._hits[1])
            self._news.notify_all()

    def _last_state(self) -> dict[str, Any]:
        give_up = time.monotonic() + ANSWER_SECONDS
        while (state := self.container.inspect()["State"])["Running"]:
            if time.monotonic() > give_up:
                raise EnvironmentProblem("The Docker engine let go of a container that runs.", "See `lab doctor`.")
            time.sleep(0.01)
        return dict(state)

    # --- what is known of the program ------------------------------------------------------------

    @property
    def exit_code(self) -> int | None:
        """How its first process ended, negative for a signal; None while it lives.

        Raises:
            EnvironmentProblem: the engine is gone, so nobody can know.
        """
        if self._lost is not None and self._exit is None:
            raise self._lost
        return self._exit

    def wait_exit(self, seconds: float) -> int | None:
        """The exit code as soon as there is one, or None when the time is over; raises like `exit_code`."""
        with self._news:
            self._news.wait_for(lambda: self._exit is not None or self._lost is not None, seconds)
        return self.exit_code

    def limit(self) -> Reason | None:
        """The resource limit that it ran into since its start."""
        if self._has_init and self._is_up and self._exit is None and not self._paused:
            self._command("HUP", {"limits"}, LIMITS_SECONDS)
        oom, pids = self._hits
        if oom:
            return Reason.OOM
        if pids:
            return Reason.PIDS
        return Reason.DISK_FULL if self._is_full() else None

    def _is_full(self) -> bool:
        """Whether a place that it may write to has no room left; unknown when the container's end took its tmpfs along."""
        if not self._is_up or self._paused:
            return False
        places = list(self.container.tmpfs)
        told = self.container.run_inside(["df", "-k", "--output=avail,iavail", *places])
        rooms = [line.split() for line in told.splitlines()[1:]]
        return any(
            int(kib) < LEAST_FREE_KIB or int(files) < LEAST_FREE_FILES
            for kib, files in (room for room in rooms if len(room) == 2)
            if kib.isdigit() and files.isdigit()
        )

    # --- what is done to it ----------------------------------------------------------------------

    def term(self) -> None:
        """Tell it to stop."""
        self.container.signal("SIGTERM")

    def kill(self) -> None:
        """End every process of it at once; returns when none is left."""
        if self._paused:
            self.resume()  # the engine signals no frozen container
        if self._has_init and self._is_up and self._command("SIGUSR1", {"killed"}, ANSWER_SECONDS):
            return
        if self._is_up:
            self.container.signal("SIGKILL")
            with self._news:
                if not self._news.wait_for(lambda: not self._is_up, ANSWER_SECONDS):
                    raise EnvironmentProblem("The Docker engine could not kill a container.", "See `lab doctor`.")

    def start_again(self) -> None:
        """After its end: in the same container, with the same address.

        Raises:
            EnvironmentProblem: it could not be started.
        """
        # What it writes may be read before the news of its start.
        self.listened_at = time.monotonic()
        with self._news:
            self._events.clear()
            is_up = self._is_up
        if not is_up:
            self._attach(self.container.id)
            self.container.start_again()
        elif self._has_init:
            with self._news:
                self._exit, self._hits = None, (0, 0)
            self.container.signal("SIGUSR2")
        self._await_start()

    def pause(self) -> None:
        """Freeze it; returns when it is."""
        self.container.pause()
        self._paused = True

    def resume(self) -> None:
        """Undo `pause`."""
        self.container.unpause()
        self._paused = False

    def close(self) -> None:
        """Remove the container."""
        self._closing = True
        self.container.remove()

    def _await_start(self) -> None:
        if self._has_init:
            with self._news:
                done = self._news.wait_for(
                    lambda: "started" in self._events or "not-started" in self._events or not self._is_up,
                    ANSWER_SECONDS,
                )
                why = self._events.get("not-started")
            if why is not None:
                raise CannotExecute(why)
            if not done:
                raise EnvironmentProblem("A container's program did not start in time.", "See `lab doctor`.")
        with self._news:
            if "started" not in self._events:
                # Without a word from inside, the engine's is all that there is; the program may have ended before it.
                self.started_at = time.monotonic() if self._exit is None else self.exited_at

    def _command(self, signal: str, answers: set[str], seconds: float) -> bool:
        with self._news:
            for answer in answers:
                self._events.pop(answer, None)
        self.container.signal(signal)
        with self._news:
            self._news.wait_for(lambda: bool(answers & self._events.keys()) or not self._is_up, seconds)
            return bool(answers & self._events.keys())
