"""The linearizability oracle: as brute force has it, never against a correct store, and against wrong ones."""

from __future__ import annotations

import os
import random
import statistics
from collections.abc import Collection, Hashable, Sequence
from dataclasses import replace
from typing import cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from labrunner.rules.linear import (
    ABSENT,
    RECORD,
    REGISTER,
    Action,
    Delete,
    Get,
    Judgement,
    Operation,
    Put,
    Read,
    Swap,
    Verdict,
    Write,
    judge,
)  # fmt: skip
from tests.unit.rules.linear.stores import Records, Register, history, plan

HISTORIES = int(os.environ.get("LABRUNNER_HISTORIES", "2000"))


def is_linearizable(
    operations: Sequence[Operation], held: Hashable = None, questioned: Collection[int] | None = None
) -> bool:
    """By trying every order; written without the oracle's models. Clients that are not questioned may also never have asked."""
    if questioned is None:
        questioned = {one.client for one in operations if one.answered is not None}
    if not any(one.client in questioned for one in operations):
        return True
    for place, one in enumerate(operations):
        rest = [*operations[:place], *operations[place + 1 :]]
        over = [other for other in rest if other.answered is not None and other.answered < one.sent]
        if any(other.client in questioned for other in over):
            continue
        after = _applied(one, held, is_questioned=one.client in questioned)
        left = [other for other in rest if other not in over]
        if after is not None and is_linearizable(left, after[0], questioned):
            return True
    return False


def _applied(one: Operation, held: Hashable, *, is_questioned: bool) -> tuple[Hashable] | None:
    """What is held after it; None when its answer is wrong."""
    match one.action:
        case Read(value):
            return None if is_questioned and value != held else (held,)
        case Write(value):
            return (value,)
        case Swap(expected, value, done):
            if is_questioned and done != (held == expected):
                return None
            return (value if held == expected and (done is not False or is_questioned) else held,)
        case _:
            raise AssertionError(one)


_values = st.integers(0, 2)
_reads = st.builds(Read, st.none() | _values)
_writes = st.builds(Write, _values)
_swaps = st.builds(Swap, _values, _values, st.booleans())


@st.composite
def small(draw: st.DrawFn) -> list[Operation]:
    """Up to five operations at moments that often coincide."""
    found = []
    for client in range(draw(st.integers(1, 5))):
        sent = draw(st.integers(0, 8))
        action: Action = draw(st.one_of(_reads, _writes, _swaps))
        answered = None if draw(st.integers(0, 4)) == 0 else float(sent + draw(st.integers(0, 4)))
        if answered is None and isinstance(action, Swap):
            action = replace(action, done=None)
        found.append(Operation("k", client, float(sent), answered, action))
    return found


SWAP_REFUSED = [
    Operation("k", 0, 2.0, 2.0, Read(1)),
    Operation("k", 1, 0.0, None, Read(None)),
    Operation("k", 2, 0.0, None, Write(0)),
    Operation("k", 3, 0.0, 0.0, Write(1)),
    Operation("k", 4, 1.0, 1.0, Swap(1, 0, done=False)),
]
"""Whatever was there at first, it was not 1 when the swap was refused: the write's answer proves nothing."""

TIED = [
    Operation("k", 0, 0.0, 0.0, Write(0)),
    Operation("k", 1, 1.0, 1.0, Write(1)),
    Operation("k", 2, 1.0, 2.0, Read(None)),
    Operation("k", 3, 2.0, 2.0, Read(None)),
]
"""Two answers of one moment, of which the first to be looked at cannot be right: the other one proves nothing of it."""


@settings(max_examples=max(HISTORIES // 10, 100), deadline=None)
@example(SWAP_REFUSED)
@example(TIED)
@given(small())
def test_small_histories_are_judged_as_by_trying_every_order(operations: list[Operation]) -> None:
    """The oracle and brute force agree; and of what is impossible, the part that it names is so by itself."""
    judgement = judge(REGISTER, operations)
    assert judgement.verdict is (Verdict.CONSISTENT if is_linearizable(operations) else Verdict.IMPOSSIBLE)
    if judgement.verdict is Verdict.IMPOSSIBLE:
        starts: list[Hashable] = [None] if judgement.since is None else [None, 0, 1, 2]
        part = _part(operations, judgement)
        proof = {operations[index].client for index in judgement.telling}
        assert not any(is_linearizable(part, start, proof) for start in starts)
        for one in proof:
            fewer = proof - {one}
            assert any(is_linearizable(part, start, fewer) for start in starts)


def _random_small(rng: random.Random) -> list[Operation]:
    found = []
    for client in range(rng.randint(1, 5)):
        sent = float(rng.randint(0, 8))
        answered = None if rng.randrange(5) == 0 else sent + rng.randint(0, 4)
        done = None if answered is None else rng.random() < 0.5
        some = rng.randrange(3)
        actions: list[Action] = [Read(rng.choice([None, some])), Write(some), Swap(rng.randrange(3), some, done)]
        found.append(Operation("k", client, sent, answered, rng.choice(actions)))
    return found


def test_many_small_histories_are_judged_as_by_trying_every_order() -> None:
    """The verdict alone, on many more: the oracle and brute force agree, and both verdicts occur often."""
    impossible = 0
    for seed in range(HISTORIES):
        operations = _random_small(random.Random(seed))
        expected = Verdict.CONSISTENT if is_linearizable(operations) else Verdict.IMPOSSIBLE
        assert judge(REGISTER, operations).verdict is expected, seed
        impossible += expected is Verdict.IMPOSSIBLE
    assert HISTORIES // 10 < impossible < HISTORIES * 9 // 10


def _part(operations: Sequence[Operation], judgement: Judgement) -> list[Operation]:
    """What was outstanding at some moment of the part that proves it."""
    since = float("-inf") if judgement.since is None else judgement.since
    last = operations[judgement.telling[-1]].answered
    assert last is not None
    return [one for one in operations if (one.answered is None or one.answered >= since) and one.sent <= last]


def _size(rng: random.Random) -> tuple[int, int]:
    return rng.choice([(2, 20), (4, 10), (8, 4)])


def test_no_linearizable_register_is_convicted() -> None:
    """Stalls, lost requests and answers that come never do not make a correct store wrong; few are not decided."""
    unknown = 0
    for seed in range(HISTORIES // 2):
        rng = random.Random(seed)
        clients, each = _size(rng)
        seen = history(plan(rng, Register.draw, clients=clients, each=each), Register().answer)
        verdict = judge(REGISTER, seen).verdict
        assert verdict is not Verdict.IMPOSSIBLE, seed
        unknown += verdict is Verdict.UNKNOWN
    assert unknown * 100 <= HISTORIES


def test_no_linearizable_records_are_convicted() -> None:
    """The same for records with versions, conditions and deletions."""
    unknown = 0
    for seed in range(HISTORIES // 2):
        rng = random.Random(seed)
        clients, each = _size(rng)
        seen = history(plan(rng, Records.draw, clients=clients, each=each), Records(rng).answer)
        verdict = judge(RECORD, seen).verdict
        assert verdict is not Verdict.IMPOSSIBLE, seed
        unknown += verdict is Verdict.UNKNOWN
    assert unknown * 100 <= HISTORIES


class Stale(Records):
    """One read in five is answered from a copy of some time ago."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng)
        self._copy: tuple[Hashable, int] = (ABSENT, 0)

    def answer(self, action: Action) -> Action:
        if isinstance(action, Get) and self.rng.random() < 0.2:
            return Get(*self._copy)
        if self.rng.random() < 0.3:
            self._copy = (self.value, 0 if self.value == ABSENT else self.version)
        return super().answer(action)


class Losing(Records):
    """One write in five is acknowledged and forgotten."""

    def answer(self, action: Action) -> Action:
        before = (self.value, self.version)
        answered = super().answer(action)
        if isinstance(action, Put | Delete) and self.rng.random() < 0.2:
            self.value, self.version = before
        return answered


class Resurrecting(Records):
    """What was deleted sometimes comes back."""

    def answer(self, action: Action) -> Action:
        before = (self.value, self.version)
        answered = super().answer(action)
        if isinstance(action, Delete) and self.rng.random() < 0.5:
            self.value, self.version = before
        return answered


class Restarting(Records):
    """A creation begins with version 1 again."""

    def answer(self, action: Action) -> Action:
        if self.value == ABSENT:
            self.version = 0
        return super().answer(action)


class Twice(Records):
    """Some writes are carried out twice."""

    def answer(self, action: Action) -> Action:
        answered = super().answer(action)
        if isinstance(action, Put) and self.rng.random() < 0.2:
            super().answer(action)
        return answered


class Unconditional(Records):
    """Some conditions are looked at before another write comes between."""

    def answer(self, action: Action) -> Action:
        if isinstance(action, Put) and action.if_match is not None and self.value != ABSENT and self.rng.random() < 0.3:
            return replace(cast("Put", super().answer(replace(action, if_match=None))), if_match=action.if_match)
        return super().answer(action)


@pytest.mark.parametrize("store", [Stale, Losing, Resurrecting, Restarting, Twice, Unconditional])
def test_a_wrong_store_is_found(store: type[Records]) -> None:
    """Each vice shows in many of forty lives, and the part that proves it is mostly short."""
    lengths = []
    for seed in range(40):
        rng = random.Random(seed)
        seen = history(plan(rng, Records.draw, clients=3, each=20), store(rng).answer)
        judgement = judge(RECORD, seen)
        if judgement.verdict is Verdict.IMPOSSIBLE:
            lengths.append(len(judgement.telling))
    assert len(lengths) >= 15
    assert statistics.median(lengths) <= 6


def test_a_search_without_effort_claims_nothing() -> None:
    """Beyond its bound the oracle answers unknown, never impossible."""
    seen = [Operation("k", 0, 0.0, 1.0, Write(1)), Operation("k", 0, 2.0, 3.0, Read(2))]
    assert judge(REGISTER, seen).verdict is Verdict.IMPOSSIBLE
    assert judge(REGISTER, seen, effort=0).verdict is Verdict.UNKNOWN


def test_keys_are_judged_apart() -> None:
    """What another key holds proves nothing; the impossible key is named."""
    seen = [
        Operation("a", 0, 0.0, 1.0, Write(1)),
        Operation("b", 0, 2.0, 3.0, Read(None)),
        Operation("b", 0, 4.0, 5.0, Read(1)),
    ]
    judgement = judge(REGISTER, seen)
    assert (judgement.verdict, judgement.key, judgement.telling) == (Verdict.IMPOSSIBLE, "b", (2,))


def test_many_unknown_outcomes_are_borne() -> None:
    """Thirty writes whose answers were lost leave the search decidable, both ways."""
    lost = [Operation("k", i, i / 10, None, Write(i)) for i in range(30)]
    good = [Operation("k", 99, 10.0 + i, 10.5 + i, Read(i)) for i in range(30)]
    again = Operation("k", 99, 80.0, 81.0, Read(3))
    assert judge(REGISTER, [*lost, *good]).verdict is Verdict.CONSISTENT
    assert judge(REGISTER, [*lost, *good, again]).verdict is Verdict.IMPOSSIBLE


def test_a_late_effect_of_a_lost_write_is_no_violation() -> None:
    """A write without an answer may take effect long after others, once, and undo nothing twice."""
    seen = [
        Operation("k", 0, 0.0, None, Put('"late"')),
        Operation("k", 1, 1.0, 2.0, Put('"a"', 201, 5)),
        Operation("k", 1, 3.0, 4.0, Get('"a"', 5)),
        Operation("k", 1, 5.0, 6.0, Get('"late"', 6)),
        Operation("k", 1, 7.0, 8.0, Put('"b"', 200, 7)),
        Operation("k", 1, 9.0, 10.0, Delete(204)),
    ]
    assert judge(RECORD, seen).verdict is Verdict.CONSISTENT
    assert judge(RECORD, [*seen, Operation("k", 1, 11.0, 12.0, Get('"late"', 8))]).verdict is Verdict.IMPOSSIBLE
