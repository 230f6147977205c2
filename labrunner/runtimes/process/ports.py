"""Free TCP ports that stay free until the service binds them, also among several runs on one machine.

A port that the kernel hands out (bind to 0, then close) may be taken by any outgoing connection a moment later, and the
service would be blamed. So ports are taken from below the range of outgoing connections, and each is reserved by
holding the UDP port of the same number, which the service does not need.
"""

from __future__ import annotations

import random
import socket

from labrunner.errors import EnvironmentProblem

RANGE = range(20_000, 30_000)
"""Below every usual range for outgoing connections (Linux: from 32768, elsewhere: from 49152)."""
TRIES = 200


class Ports:
    """Reservations of one run.

    Args:
        host: the loopback address.
    """

    def __init__(self, host: str) -> None:
        self._host = host
        self._held: list[socket.socket] = []

    def reserve(self) -> int:
        """A port that nobody listens on, and that no other run is given.

        Raises:
            EnvironmentProblem: none is free.
        """
        for number in random.sample(RANGE, TRIES):
            held = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                held.bind((self._host, number))
                with socket.socket() as probe:
                    probe.bind((self._host, number))
            except OSError:
                held.close()
                continue
            self._held.append(held)
            return number
        raise EnvironmentProblem(
            f"No free port was found on {self._host} from {RANGE.start} to {RANGE.stop - 1}.", "End what uses them."
        )

    def close(self) -> None:
        """Give them all back."""
        for held in self._held:
            held.close()
