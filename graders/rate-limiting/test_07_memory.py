"""Stage memory: pairs that are idle are forgotten by themselves, all others are kept."""

from __future__ import annotations

import json
import random
import time
from typing import TYPE_CHECKING

from environment import HOUR, SECOND, name_each, timed_table
from vocabulary import Crowd, Policy, policies, whole_number

from labrunner.checks import exceeded, fail, wait, wait_until

if TYPE_CHECKING:
    from labrunner.checks import Answer, Services

PAIRS = 10_000
FEW = 500
"""So many pairs may still be tracked when all are idle."""
LONGEST_ID = 128
ALGORITHMS = ("fixed-window", "sliding-window", "token-bucket")
LASTING = "lasting"
WINDOW = SECOND / 1000
WITHIN = WINDOW + 10.0
"""Seconds after all pairs fell idle."""
POLL_SECONDS = 0.2
MIB = 1 << 20
ROOM = 64 * MIB
FORGOTTEN = "A service that never forgets a client runs out of memory one day, by accident or by attack."
COUNTED = "tracked_clients tells an operator how many pairs take up memory."


class Town:
    """A service of its own, whose clients come and go."""

    def __init__(self, services: Services, rng: random.Random) -> None:
        purposes = (*ALGORITHMS, LASTING)
        names = name_each(purposes, rng)
        tables = {names[name]: timed_table(name, SECOND, (4, 6), None, rng) for name in ALGORITHMS}
        tables[names[LASTING]] = timed_table("fixed-window", HOUR, (1, 1), None, rng)
        self.service = services.start({"POLICIES": json.dumps(tables)})
        found = policies(self.service, purposes)
        self.brief = [found[name] for name in ALGORITHMS]
        self.lasting = found[LASTING]
        self.crowd = Crowd(self.service, rng)
        self._client = self.service.client()

    def visit(self, policy: Policy, count: int, length: int = 12) -> list[str]:
        """One request of each of so many new clients; returns them."""
        clients = [self.crowd.new_client(length) for _ in range(count)]
        for answer in self.crowd.ask([(policy, client, 1) for client in clients]):
            answer.expect(200, why="The first request of a client is within its limit.")
        return clients

    def round(self) -> None:
        """Ten thousand new pairs come once, and fall idle."""
        for policy in self.brief:
            self.visit(policy, PAIRS // len(self.brief) + 1, LONGEST_ID)
        self.wait_until_forgotten(time.monotonic() + WINDOW)

    def tracked(self) -> tuple[Answer, int]:
        """What /stats says."""
        answer = self._client.get("/stats").expect(200, why=COUNTED)
        return answer, whole_number(answer, "tracked_clients", COUNTED)

    def wait_until_forgotten(self, idle_since: float) -> None:
        """Ask until no more than a few are tracked; a deadline."""
        wait_until(idle_since)
        while True:
            asked = time.monotonic()
            answer, tracked = self.tracked()
            if tracked <= FEW:
                return
            if asked > idle_since + WITHIN:
                expected = f"at most {FEW} tracked clients {WITHIN:.0f} s after all fell idle"
                exceeded(answer, deadline=WITHIN, expected=expected, got=f"{tracked}", why=FORGOTTEN)
            wait(POLL_SECONDS)


def test_stats(services: Services, rng: random.Random) -> None:
    """RL-18: /stats tells for how many pairs there is state."""
    town = Town(services, rng)
    count = rng.randint(20, 40)
    clients = town.visit(town.lasting, count)
    # Again: the same pairs, denied now.
    town.crowd.ask([(town.lasting, client, 1) for client in clients])
    answer, tracked = town.tracked()
    if tracked != count:
        expected = f"tracked_clients: {count}, for {count} clients have a window open"
        fail(answer, expected=expected, got=f"tracked_clients: {tracked}", why=COUNTED)


def test_busy_pairs_kept(services: Services, rng: random.Random) -> None:
    """RL-17: state of a pair that is not idle is never dropped, however many others come, and however long it is silent."""
    town = Town(services, rng)
    clients = town.visit(town.lasting, 20)
    town.visit(town.brief[0], 3000)
    wait(2.5 * WINDOW)
    town.visit(town.brief[0], 100)
    for answer in town.crowd.ask([(town.lasting, client, 1) for client in clients]):
        answer.expect(429, why="Its window is still open: whoever is forgotten too early gets more than the limit.")


def test_idle_pairs_dropped(services: Services, rng: random.Random) -> None:
    """RL-17, RL-18: ten thousand pairs that fell idle are forgotten by themselves."""
    Town(services, rng).round()


def test_resident_memory(services: Services, rng: random.Random) -> None:
    """RL-19: three such rounds do not make the process grow."""
    town = Town(services, rng)
    town.round()
    first = town.service.memory()
    town.round()
    town.round()
    most = first * 3 // 2 + ROOM
    third = min(town.service.memory(), _after_a_while(town))
    if third > most:
        answer, _ = town.tracked()
        expected = f"at most {most // MIB} MiB after the third round: {first // MIB} MiB after the first, and half as much, and {ROOM // MIB}"
        fail(answer, expected=expected, got=f"{third // MIB} MiB", why=FORGOTTEN)


def _after_a_while(town: Town) -> int:
    """Once more: a collector of garbage may come late."""
    wait(1.0)
    return town.service.memory()
