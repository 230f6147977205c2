"""A program in a container on a side's inner network: its address, its log, the faults that it can suffer."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from labrunner.errors import EnvironmentProblem
from labrunner.runtimes import readiness

if TYPE_CHECKING:
    from collections.abc import Callable

    from labrunner.runtimes.docker.engine import Engine
    from labrunner.runtimes.docker.forwarder import Slot
    from labrunner.runtimes.docker.life import Life
    from labrunner.runtimes.docker.side import Side
    from labrunner.runtimes.log import Log

LOOPBACK = "127.0.0.1"
EVERYWHERE = "0.0.0.0"  # noqa: S104 - inside the container, on a network of its own
LOG_LAG = 0.1
LAST_WORDS_SECONDS = 0.8
"""For words that came with the end; who ends without any is waited for so long."""
"""Seconds that a line may take from the program's write to our read."""
INIT = "/opt/lab/lab-init"
POLL_SECONDS = 0.005
POLL_PATIENCE = 1.0
"""Seconds that one readiness question may take; a hanging answer must not use up the whole deadline."""


class Tenant:
    """What services and companions have in common; satisfies `labrunner.ports.Target` but for `answers`.

    Args:
        name: what messages call it.
        engine: where.
        side: whose network it is in.
        slot: its address; given back at its end.
        log: what it writes.
        life: of its program.
    """

    def __init__(self, name: str, engine: Engine, side: Side, slot: Slot, log: Log, life: Life) -> None:
        self._name = name
        self._engine = engine
        self._side = side
        self._slot = slot
        self._log = log
        self._life = life
        self._closed = False

    @property
    def name(self) -> str:
        return self._name

    @property
    def address(self) -> tuple[str, int]:
        return self._side.inner.host(self._slot.number), self._slot.service_port

    @property
    def client_address(self) -> tuple[str, int]:
        return LOOPBACK, self._slot.host_port

    @property
    def container_id(self) -> str:
        """For tests and diagnosis."""
        return self._life.container.id

    def epitaph(self) -> str | None:
        code = self._life.exit_code
        return None if code is None else readiness.describe_exit(code)

    def log(self, since: float, until: float) -> tuple[str, ...]:
        return self._log.between(since, until + LOG_LAG)

    def last_words(self) -> tuple[str, ...]:
        """After its end. They come through another pipe of the engine than the news of the end, and may come after it."""
        time.sleep(LOG_LAG)
        give_up = self._life.exited_at + LAST_WORDS_SECONDS
        while not (words := self.log(self._life.listened_at, time.monotonic())) and time.monotonic() < give_up:
            time.sleep(POLL_SECONDS)
        return words

    def follow(self, listener: Callable[[str], None]) -> None:
        self._log.follow(listener)

    def kill(self) -> None:
        self._life.kill()

    def start_again(self) -> None:
        self._life.start_again()

    def pause(self) -> None:
        self._life.pause()
        if not self._life.container.inspect()["State"]["Paused"]:
            raise EnvironmentProblem(f"The Docker engine did not pause '{self.name}'.", "See the engine's log.")

    def resume(self) -> None:
        self._life.resume()

    def cut(self) -> None:
        self._side.inner.disconnect(self.container_id)
        if self._is_connected():
            raise EnvironmentProblem(f"The Docker engine did not cut '{self.name}' off.", "See the engine's log.")

    def mend(self) -> None:
        if not self._is_connected():
            self._side.inner.connect(self.container_id, self._slot.number, (self.name,))

    def _is_connected(self) -> bool:
        return self._side.inner.name in self._life.container.inspect()["NetworkSettings"]["Networks"]

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._life.close()
            self._side.give_back(self._slot)
