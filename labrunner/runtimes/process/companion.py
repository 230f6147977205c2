"""One running companion on loopback."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from labrunner.errors import EnvironmentProblem
from labrunner.ports.companion import ControlFailed
from labrunner.runtimes.process.program import NotExecutable, ProcessProgram

if TYPE_CHECKING:
    from labrunner.ports.companion import CompanionKind
    from labrunner.runtimes.control import Channel
    from labrunner.runtimes.process.program import Launch
    from labrunner.runtimes.process.supervised import Supervised

READY_SECONDS = 20.0
"""No companion takes so long; a machine that is so slow can tell nothing of anybody."""
POLL_SECONDS = 0.005
PATIENCE = 1.0


class ProcessCompanion(ProcessProgram):
    """Satisfies `labrunner.ports.Companion`.

    Args:
        kind: what it is.
        channel: its control channel, if it has one.
        launch: what to start.
        supervised: as for services.
    """

    def __init__(self, kind: CompanionKind, channel: Channel | None, launch: Launch, supervised: Supervised) -> None:
        self._kind = kind
        self._channel = channel
        super().__init__(launch, supervised)

    @property
    def url(self) -> str:
        return self._kind.url(*self.address)

    def _start(self) -> None:
        try:
            super()._start()
        except NotExecutable as fault:
            raise EnvironmentProblem(
                f"The companion '{self.name}' cannot be started: {fault}.", "See `lab doctor` for what is lacking here."
            ) from None

    def wait_ready(self) -> float:
        give_up = self._started_at + READY_SECONDS
        while (left := give_up - time.monotonic()) > 0:
            if self.answers(min(PATIENCE, left)) and (self._channel is None or self._channel.wait(give_up)):
                return time.monotonic() - self._started_at
            if self._supervised.wait_exit(POLL_SECONDS) is not None:
                break
        words = " / ".join(self.log(self._first_words, time.monotonic())[-3:])
        raise EnvironmentProblem(
            f"The companion '{self.name}' did not become ready: {words or 'it said nothing'}",
            "Try again when the machine is quiet; `lab doctor` says what it lacks.",
        )

    def answers(self, timeout: float) -> bool:
        return self._kind.answers(*self.client_address, timeout)

    def control(self, method: str, path: str, body: Any = None, timeout: float = 10.0) -> Any:
        if self._channel is None:
            raise ControlFailed(f"the companion '{self.name}' has no control channel")
        return self._channel.ask(method, path, body, timeout)
