"""One running companion in a container.

Services reach it on their side's inner network. One with a control channel has a second leg, on the outer network, on
whose address alone that channel listens: from the inner network it cannot be reached.
"""

from __future__ import annotations

import dataclasses
import secrets
import time
from typing import TYPE_CHECKING, Any

from labrunner.errors import EnvironmentProblem
from labrunner.ports.companion import ControlFailed, Place
from labrunner.runtimes.control import Channel
from labrunner.runtimes.docker.container import CannotExecute, Plan
from labrunner.runtimes.docker.life import Life
from labrunner.runtimes.docker.profile import COMPANION
from labrunner.runtimes.docker.tenant import EVERYWHERE, INIT, LOOPBACK, POLL_PATIENCE, POLL_SECONDS, Tenant
from labrunner.runtimes.log import Log

if TYPE_CHECKING:
    from labrunner.ports.companion import CompanionKind
    from labrunner.runtimes.docker.engine import Engine
    from labrunner.runtimes.docker.forwarder import Slot
    from labrunner.runtimes.docker.labels import Run
    from labrunner.runtimes.docker.side import Side

READY_SECONDS = 20.0
"""No companion takes so long; a machine that is so slow can tell nothing of anybody."""
CONTROL_PORT = 9000
FOLDER = "/data"
_ENVIRONMENT = {"HOME": "/tmp", "TMPDIR": "/tmp", "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"}  # noqa: S108 - inside


class DockerCompanion(Tenant):
    """Satisfies `labrunner.ports.Companion`.

    Args:
        engine: where.
        run: bears its labels.
        side: whose network it is in.
        image: id of the image of its kind.
        kind: what it is.
        name: what messages call it, and its alias on the network.
        cpuset: which CPUs it may use; empty for any.
    """

    def __init__(
        self, engine: Engine, run: Run, side: Side, image: str, kind: CompanionKind, name: str, cpuset: str = ""
    ) -> None:
        self._kind = kind
        self._profile = dataclasses.replace(COMPANION, cpuset=cpuset)
        self._channel: Channel | None = None
        slot = side.take()
        self._outer_number = side.take_outer() if kind.is_controlled else 0
        log = Log(hide="/tmp/lab/")  # noqa: S108 - inside the container
        try:
            life = self._start(engine, run, side, slot, image, name, log)
        except CannotExecute as fault:
            self._give_back(side, slot)
            raise EnvironmentProblem(
                f"The companion '{name}' cannot be started: {fault}.", "See `lab doctor`, and the engine's log."
            ) from None
        except BaseException:
            self._give_back(side, slot)
            raise
        super().__init__(name, engine, side, slot, log, life)

    def _start(self, engine: Engine, run: Run, side: Side, slot: Slot, image: str, name: str, log: Log) -> Life:
        token = secrets.token_hex(16) if self._kind.is_controlled else ""
        control = f"{side.outer.host(self._outer_number)}:{CONTROL_PORT}" if token else ""
        place = Place(EVERYWHERE, slot.service_port, FOLDER, in_container=True, control=control, token=token)
        program = self._kind.program(place)
        inner = side.inner
        plan = Plan(
            image=image,
            command=[INIT, *program.argv],
            profile=self._profile,
            environment=_ENVIRONMENT | dict(program.environment),
            network=side.outer.name if token else inner.name,
            endpoint=side.outer.endpoint(self._outer_number) if token else inner.endpoint(slot.number, (name,)),
            ports={f"{CONTROL_PORT}/tcp": (LOOPBACK, None)} if token else {},
            workdir=FOLDER,
        )
        life = Life(engine, run, plan, log, has_init=True)
        if token:
            try:
                inner.connect(life.container.id, slot.number, (name,))
                published = life.container.published()
            except BaseException:
                life.close()
                raise
            self._channel = Channel(token, address=(LOOPBACK, published[CONTROL_PORT]))
        return life

    def _give_back(self, side: Side, slot: Slot) -> None:
        side.give_back(slot)
        if self._outer_number:
            side.give_back_outer(self._outer_number)

    @property
    def url(self) -> str:
        return self._kind.url(*self.address)

    def wait_ready(self) -> float:
        began = self._life.started_at
        give_up = began + READY_SECONDS
        while (left := give_up - time.monotonic()) > 0:
            if self.answers(min(POLL_PATIENCE, left)) and (self._channel is None or self._channel.wait(give_up)):
                return time.monotonic() - began
            if self._life.wait_exit(POLL_SECONDS) is not None:
                break
        words = " / ".join(self.last_words()[-3:])
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

    def start_again(self) -> None:
        try:
            super().start_again()
        except CannotExecute as fault:
            raise EnvironmentProblem(
                f"The companion '{self.name}' cannot be started again: {fault}.",
                "See `lab doctor`, and the engine's log.",
            ) from None

    def close(self) -> None:
        is_open = not self._closed
        super().close()
        if is_open and self._outer_number:
            self._side.give_back_outer(self._outer_number)
