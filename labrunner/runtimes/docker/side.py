"""One side of a run (the learner's, or the reference's): its two networks, and slots for its services."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from labrunner.errors import EnvironmentProblem
from labrunner.runtimes.docker import network
from labrunner.runtimes.docker.forwarder import Forwarder, Slot, Wish

if TYPE_CHECKING:
    from labrunner.runtimes.docker.engine import Engine
    from labrunner.runtimes.docker.labels import Run
    from labrunner.runtimes.docker.network import Subnet

SERVICE_PORT = 8000
SLOTS = 4
"""Of one forwarder. Each published port costs 7 ms at its start and 45 ms at its end."""
_FIRST_PLACE = 2
MOST_FORWARDERS = 24
_INNER_PLACES = 120
_FIRST_OUTER = _FIRST_PLACE + MOST_FORWARDERS
_OUTER_PLACES = 32
"""For companions with a control channel."""


class Side:
    """Networks and forwarders, made when they are needed; thread-safe.

    Args:
        engine: where.
        run: bears its labels.
        forwarder_image: id of the image `forwarder`.

    Raises:
        EnvironmentProblem: they cannot be made.
    """

    def __init__(self, engine: Engine, run: Run, forwarder_image: str) -> None:
        self._engine = engine
        self._run = run
        self._image = forwarder_image
        self._lock = threading.Lock()
        self._free: list[Slot] = []
        self._forwarders: list[Forwarder] = []
        self._made = 0
        self._places = iter(range(_FIRST_PLACE, _FIRST_PLACE + _INNER_PLACES))
        self._outer_places = list(range(_FIRST_OUTER, _FIRST_OUTER + _OUTER_PLACES))
        self._networks: list[Subnet] = []
        with ThreadPoolExecutor(2) as pool:
            futures = [pool.submit(make, engine, run) for make in (network.inner, network.outer)]
        # Both are looked at before the first fault is told: what could be made is to be removed again.
        self._networks = [future.result() for future in futures if future.exception() is None]
        try:
            for future in futures:
                future.result()
            self._free = self._forward([0] * SLOTS)
        except BaseException:
            self.close()
            raise

    @property
    def inner(self) -> Subnet:
        """The network that services are in."""
        return self._networks[0]

    @property
    def outer(self) -> Subnet:
        """The network that reaches the host's loopback."""
        return self._networks[1]

    def take_outer(self) -> int:
        """The number of an address on the outer network that nobody has.

        Raises:
            EnvironmentProblem: there is none any more.
        """
        with self._lock:
            if not self._outer_places:
                raise EnvironmentProblem("Too many companions run at once.", "Lower the number of jobs.")
            return self._outer_places.pop(0)

    def give_back_outer(self, number: int) -> None:
        """Whoever had that address is gone."""
        with self._lock:
            self._outer_places.append(number)

    def take(self, host_port: int = 0) -> Slot:
        """A slot that nobody has; with that port on the host, if one is asked for.

        Raises:
            EnvironmentProblem: no more can be made, or the port is taken.
        """
        with self._lock:
            if host_port:
                return self._forward([host_port])[0]
            if not self._free:
                self._free = self._forward([0] * SLOTS)
            return self._free.pop(0)

    def place(self) -> int:
        """Number of an address on the inner network that nobody else gets."""
        with self._lock:
            return next(self._places)

    def give_back(self, slot: Slot) -> None:
        """The service there is gone, its address free."""
        with self._lock:
            self._free.append(slot)

    def _forward(self, host_ports: list[int]) -> list[Slot]:
        if self._made >= MOST_FORWARDERS:
            raise EnvironmentProblem("Too many services run at once in one side of a run.", "Lower the number of jobs.")
        place = (next(self._places), _FIRST_PLACE + self._made)
        wishes = [Wish(next(self._places), port or SERVICE_PORT, port) for port in host_ports]
        self._made += 1
        inner, outer = self._networks
        forwarder = Forwarder(self._engine, self._run, self._image, (inner, outer), place, wishes)
        self._forwarders.append(forwarder)
        return forwarder.slots

    def close(self) -> None:
        """Remove all of it; every service must be gone by now."""
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(Forwarder.close, self._forwarders))
        self._forwarders = []
        networks, self._networks = self._networks, []
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(network.Subnet.remove, networks))
