"""Stage memory: pairs that are idle are forgotten by themselves, all others are kept."""

from __future__ import annotations

import json
import random
import time
from typing import TYPE_CHECKING

from environment import HOUR, SECOND, name_each, timed_table
from vocabulary import Crowd, Policy, policies, whole_number

from labrunner.checks import exceeded, fail, undecided, wait, wait_until

if TYPE_CHECKING:
    from labrunner.checks import Answer, Services

PAIRS = 10_000
FEW = 500
"""So many pairs may still be tracked when all are idle."""
LONGEST_ID = 128
ALGORITHMS = ("fixed-window", "sliding-window", "token-bucket")
LASTING = "lasting"
SLOW, BRIM = "slow", 100
"""A bucket that gets a token a second, and so many until it is full."""
WINDOW = SECOND / 1000
WITHIN = WINDOW + 10.0
"""Seconds after all pairs fell idle."""
POLL_SECONDS = 0.2
LATE_SECONDS = 1.0
PORTION = 1000
PATIENCE = 60.0
"""Seconds for all requests of a check; the runner takes one that is silent for two minutes for hanging."""
MIB = 1 << 20
ROOM = 64 * MIB
FORGOTTEN = "A service that never forgets a client runs out of memory one day, by accident or by attack."
COUNTED = "tracked_clients tells an operator how many pairs take up memory."


class Town:
    """A service of its own, whose clients come and go."""

    def __init__(self, services: Services, rng: random.Random) -> None:
        self._began = time.monotonic()
        purposes = (*ALGORITHMS, LASTING, SLOW)
        names = name_each(purposes, rng)
        tables = {names[name]: timed_table(name, SECOND, (4, 6), None, rng) for name in ALGORITHMS}
        tables[names[LASTING]] = timed_table("fixed-window", HOUR, (1, 1), None, rng)
        tables[names[SLOW]] = timed_table("token-bucket", SECOND, (1, 1), (BRIM, BRIM), rng)
        self.service = services.start({"POLICIES": json.dumps(tables)})
        found = policies(self.service, purposes)
        self.brief = [found[name] for name in ALGORITHMS]
        self.lasting = found[LASTING]
        self.slow = found[SLOW]
        self.crowd = Crowd(self.service, rng)
        self._client = self.service.client()

    def visit(self, policy: Policy, count: int, length: int = 12) -> list[str]:
        """One request of each of so many new clients; returns them."""
        clients = [self.crowd.new_client(length) for _ in range(count)]
        for begin in range(0, count, PORTION):
            if time.monotonic() > self._began + PATIENCE:
                undecided("the machine is too slow for so many requests")
            some = clients[begin : begin + PORTION]
            self.crowd.pass_by(policy, some, "The first request of a client is within its limit.")
        return clients

    def drain(self, clients: list[str]) -> float:
        """Take all from their slow buckets; returns until when none of them can be full."""
        answers = self.crowd.ask([(self.slow, client, BRIM) for client in clients])
        for answer in answers:
            answer.expect(200, why="A pair never seen has a full bucket.")
        return min(answer.sent for answer in answers) + BRIM - 1

    def round(self) -> None:
        """Ten thousand new pairs come once, and fall idle."""
        self._began = time.monotonic()
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
    """RL-18: /stats tells for how many pairs there is state: a client under two policies is two of them."""
    town = Town(services, rng)
    count = rng.randint(20, 40)
    clients = town.visit(town.lasting, count)
    # Again: the same pairs, denied now.
    town.crowd.ask([(town.lasting, client, 1) for client in clients])
    both = clients[: count // 2]
    until = town.drain(both)
    answer, tracked = town.tracked()
    if answer.answered > until:
        undecided("a bucket may be full again")
    if tracked != count + len(both):
        expected = f"tracked_clients: {count + len(both)}, for {count} clients and {len(both)} of them once more"
        fail(answer, expected=expected, got=f"tracked_clients: {tracked}", why=COUNTED)


def test_busy_pairs_kept(services: Services, rng: random.Random) -> None:
    """RL-17: state of a pair that is not idle is never dropped, however many others come, and however long it is silent."""
    town = Town(services, rng)
    clients = town.visit(town.lasting, 20)
    until = town.drain(clients)
    town.visit(town.brief[0], 3000)
    wait(2.5 * WINDOW)
    town.visit(town.brief[0], 100)
    for answer in town.crowd.ask([(town.lasting, client, 1) for client in clients]):
        answer.expect(429, why="Its window is still open: whoever is forgotten too early gets more than the limit.")
    for answer in town.crowd.ask([(town.slow, client, BRIM) for client in clients]):
        if answer.answered > until:
            undecided("a bucket may be full again")
        answer.expect(
            429, why="Its bucket takes longer than W to fill: whoever is forgotten too early gets a full one."
        )


def test_idle_pairs_dropped(services: Services, rng: random.Random) -> None:
    """RL-17, RL-18, RL-19: ten thousand pairs that fell idle are forgotten by themselves, and so is what they took up."""
    town = Town(services, rng)
    town.round()
    first = town.service.memory()
    town.round()
    town.service.memory()  # the runner takes a check that says nothing for too long for one that hangs
    town.round()
    most = first * 3 // 2 + ROOM
    third = town.service.memory()
    if third > most:
        # Once more: a collector of garbage may come late.
        wait(LATE_SECONDS)
        third = town.service.memory()
    if third > most:
        answer, _ = town.tracked()
        expected = f"at most {most // MIB} MiB after three rounds; after the first it was {first // MIB} MiB"
        fail(answer, expected=expected, got=f"{third // MIB} MiB", why=FORGOTTEN)
