"""What runs beside the learner's service: Redis, PostgreSQL, a lab's own downstreams."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from labrunner.ports.target import Target

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Place:
    """Where a companion is about to run, as its own process sees it.

    Attributes:
        host: the address to listen on.
        port: where services reach it.
        folder: its own, and the only one that it may write to.
        in_container: whether it runs in the image of its kind, or with what this machine has.
        user: uid that it will run as when that is not our own.
        cache: a folder for what is made once and used by many; outside of containers only.
        control: where its control channel is: a path of a Unix socket, or ``host:port``; empty for none.
        token: what a request over that channel must bear.
    """

    host: str
    port: int
    folder: str
    in_container: bool
    user: int | None = None
    cache: str = ""
    control: str = ""
    token: str = ""


@dataclass(frozen=True, slots=True)
class Program:
    """What is started."""

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


class CompanionKind(Protocol):
    """A sort of companion, the same for either runtime."""

    @property
    def name(self) -> str:
        """As ``lab.toml`` calls it."""

    @property
    def image(self) -> str:
        """The recipe of the image that it runs in."""

    @property
    def is_controlled(self) -> bool:
        """Whether it has a control channel, which no service of the learner's can use."""

    @property
    def refuses_root(self) -> bool:
        """Whether its program must not be started by root."""

    def program(self, place: Place) -> Program:
        """What to start there.

        Raises:
            EnvironmentProblem: outside of a container: this machine lacks its program.
        """

    def url(self, host: str, port: int) -> str:
        """As a service is told where it is."""

    def answers(self, host: str, port: int, timeout: float) -> bool:
        """Whether it completes a round trip now; takes `timeout` seconds at the most."""


class Companion(Target, Protocol):
    """One running companion. Its addresses stay the same over every fault."""

    @property
    def url(self) -> str:
        """As a service is told where it is."""

    def wait_ready(self) -> float:
        """Wait for its first round trip; return the seconds since its (re)start.

        Raises:
            EnvironmentProblem: there is none in time, with its last words.
        """

    def control(self, method: str, path: str, body: Any = None, timeout: float = 10.0) -> Any:
        """Tell or ask it something over its control channel, in JSON.

        Raises:
            CannotTell: it does not answer in time, as on a busy machine.
            ControlFailed: it has no such channel, or refuses, or is not there.
        """


class ControlFailed(Exception):
    """A companion cannot be told what it should be told: its author's fault, never the learner's."""


class Companions(Protocol):
    """Finds the kinds that a lab may start."""

    def kind(self, name: str, settings: Mapping[str, Any]) -> CompanionKind:
        """The kind of that name.

        Args:
            name: as ``lab.toml`` has it.
            settings: for a lab's own companion, what its `start` is given.

        Raises:
            LookupError: ``lab.toml`` does not name it.
        """

    def proxy(self, target: tuple[str, int], behind: CompanionKind | None, ready: str) -> CompanionKind:
        """A fault proxy.

        Args:
            target: address of what is behind it, as services see it.
            behind: the kind of that; None for a service of the learner's.
            ready: of such a service: target of a GET that it answers.
        """

    def variable(self, name: str) -> str:
        """The variable that tells a service its URL, e.g. ``REDIS_URL``."""
