"""A payments service, its ledger and its clients in virtual time: arbitrary stalls, lost answers, crashes.

The service is correct, but for the flaws that it is given. What happens is what could happen to a real one; what is
recorded is what a grader could have seen.
"""

from __future__ import annotations

import enum
import heapq
import itertools
import random
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

from labrunner.rules.once import Asked, Call, Charge, Close, Heard, History, Kill, Listed

Process = Generator[float | str, Any, None]
"""Yields how long it sleeps, or the name of the event that it waits for."""


class Flaw(enum.Enum):
    """What a wrong service does."""

    NO_KEY_STORE = enum.auto()
    CHECK_THEN_ACT = enum.auto()
    PAYLOAD_IGNORED = enum.auto()
    DECLINE_FORGOTTEN = enum.auto()
    REPLAY_IS_200 = enum.auto()
    REPLAY_UNMARKED = enum.auto()
    FIRST_MARKED = enum.auto()
    RECORDED_AFTER_CHARGE = enum.auto()
    UNKNOWN_CHARGED_AGAIN = enum.auto()
    MEMORY_ONLY = enum.auto()
    ANSWER_BEFORE_RECORD = enum.auto()
    BUSY_FOR_EVER = enum.auto()
    SAME_PAYLOAD_REFUSED = enum.auto()
    FRESH_PAYMENT_ID = enum.auto()
    CHARGE_ID_MADE_UP = enum.auto()
    REPLAY_CHARGES = enum.auto()
    RESOLVES_BY_READING = enum.auto()
    FRESH_REFERENCE_UNRECORDED = enum.auto()
    ANSWER_BEFORE_CHARGE = enum.auto()
    LISTS_UNPAID = enum.auto()
    CLOSED_CHARGE_IGNORED = enum.auto()


@dataclass
class Row:
    """What the service holds of the key."""

    payload: str
    reference: str
    finish: Heard | None = None


@dataclass
class World:
    """Time, the ledger's record, and the service's disk."""

    rng: random.Random
    flaw: Flaw | None = None
    now: float = 0.0
    heap: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    count: itertools.count[int] = field(default_factory=itertools.count)
    life: int = 0
    disk: Row | None = None
    memory: Row | None = None
    paid: list[Listed] = field(default_factory=list)
    working: set[str] = field(default_factory=set)
    stale: bool = False
    asked: list[Asked] = field(default_factory=list)
    open: list[tuple[float, str]] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    charges: list[Charge] = field(default_factory=list)
    closes: list[Close] = field(default_factory=list)
    kills: list[Kill] = field(default_factory=list)
    moves: dict[str, list[str]] = field(default_factory=dict)

    def at(self, delay: float, act: Callable[[], None]) -> None:
        heapq.heappush(self.heap, (self.now + delay, next(self.count), act))

    def run(self) -> None:
        while self.heap:
            self.now, _, act = heapq.heappop(self.heap)
            act()

    def stall(self) -> float:
        """Mostly short; now and then as long as everything else together."""
        return self.rng.choice([0.001, 0.003, 0.01, 0.03]) * self.rng.random() if self.rng.random() < 0.93 else 2.0

    def spawn(self, process: Process) -> None:
        """Run a process of the service; it ends with the service's life."""
        life = self.life

        def step(value: Any = None) -> None:
            if life != self.life:
                return
            try:
                wanted = process.send(value)
            except StopIteration:
                return
            if isinstance(wanted, float):
                self.at(wanted, step)
            else:
                self.waiting(wanted, step)

        step()

    # --- the ledger ------------------------------------------------------------------------------------------------

    def waiting(self, order: str, answer: Callable[[Any], None]) -> None:
        """Send an order to the ledger; the answer comes, or the service's patience ends."""
        kind, reference = order.split(":")
        is_open = [True]

        def tell(told: Any) -> None:
            if is_open[0]:
                is_open[0] = False
                answer(told)

        self.at(0.5, lambda: tell("unknown"))
        self.at(
            self.stall(), lambda: getattr(self, kind)(reference, lambda told: self.at(self.stall(), lambda: tell(told)))
        )

    def is_closed(self, reference: str) -> bool:
        return any(close.reference == reference for close in self.closes)

    def move(self, reference: str) -> str:
        charge = f"ch{len(self.charges)}"
        self.charges.append(Charge(charge, reference, self.now))
        return charge

    def charge(self, reference: str, tell: Callable[[Any], None]) -> None:
        was_closed = self.is_closed(reference)
        self.calls.append(Call(reference, self.now, was_closed))
        if was_closed:
            tell("unknown")
            return
        mood = self.rng.choices(["charge", "decline", "fail", "lost", "late", "nothing"], [8, 2, 2, 3, 3, 2])[0]
        if mood in {"charge", "lost"}:
            told = self.move(reference)
            if mood == "charge":
                tell(("charged", told))
        elif mood == "late":
            self.at(self.rng.random() * 3, lambda: None if self.is_closed(reference) else void(self.move(reference)))
        elif mood != "nothing":
            tell((mood, ""))

    def close(self, reference: str, tell: Callable[[Any], None]) -> None:
        if self.rng.random() < 0.2:
            return
        if not self.is_closed(reference):
            self.closes.append(Close(reference, self.now))
        if self.rng.random() < 0.8:
            self.read(reference, tell)

    def read(self, reference: str, tell: Callable[[Any], None]) -> None:
        tell([charge.charge for charge in self.charges if charge.reference == reference])

    # --- the service -----------------------------------------------------------------------------------------------

    def store(self, row: Row | None) -> None:
        self.memory = row
        if self.flaw is not Flaw.MEMORY_ONLY:
            self.disk = row

    def kill(self) -> None:
        self.life += 1
        self.kills.append(Kill(self.now, self.now))
        for sent, payload in self.open:
            self.asked.append(Asked(sent, self.now, payload))
        self.open.clear()
        self.stale = self.flaw is Flaw.BUSY_FOR_EVER and bool(self.working)
        self.working.clear()
        self.memory = self.disk
        if self.flaw is Flaw.MEMORY_ONLY:
            self.memory, self.paid = None, []

    def ask(self, payload: str) -> None:
        """A client's request arrives, is worked on, and is answered."""
        request = (self.now, payload)
        self.open.append(request)

        def answer(heard: Heard) -> None:
            self.open.remove(request)
            self.asked.append(Asked(request[0], self.now, payload, heard))

        self.spawn(self.serve(payload, answer))

    def serve(self, payload: str, answer: Callable[[Heard], None]) -> Process:
        yield self.stall()
        while self.working and self.flaw not in {Flaw.CHECK_THEN_ACT, Flaw.NO_KEY_STORE}:
            if self.rng.random() < 0.5:
                answer(Heard(422 if payload not in self.working else 409))
                return
            yield 0.05
        if self.stale:
            answer(Heard(409))
            return
        if self.flaw is Flaw.CHECK_THEN_ACT:
            seen = self.memory
            yield self.stall()
            self.memory = seen
        self.working.add(payload)
        heard: list[Heard] = []
        yield from self.work(payload, heard, answer)
        self.working.discard(payload)
        if heard[0].status:
            yield self.stall()
            answer(heard[0])

    def work(self, payload: str, heard: list[Heard], answer: Callable[[Heard], None]) -> Process:
        row = None if self.flaw is Flaw.NO_KEY_STORE else self.memory
        is_other = row is not None and row.payload != payload
        is_ignored = row is not None and row.finish is not None and self.flaw is Flaw.PAYLOAD_IGNORED
        is_refused = row is not None and row.finish is not None and self.flaw is Flaw.SAME_PAYLOAD_REFUSED
        if (is_other and not is_ignored) or is_refused:
            heard.append(Heard(422))
            return
        if row and row.finish:
            yield from self.replay(row.finish, heard)
            return
        if row:
            yield from self.resolve(row, heard)
            return
        row = Row(payload, self.reference())
        if self.flaw is not Flaw.RECORDED_AFTER_CHARGE:
            self.store(row)
        if self.flaw is Flaw.ANSWER_BEFORE_CHARGE:
            yield self.stall()
            answer(Heard(201, words="201p", payment="p", charge=f"ch{len(self.charges)}"))
            heard.append(Heard(0))
            yield f"charge:{row.reference}"
            return
        yield self.stall()
        yield from self.pay(row, heard)

    def reference(self) -> str:
        return f"r{self.rng.getrandbits(40)}"

    def replay(self, finish: Heard, heard: list[Heard]) -> Process:
        if self.flaw is Flaw.REPLAY_CHARGES:
            yield f"charge:{self.reference()}"
        yield self.stall()
        status = 200 if self.flaw is Flaw.REPLAY_IS_200 else finish.status
        payment = f"q{self.now}" if self.flaw is Flaw.FRESH_PAYMENT_ID and finish.payment else finish.payment
        is_marked = self.flaw is not Flaw.REPLAY_UNMARKED
        heard.append(Heard(status, is_marked, finish.words, payment, finish.charge))

    def resolve(self, row: Row, heard: list[Heard]) -> Process:
        told: Any = []
        if self.flaw is Flaw.RESOLVES_BY_READING:
            told = yield f"read:{row.reference}"
        elif self.flaw is not Flaw.UNKNOWN_CHARGED_AGAIN:
            told = yield f"close:{row.reference}"
        if told == "unknown":
            heard.append(Heard(504))
            return
        yield self.stall()
        if told and self.flaw is not Flaw.CLOSED_CHARGE_IGNORED:
            yield from self.finish(row, 201, told[0], heard)
            return
        fresh = Row(row.payload, self.reference())
        if self.flaw is not Flaw.FRESH_REFERENCE_UNRECORDED:
            self.store(fresh)
        yield self.stall()
        yield from self.pay(fresh, heard)

    def pay(self, row: Row, heard: list[Heard]) -> Process:
        told = yield f"charge:{row.reference}"
        yield self.stall()
        match told:
            case ("charged", charge):
                yield from self.finish(row, 201, charge, heard)
            case ("decline", _):
                yield from self.finish(row, 402, None, heard)
            case ("fail", _):
                self.store(None)
                heard.append(Heard(503))
            case _:
                heard.append(Heard(504))

    def finish(self, row: Row, status: int, charge: str | None, heard: list[Heard]) -> Process:
        payment = f"p{self.rng.getrandbits(40)}" if status == 201 else None
        told = "ch-made-up" if self.flaw is Flaw.CHARGE_ID_MADE_UP and charge else charge
        finish = Heard(status, words=f"{status}{payment}", payment=payment, charge=told)
        marked = Heard(status, self.flaw is Flaw.FIRST_MARKED, finish.words, payment, told)
        if self.flaw is Flaw.ANSWER_BEFORE_RECORD:
            self.memory = Row(row.payload, row.reference, finish)
            life, done = self.life, Row(row.payload, row.reference, finish)
            self.at(self.stall() * 3, lambda: self.write(done, payment, charge) if life == self.life else None)
        elif status == 402 and self.flaw is Flaw.DECLINE_FORGOTTEN:
            self.store(None)
        else:
            self.write(Row(row.payload, row.reference, finish), payment, charge)
        heard.append(marked)
        yield self.stall()

    def write(self, row: Row, payment: str | None, charge: str | None) -> None:
        self.store(row)
        if payment and charge:
            self.paid.append(Listed(payment, charge))
        elif self.flaw is Flaw.LISTS_UNPAID:
            self.paid.append(Listed("unpaid", "none"))


def void(_: object) -> None:
    """Drop what an expression gives."""


def history(seed: int, flaw: Flaw | None = None) -> History:
    """One key's life, with overlapping requests, kills and retries until the end."""
    world = World(random.Random(seed), flaw)
    rng = world.rng
    others = rng.random() < 0.3
    for _ in range(rng.randint(1, 6)):
        payload = "b" if others and rng.random() < 0.4 else "a"
        world.at(rng.random() * rng.choice([0.02, 1.0, 4.0]), lambda payload=payload: world.ask(payload))  # type: ignore[misc]
    for _ in range(rng.choice([0, 0, 1, 1, 2, 3])):
        world.at(rng.random() * rng.choice([0.05, 1.0, 5.0]), world.kill)
    for number in range(8):
        world.at(12.0 + 12.0 * number, lambda: world.ask("a"))
    world.run()
    return History(
        tuple(world.asked), tuple(world.calls), tuple(world.charges), tuple(world.closes), tuple(world.kills),
        tuple(world.paid), bound=30.0,
    )  # fmt: skip
