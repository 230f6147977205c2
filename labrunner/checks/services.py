"""Services that a check asks the runner for, and the faults that it lets them suffer."""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from labrunner.checks.connection import Connection
from labrunner.checks.diary import DIARY
from labrunner.checks.http import Client
from labrunner.checks.verdicts import Exceeded, Failed
from labrunner.model.outcome import Failure
from labrunner.model.status import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping


class Bench(Protocol):
    """The channel to the runner."""

    def call(self, action: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Ask, and wait for the answer."""


@dataclass(frozen=True, slots=True)
class Exit:
    """How a service ended after SIGTERM.

    Attributes:
        code: exit status, negative for a signal; None when it had to be killed.
        seconds: how long it took.
    """

    code: int | None
    seconds: float


class Service:
    """A running instance of the learner's service.

    Attributes:
        url: ``http://host:port``.
        env: the lab's variables in its environment.
    """

    def __init__(self, bench: Bench, name: str, url: str, env: dict[str, str], user_agent: str = "lab") -> None:
        self._bench = bench
        self._user_agent = user_agent
        self.name = name
        self.url = url
        self.env = env

    def client(self) -> Client:
        """A new recorded client, with a connection of its own."""
        return Client(self.url, self.name, self._user_agent)

    def stop(self, within: float) -> Exit:
        """SIGTERM; after `within` seconds SIGKILL."""
        told = self._do("stop", within=within)
        DIARY.note_deadline(told["seconds"], within)
        return Exit(told["code"], told["seconds"])

    def kill(self) -> None:
        """SIGKILL to every process of it; returns when none is left."""
        self._do("kill")

    def restart(self) -> None:
        """Start it again at the same address after `kill` or `stop`, and wait until it is ready."""
        self._do("restart")

    def pause(self) -> None:
        """Stop every process of it; returns when that is confirmed."""
        self._do("pause")

    def resume(self) -> None:
        """Undo `pause`."""
        self._do("resume")

    def connect(self) -> Connection:
        """A connection of its own, to speak bytes."""
        return Connection(self.url, self.name)

    def put_data(self, path: str, content: bytes) -> None:
        """Write a file below the service's ``DATA_DIR``, which the service may read and write."""
        self._do("put-data", path=path, content=base64.b64encode(content).decode())

    def link_data(self, path: str, target: str) -> None:
        """Make a symbolic link at `path`, to `target`; both below ``DATA_DIR``."""
        self._do("link-data", path=path, target=target)

    def read_data(self, path: str) -> bytes | None:
        """A file below ``DATA_DIR``; None when there is none."""
        content = self._do("read-data", path=path)["content"]
        return None if content is None else base64.b64decode(content)

    def _do(self, action: str, **arguments: Any) -> dict[str, Any]:
        return _timed_call(self._bench, action, {"service": self.name, **arguments})


class Services:
    """Starts further instances for one check; they end with it."""

    def __init__(self, bench: Bench, shared: dict[str, str], user_agent: str = "lab") -> None:
        self._bench = bench
        self._shared = shared
        self._user_agent = user_agent

    def start(self, env: dict[str, str] | None = None) -> Service:
        """Another instance, ready to be asked.

        Args:
            env: the lab's variables; None for those of the run's shared service.
        """
        environment = dict(self._shared if env is None else env)
        told = _timed_call(self._bench, "start", {"env": environment})
        if "ready" in told:
            DIARY.note_deadline(told["ready"], told["within"])
        return Service(self._bench, told["name"], told["url"], environment, self._user_agent)


def _timed_call(bench: Bench, action: str, arguments: dict[str, Any]) -> dict[str, Any]:
    began = time.monotonic()
    try:
        told = bench.call(action, arguments)
    finally:
        DIARY.note_service(time.monotonic() - began)
    if refusal := told.get("not_started"):
        failure = Failure(refusal["expected"], refusal["got"], refusal["why"], log=tuple(refusal["log"]))
        reason = Reason(refusal["reason"])
        if refusal["deadline"] is not None:
            raise Exceeded(failure, refusal["deadline"], reason)
        raise Failed(failure, reason)
    return told
