"""Services that a check asks the runner for, and the faults that it lets them suffer."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labrunner.checks.connection import Connection
from labrunner.checks.diary import DIARY
from labrunner.checks.faults import Hurtable, timed_call
from labrunner.checks.http import Client
from labrunner.checks.verdicts import undecided

if TYPE_CHECKING:
    from labrunner.ports.suite import Bench


@dataclass(frozen=True, slots=True)
class Exit:
    """How a service ended after SIGTERM.

    Attributes:
        code: exit status, negative for a signal; None when it had to be killed.
        seconds: how long it took.
    """

    code: int | None
    seconds: float


class Service(Hurtable):
    """A running instance of the learner's service.

    Attributes:
        url: ``http://host:port``.
        env: the lab's variables in its environment.
        user_agent: the client profile of this run.
    """

    def __init__(self, bench: Bench, name: str, url: str, env: dict[str, str], user_agent: str = "lab") -> None:
        super().__init__(bench, name)
        self.user_agent = user_agent
        self.url = url
        self.env = env

    def client(self) -> Client:
        """A new recorded client, with a connection of its own."""
        return Client(self.url, self.name, self.user_agent)

    def stop(self, within: float) -> Exit:
        """SIGTERM; after `within` seconds SIGKILL."""
        told = self._do("stop", within=within)
        DIARY.note_deadline(told["seconds"], within)
        return Exit(told["code"], told["seconds"])

    def memory(self) -> int:
        """Bytes of resident memory that its processes have together.

        Raises:
            Undecided: nobody can tell on this machine.
        """
        return self._bytes("memory", "the memory of a process cannot be measured on this machine")

    def stored(self) -> int:
        """Bytes of all files below the service's ``DATA_DIR``.

        Raises:
            Undecided: they cannot be counted (an image of the learner's own has no tool for it).
        """
        return self._bytes("stored", "the files below DATA_DIR cannot be counted in this image")

    def _bytes(self, what: str, why_not: str) -> int:
        told: int | None = self._do(what)["bytes"]
        if told is None:
            undecided(why_not)
        return told

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


class Services:
    """Starts further instances for one check; they end with it."""

    def __init__(self, bench: Bench, shared: dict[str, str], user_agent: str = "lab") -> None:
        self._bench = bench
        self._shared = shared
        self._user_agent = user_agent

    def start(self, env: dict[str, str] | None = None, *, behind_proxy: bool = False) -> Service:
        """Another instance, ready to be asked.

        Args:
            env: the lab's variables; None for those of the run's shared service.
            behind_proxy: whether the grader reaches it through a fault proxy, which can delay, reset and lose what
                passes; without containers, cutting off takes one too.
        """
        return self.start_together([env], behind_proxy=behind_proxy)[0]

    def start_together(self, envs: list[dict[str, str] | None], *, behind_proxy: bool = False) -> list[Service]:
        """Several instances, one for each of `envs`, started side by side; see `start`."""
        environments = [dict(self._shared if env is None else env) for env in envs]
        told = timed_call(self._bench, "start", {"envs": environments, "behind_proxy": behind_proxy})
        for each in told["started"]:
            DIARY.note_deadline(each["ready"], each["within"])
        return [
            Service(self._bench, each["name"], each["url"], environment, self._user_agent)
            for each, environment in zip(told["started"], environments, strict=True)
        ]
