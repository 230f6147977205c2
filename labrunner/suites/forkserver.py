"""The pytest plugin inside the suite's child: collects once, then forks once per check.

A fork costs a millisecond where a fresh pytest costs half a second; a crash or a hang stays in its fork.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import random
import re
import signal
import socket
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from _pytest.runner import runtestprotocol

from labrunner.checks import Broken, Client, Companions, Exceeded, Failed, Service, Services, Undecided
from labrunner.checks.diary import DIARY
from labrunner.checks.load import Load, measured
from labrunner.model.effort import Effort
from labrunner.model.outcome import Attempt, Sight
from labrunner.rules import wire
from labrunner.rules.text import from_bytes, printable, storable
from labrunner.suites.blame import place, told
from labrunner.suites.channel import Channel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_FILE = re.compile(r"test_\d+_(\w+)\.py")
PR_SET_PDEATHSIG = 1
SHOWN_OUTPUT = 60
"""Bytes of what a check wrote to its output that its author is shown."""


@dataclass(frozen=True, slots=True)
class Context:
    """What the fixtures of one try are made from."""

    channel: Channel
    seed: str
    service: dict[str, Any]
    effort: Effort

    @classmethod
    def of(cls, channel: Channel, seed: str, order: Mapping[str, Any]) -> Context:
        """Of what the runner asks for, in a run with that seed."""
        own = f"{seed}/{order['run']}/{order['attempt']}"
        return cls(channel, own, order["service"], Effort(order["effort"]))

    def call(self, action: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Ask the runner; satisfies `labrunner.ports.suite.Bench`."""
        self.channel.send({"call": action, "arguments": dict(arguments)})
        told: dict[str, Any] = wire.decode(next(self.channel.lines()), dict)
        if "undecided" in told:
            raise Undecided(told["undecided"])
        if "error" in told:
            raise RuntimeError(f"the runner could not {action}: {told['error']}")
        return told


CONTEXT = pytest.StashKey[Context]()
AGENT = pytest.StashKey[str]()


class ForkServer:
    """Serves ``run`` lines from the runner.

    Args:
        channel: to the runner.
        seed: of the run; without a meaning when the child is kept.
        graders: folders of the checks: the lab's, then those of a pack that extends it.
        choose: set when the child is kept for many runs: the environment for a seed.

    Attributes:
        served: whether collection succeeded and the runner was told so.
        complaint: why it did not.
    """

    def __init__(
        self,
        channel: Channel,
        seed: str,
        graders: list[str],
        choose: Callable[[str], dict[str, dict[str, str]]] | None = None,
    ) -> None:
        self._channel = channel
        self._seed = seed
        self._graders = [Path(folder) for folder in graders]
        self._choose = choose
        self._raised: pytest.ExceptionInfo[BaseException] | None = None
        self.served = False
        self.complaint = ""

    # -- pytest's hooks -----------------------------------------------------------------------------------------

    def pytest_exception_interact(
        self, call: pytest.CallInfo[Any], report: pytest.CollectReport | pytest.TestReport
    ) -> None:
        """Remember why a grader file cannot be collected."""
        if isinstance(report, pytest.CollectReport) and call.excinfo is not None:
            self.complaint += told(call.excinfo.value, self._graders)

    def pytest_internalerror(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Also when it exits the interpreter, which pytest takes for a fault of its own."""
        if not self.served:
            self.complaint += told(excinfo.value, self._graders)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Instead of running everything here: serve."""
        if session.testsfailed:
            return True
        items = {check_id(item): item for item in session.items}
        self.served = True
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        if self._choose is not None:
            self._keep(items, self._choose)
        else:
            self._channel.send({"collected": sorted(items)})
            self._serve(items)
        return True

    def _keep(self, items: dict[str, pytest.Item], choose: Callable[[str], dict[str, dict[str, str]]]) -> None:
        """Serve many runs: a fork with seed, folder and channel of its own for each."""
        self._channel.send({"collected": sorted(items)})
        for line in self._channel.lines():
            order: dict[str, Any] = wire.decode(line, dict)
            descriptor = self._channel.take_descriptor()
            if os.fork() == 0:
                with contextlib.suppress(BaseException):
                    self._become_a_run(order, descriptor)
                    try:
                        self._channel.send(choose(self._seed))
                        self._channel.send({"collected": sorted(items)})
                    except Exception as fault:  # noqa: BLE001 - the grader's author is told
                        self._channel.send({"broken": told(fault, self._graders)})
                    self._serve(items)
                os._exit(0)
            os.close(descriptor)

    def _become_a_run(self, order: dict[str, Any], descriptor: int) -> None:
        os.setsid()
        _die_with_parent()
        self._channel.close_untaken()
        self._channel.close()
        self._channel = Channel(socket.socket(fileno=descriptor))
        self._seed = order["seed"]
        os.chdir(order["work"])
        os.environ["HOME"] = os.environ["TMPDIR"] = tempfile.tempdir = order["work"]
        log = os.open("suite.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.close(log)
        self._channel.send({"pid": os.getpid()})

    def _serve(self, items: dict[str, pytest.Item]) -> None:
        for line in self._channel.lines():
            order: dict[str, Any] = wire.decode(line, dict)
            descriptor = self._channel.take_descriptor()
            if os.fork() == 0:
                self._run_forked(items[order["run"]], order, descriptor)
            os.close(descriptor)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
        """Keep the first exception of a check, its class included."""
        if call.excinfo is not None and self._raised is None:
            self._raised = call.excinfo

    # -- fixtures -----------------------------------------------------------------------------------------------

    @pytest.fixture
    def service(self, request: pytest.FixtureRequest) -> Service:
        """The run's shared service."""
        context = request.config.stash[CONTEXT]
        told = context.service
        return Service(context, told["name"], told["url"], dict(told["env"]), request.config.stash[AGENT])

    @pytest.fixture
    def services(self, request: pytest.FixtureRequest) -> Services:
        """Starts further instances, for this check alone."""
        context = request.config.stash[CONTEXT]
        return Services(context, dict(context.service["env"]), request.config.stash[AGENT])

    @pytest.fixture
    def companions(self, request: pytest.FixtureRequest) -> Companions:
        """Starts companions, for this check alone."""
        context = request.config.stash[CONTEXT]
        return Companions(context, context.service.get("companions", {}))

    @pytest.fixture
    def load(self, request: pytest.FixtureRequest) -> Load:
        """The run's load measurement, made when the first check asks for it."""
        return measured(request.config.stash[CONTEXT])

    @pytest.fixture
    def client(self, service: Service) -> Iterator[Client]:
        """A recorded HTTP client of the shared service."""
        client = service.client()
        yield client
        client.close()

    @pytest.fixture
    def rng(self, request: pytest.FixtureRequest) -> random.Random:
        """The only source of random choices: repeatable by the run's seed."""
        return random.Random(request.config.stash[CONTEXT].seed)

    @pytest.fixture
    def effort(self, request: pytest.FixtureRequest) -> Effort:
        """How hard to look, where a check can look harder."""
        return request.config.stash[CONTEXT].effort

    # -- one check ----------------------------------------------------------------------------------------------

    def _run_forked(self, item: pytest.Item, order: dict[str, Any], descriptor: int) -> None:
        """In the fork; never returns."""
        code = 1
        with contextlib.suppress(BaseException):
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _die_with_parent()
            self._channel.close_untaken()
            self._channel.close()
            channel = Channel(socket.socket(fileno=descriptor))
            channel.send({"pid": os.getpid()})
            item.config.stash[CONTEXT] = Context.of(channel, self._seed, order)
            # One client profile for the whole run, another in the next: nothing to tell a grader by.
            item.config.stash[AGENT] = f"lab/{random.Random(f'{self._seed}/agent').randrange(1000)}"
            channel.send({"attempt": self._attempt(item)})
            code = 0
        os._exit(code)

    def _attempt(self, item: pytest.Item) -> Attempt:
        began = time.monotonic()
        with _overheard() as output:
            runtestprotocol(item, nextitem=None, log=False)
        return self.attempt(began, "".join(output))

    def attempt(self, began: float, printed: str = "") -> Attempt:
        """What the check that ran in this process saw."""
        raised = self._raised.value if self._raised else None
        facts: dict[str, Any] = {
            "started": began,
            "ended": time.monotonic(),
            "exchanges": DIARY.exchanges,
            "waited": DIARY.waited,
            "answering": DIARY.answering,
            "margin": DIARY.margin,
            "histories": DIARY.histories,
            "unknown": DIARY.unknown,
            "printed": printed,
            "recovery": DIARY.recovery,
            "review": tuple(DIARY.review),
        }
        return _judged(raised, facts, self._graders)


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


@contextlib.contextmanager
def _overheard() -> Iterator[list[str]]:
    """What this process writes to its output meanwhile, safe to show, cut short; known at the exit."""
    heard: list[str] = []
    with tempfile.TemporaryFile() as file:
        for descriptor in (1, 2):
            os.dup2(file.fileno(), descriptor)
        yield heard
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        file.seek(0)
        heard.append(printable(from_bytes(file.read(), SHOWN_OUTPUT)))


def _judged(raised: BaseException | None, facts: dict[str, Any], graders: list[Path]) -> Attempt:
    match raised:
        case None:
            return Attempt(Sight.PASSED, **facts)
        case Exceeded():
            return Attempt(
                Sight.EXCEEDED, reason=raised.reason, failure=raised.failure, deadline=raised.deadline, **facts
            )
        case Broken():
            return Attempt(
                Sight.BROKEN, reason=raised.reason, failure=raised.failure, deadline=raised.deadline, **facts
            )
        case Failed():
            return Attempt(Sight.FAILED, reason=raised.reason, failure=raised.failure, **facts)
        case Undecided():
            return Attempt(Sight.UNDECIDED, note=storable(str(raised)), **facts)
        case _:
            trace = "".join(traceback.format_exception(raised))
            where = place(raised, graders)
            first = f"the check raised {type(raised).__name__}: {raised}" + (f" ({where})" if where else "")
            note = storable(f"{first}\n{trace}")
            return Attempt(Sight.ERRORED, note=note, **facts)


def check_id(item: pytest.Item) -> str:
    """``stage/slug`` of the function ``test_<slug>`` in ``test_NN_<stage>.py``."""
    return f"{stage_of(item.path)}/{item.name.removeprefix('test_').replace('_', '-')}"


def stage_of(path: Path) -> str:
    """The slug of the stage whose checks the file ``test_NN_<stage>.py`` holds."""
    named = _FILE.fullmatch(path.name)
    return (named[1] if named else path.stem).replace("_", "-")
