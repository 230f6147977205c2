"""What runs beside the learner's service, for one check: Redis, PostgreSQL, a lab's own downstreams."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from labrunner.checks.diary import DIARY
from labrunner.checks.faults import Hurtable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labrunner.ports.suite import Bench


class Companion(Hurtable):
    """A running companion.

    Attributes:
        url: as a service of the learner's is told where it is, e.g. ``redis://host:port/0``.
        host: where services reach it.
        port: as `host`.
        client_address: host and port on loopback, as the grader reaches it.
    """

    def __init__(self, bench: Bench, told: Mapping[str, Any]) -> None:
        super().__init__(bench, told["name"])
        self.url: str = told["url"]
        self.host: str = told["address"][0]
        self.port: int = told["address"][1]
        self.client_address: tuple[str, int] = (told["client_address"][0], told["client_address"][1])

    def control(self, method: str, path: str, body: Any = None, *, timeout: float = 10.0) -> Any:
        """Tell or ask a lab's own companion something, over the channel that no service can use.

        Args:
            method: as its author's file knows it, e.g. ``POST``.
            path: as `method`.
            body: anything that is JSON.
            timeout: seconds; the answer may be one that is held back.
        """
        arguments = {"service": self.name, "method": method, "path": path, "body": body, "timeout": timeout}
        return _aside(self._bench, "control", arguments)["answer"]


class Companions:
    """Starts companions for one check; they end with it."""

    def __init__(self, bench: Bench, shared: Mapping[str, Any]) -> None:
        self._bench = bench
        self._shared = shared

    def start(self, name: str, *, settings: Mapping[str, Any] | None = None, behind_proxy: bool = False) -> Companion:
        """A fresh one, ready.

        Args:
            name: one of `companions` in ``lab.toml``.
            settings: for a lab's own, what its ``start`` is given.
            behind_proxy: whether services reach it through a fault proxy, which can delay, reset and lose what passes;
                without containers, cutting off takes one too.
        """
        return self.start_together(name, 1, settings=settings, behind_proxy=behind_proxy)[0]

    def start_together(
        self, name: str, count: int, *, settings: Mapping[str, Any] | None = None, behind_proxy: bool | int = False
    ) -> list[Companion]:
        """Several of one sort, started side by side; see `start`.

        Args:
            name: as there.
            count: how many.
            settings: as there, of each.
            behind_proxy: as there; a number means the first so many of them. A proxy is a process more.
        """
        arguments = {
            "name": name,
            "count": count,
            "settings": dict(settings or {}),
            "proxies": count if behind_proxy is True else int(behind_proxy),
        }
        return [Companion(self._bench, told) for told in _aside(self._bench, "companion", arguments)["started"]]

    def shared(self, name: str) -> Companion:
        """The one beside the run's shared service (``shared_companions``): to be told things, not to be hurt."""
        return Companion(self._bench, self._shared[name])


def _aside(bench: Bench, action: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Ask the runner for what is no evidence of the service's behaviour."""
    began = time.monotonic()
    try:
        return bench.call(action, arguments)
    finally:
        DIARY.note_aside(time.monotonic() - began)
