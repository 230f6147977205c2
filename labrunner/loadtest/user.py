"""What a lab's ``load.py`` is written with: a Locust user on a raw keep-alive connection.

    from labrunner.loadtest.user import RawUser, Request, get

    class Reader(RawUser):
        answers = frozenset({200})

        @classmethod
        def plan(cls, environment, rng, agent):
            while True:
                yield Request("things", 0, get(f"/things/{rng.randrange(100)}", agent))

        @classmethod
        def read(cls, request, status, body):
            return 0 if body == b"expected" else None

One plan is shared by all users, so that several may work on one thing at once. `read` is called after the measurement,
on each answer of the solution: the number that it returns is kept for the judge; None says that the answer is wrong.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, ClassVar

import gevent
from locust import User, constant, task

from labrunner.loadtest.connection import Connection, Malformed, Unanswered
from labrunner.loadtest.exchange import UNKNOWN, WRONG, Exchange, Request

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Mapping

    from labrunner.loadtest.windows import Driver

REFUSED_PAUSE = 0.02
__all__ = ["RawUser", "Request", "get"]

_NO_CONTEXT: dict[str, Any] = {}


def get(target: str, agent: str, fields: str = "") -> bytes:
    """A GET request.

    Args:
        target: path and query.
        agent: the run's User-Agent.
        fields: further ones, each ending in CR LF.
    """
    return f"GET {target} HTTP/1.1\r\nHost: lab\r\nUser-Agent: {agent}\r\nAccept: */*\r\n{fields}\r\n".encode("latin-1")


class RawUser(User):
    """A Locust user that asks as fast as it is answered, or as the schedule says.

    Attributes:
        answers: statuses that count as work done; others are no capacity.
        driver: tells when to ask; set by the child.
    """

    abstract = True
    wait_time = constant(0)
    answers: ClassVar[frozenset[int]] = frozenset({200})
    driver: ClassVar[Driver]

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._connections: dict[str, Connection] = {}
        self._fire = self.environment.events.request.fire

    @classmethod
    def plan(cls, environment: Mapping[str, str], rng: random.Random, agent: str) -> Iterator[Request]:
        """Requests without end, for one side.

        Args:
            environment: the variables of both services.
            rng: the same for both sides.
            agent: the run's User-Agent.
        """
        raise NotImplementedError

    @classmethod
    def read(cls, request: Request, status: int, body: bytes) -> int | None:
        """What the judge wants to know of an answer; None when it is wrong in itself."""
        raise NotImplementedError

    @task
    def work(self) -> None:
        """One window: wait for it to open, take part, leave."""
        window = self.driver.enter()
        try:
            window.drive(self)
        finally:
            window.leave()

    def connection(self, side: str, address: tuple[str, int]) -> Connection:
        """This user's connection to a side."""
        if side not in self._connections:
            self._connections[side] = Connection(address)
            self.driver.connections.append(self._connections[side])
        self._connections[side].freshen()
        return self._connections[side]

    def ask(self, connection: Connection, request: Request, due: float = 0.0, was_waiting: bool = False) -> None:
        """Send one request, wait for its answer, and tell Locust's listeners."""
        problem: Exception | None = None
        sent = time.monotonic()
        try:
            status, body = connection.ask(request.data)
        except Unanswered as fault:
            status, body, problem = UNKNOWN, str(fault).encode(), fault
            gevent.sleep(REFUSED_PAUSE)
        except Malformed as fault:
            status, body, problem = WRONG, str(fault).encode(), fault
        answered = time.monotonic()
        self._fire(
            request_type="GET",
            name="",
            response_time=(answered - sent) * 1e3,
            response_length=len(body),
            exception=problem,
            context=_NO_CONTEXT,
            exchange=Exchange(request, sent, answered, status, body, due, was_waiting),
        )
