"""Joins the inner network to the host's loopback: HAProxy in TCP mode, which passes bytes on and looks at none.

Each forwarder has a few slots. A slot is an address on the inner network and a port on the host's loopback, both
fixed for the forwarder's life, so that a service keeps its address over every fault. The proxy listens on its outer
address only: on the learner's side nothing of it can be reached.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labrunner.runtimes.docker.container import Container, Plan
from labrunner.runtimes.docker.profile import FORWARDER

if TYPE_CHECKING:
    from labrunner.runtimes.docker.engine import Engine
    from labrunner.runtimes.docker.labels import Run
    from labrunner.runtimes.docker.network import Subnet

FIRST_PORT = 8001
"""Of a forwarder's own ports, inside its container."""
_CONFIGURATION = """\
global
    maxconn 4000
    nbthread 1
defaults
    mode tcp
    maxconn 4000
    retries 0
    timeout connect 250ms
    timeout client 1h
    timeout server 1h
"""
_SLOT = """\
listen slot-{number}
    bind {outer}:{port}
    server service {inner}:{service}
"""
_START = 'printf %s "$HAPROXY" > /tmp/haproxy.cfg && exec haproxy -db -f /tmp/haproxy.cfg'


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for one service.

    Attributes:
        number: of its address on the inner network.
        service_port: where the service must listen.
        host_port: where the grader reaches it, on loopback.
    """

    number: int
    service_port: int
    host_port: int


@dataclass(frozen=True, slots=True)
class Wish:
    """A slot to be: the host's port is 0 for any."""

    number: int
    service_port: int
    host_port: int = 0


class Forwarder:
    """One proxy container.

    Args:
        engine: where.
        run: bears its labels.
        image: id of the image `forwarder`.
        networks: inner and outer.
        place: number of its addresses on both.
        wishes: its slots.

    Raises:
        EnvironmentProblem: it cannot be started.
    """

    def __init__(
        self,
        engine: Engine,
        run: Run,
        image: str,
        networks: tuple[Subnet, Subnet],
        place: tuple[int, int],
        wishes: list[Wish],
    ) -> None:
        self._inner, self._outer = networks
        ports = {wish.number: FIRST_PORT + index for index, wish in enumerate(wishes)}
        plan = Plan(
            image=image,
            command=["sh", "-c", _START],
            profile=FORWARDER,
            environment={"HAPROXY": self._configuration(wishes, ports, self._outer.host(place[1]))},
            network=self._outer.name,
            endpoint=self._outer.endpoint(place[1]),
            ports={f"{ports[wish.number]}/tcp": ("127.0.0.1", wish.host_port or None) for wish in wishes},
        )
        self._container = Container(engine, run, plan)
        self._container.start()
        try:
            self._inner.connect(self._container.id, place[0])
            published = self._container.published()
        except BaseException:
            self._container.remove()
            raise
        self.slots = [Slot(wish.number, wish.service_port, published[ports[wish.number]]) for wish in wishes]

    def _configuration(self, wishes: list[Wish], ports: dict[int, int], outer: str) -> str:
        slots = [
            _SLOT.format(
                number=wish.number,
                outer=outer,
                port=ports[wish.number],
                inner=self._inner.host(wish.number),
                service=wish.service_port,
            )
            for wish in wishes
        ]
        return "".join([_CONFIGURATION, *slots])

    def close(self) -> None:
        """Remove it."""
        self._container.remove()
