"""The load generator: Locust without its web page, told what to do by JSON lines on standard input.

Orders: ``prepare``, ``window`` (closed loop), ``schedule`` (open), ``trace``; each is answered by one line. The end of
the input ends the process at once.
"""

from __future__ import annotations

import gc
import itertools
import json
import os
import random
import statistics
import time
import traceback
import types
from typing import TYPE_CHECKING, Any

import gevent
from gevent.os import make_nonblocking, nb_read
from locust.env import Environment
from locust.event import EventHook

from labrunner.loadtest.recording import Recorder, trace
from labrunner.loadtest.user import RawUser
from labrunner.loadtest.windows import Closed, Driver, Scheduled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labrunner.loadtest.exchange import Exchange, Request

KEPT_SIDE = "learner"
"""Whose requests are kept for the judge."""


class Generator:
    """One lab's load.

    Args:
        order: ``source`` of the lab's ``load.py``, ``environment``, ``seed``, ``agent``, ``users``, and ``sides`` (name to
            host and port).
    """

    def __init__(self, order: dict[str, Any]) -> None:
        self._user = _user_of(order["source"])
        self._sides = {name: (host, port) for name, (host, port) in order["sides"].items()}
        seed, environment, agent = order["seed"], order["environment"], order["agent"]
        self._plans: dict[str, Iterator[Request]] = {
            side: self._user.plan(environment, random.Random(f"{seed}/load"), agent) for side in self._sides
        }
        self._recorder = Recorder()
        self._driver = Driver(order["users"])
        self._user.driver = self._driver
        locust = Environment(user_classes=[self._user])
        runner = locust.create_local_runner()
        # Locust's own statistics listen too and cost a fifth of the generator; ours are made of the same events.
        locust.events.request = hook = EventHook()  # type: ignore[no-untyped-call] # Locust's
        hook.add_listener(self._recorder.listen)  # type: ignore[no-untyped-call]
        runner.start(order["users"], spawn_rate=order["users"])
        self._driver.gather()

    def window(self, order: dict[str, Any]) -> dict[str, Any]:
        """One window of the closed loop on ``side``, of so many ``seconds``, the first ``ramp`` of them dropped."""
        side = order["side"]
        window = Closed(side, self._sides[side], self._plans[side], order["seconds"])
        self._recorder.begin()
        self._driver.run(window)
        exchanges = self._recorder.end(is_kept=side == KEPT_SIDE)
        since = window.began + order["ramp"]
        good = self._user.answers
        counted = [
            each.answered - each.sent
            for each in exchanges
            if each.status in good and since <= each.answered <= window.ended
        ]
        return {
            "answers": len(counted),
            "seconds": window.ended - since,
            "requests": len(exchanges),
            "generator": self._driver.share,
            "generator_cpu": self._driver.cpu,
            "stall": self._driver.stall,
            "median": statistics.median(counted) if counted else 0.0,
        }

    def schedule(self, order: dict[str, Any]) -> dict[str, Any]:
        """One window of the open schedule on ``side``: ``rate`` requests a second."""
        side, rate = order["side"], order["rate"]
        window = Scheduled(side, self._sides[side], self._plans[side], order["seconds"], rate)
        self._recorder.begin()
        self._driver.run(window)
        exchanges = self._recorder.end(is_kept=side == KEPT_SIDE)
        since = window.began + order["ramp"]
        counted = [each for each in exchanges if each.due >= since]
        skipped = int(order["ramp"] * rate)
        return {
            "latencies": self._latencies(counted, max(0, window.total - skipped - len(counted))),
            "lateness": sorted(round(each.sent - each.due, 6) for each in counted if each.was_waiting),
            "waiting": sum(each.was_waiting for each in counted),
            "generator": self._driver.share,
            "stall": self._driver.stall,
        }

    def _latencies(self, exchanges: list[Exchange], unsent: int) -> list[float]:
        """Seconds from due to answered, ascending; what was never sent or answered took longer than any."""
        good = self._user.answers
        found = [each.answered - each.due if each.status in good else 60.0 for each in exchanges]
        return sorted(round(seconds, 6) for seconds in itertools.chain(found, itertools.repeat(60.0, unsent)))

    def trace(self, _: dict[str, Any]) -> dict[str, Any]:
        """All that was kept for the judge."""
        return trace(self._recorder.kept, self._user) | {"dropped": self._recorder.dropped}


def _user_of(source: str) -> type[RawUser]:
    module = types.ModuleType("load")
    exec(compile(source, "load.py", "exec"), module.__dict__)  # noqa: S102 - the lab's own code, sent by the runner
    found = [
        thing
        for thing in vars(module).values()
        if isinstance(thing, type) and issubclass(thing, RawUser) and not thing.__dict__.get("abstract")
    ]
    if len(found) != 1:
        raise ValueError(f"load.py must define one class below RawUser, not {len(found)}")
    return found[0]


def serve(rest: bytes) -> None:
    """Obey until standard input ends; never returns.

    Args:
        rest: what was read of it already.
    """
    gc.disable()  # what is kept is bounded, and collecting garbage would look like a stall
    generator: Generator | None = None
    for line in _lines(rest):
        order = json.loads(line)
        try:
            if order["do"] == "prepare":
                generator = Generator(order)
                _tell({"ready": True, "at": time.monotonic()})
            else:
                assert generator is not None
                _tell(getattr(generator, order["do"])(order))
        except Exception:  # noqa: BLE001 - the runner says whose fault it is
            _tell({"broken": traceback.format_exc()})
    os._exit(0)


def _lines(rest: bytes) -> Iterator[bytes]:
    make_nonblocking(0)
    while True:
        *lines, rest = rest.split(b"\n")
        yield from lines
        block = nb_read(0, 65536)
        if not block:
            return
        rest += block


def _tell(message: dict[str, Any]) -> None:
    data = json.dumps(message).encode() + b"\n"
    while data:
        data = data[os.write(1, data) :]
    gevent.sleep(0)
