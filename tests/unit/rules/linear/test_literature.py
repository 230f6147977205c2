"""Histories as the literature tells them, written by hand in the forms of this oracle, with where each is told.

The moments are ours; the order of the events is the source's.
"""

from __future__ import annotations

import pytest

from labrunner.rules.linear import (
    ABSENT,
    RECORD,
    Action,
    Delete,
    Get,
    Model,
    Operation,
    Put,
    Read,
    Swap,
    Verdict,
    Write,
    judge,
    register,
)  # fmt: skip

HERLIHY_WING = "Herlihy and Wing, Linearizability: a correctness condition for concurrent objects (1990)"
LAMPORT = "Lamport, On interprocess communication II (1986): safe, regular and atomic registers"
WING_GONG = "Wing and Gong, Testing and verifying concurrent objects (1993)"
ATTIYA = "Attiya, Bar-Noy and Dolev, Sharing memory robustly in message-passing systems (1995)"
KLEPPMANN = "Kleppmann, Designing data-intensive applications (2017), chapter 9, Linearizability"
BERENSON = "Berenson et al., A critique of ANSI SQL isolation levels (1995), on one item"
ETCD = "Kingsbury, Jepsen: etcd and Consul (2014): reads served by a leader that was deposed"
MONGO = "Kingsbury, Jepsen: MongoDB stale reads (2015)"
ELASTIC = "Kingsbury, Jepsen: Elasticsearch (2014): acknowledged writes lost"
DYNAMO = "DeCandia et al., Dynamo (2007): deleted items come back after a merge"
CONTRACT = "our contracts, C-16: at most once"
TREIBER = "Treiber, Systems programming: coping with parallelism (1986): the ABA problem"

NOTHING, ZERO = register(), register(0)

Event = tuple[int, float, float | None, Action]

YES: list[tuple[str, str, Model, list[Event]]] = [
    ("overlapping write and reads agree", HERLIHY_WING, ZERO,
     [(0, 0, 5, Write(1)), (1, 1, 2, Read(0)), (1, 3, 4, Read(1))]),
    ("an effect before the answer may be read", HERLIHY_WING, ZERO,
     [(0, 0, 9, Write(1)), (1, 1, 2, Read(1)), (2, 3, 4, Read(1))]),
    ("a pending write may be read", HERLIHY_WING, ZERO, [(0, 0, None, Write(1)), (1, 1, 2, Read(1))]),
    ("a pending write may be left out", HERLIHY_WING, ZERO, [(0, 0, None, Write(1)), (1, 1, 2, Read(0))]),
    ("two writes in either order", WING_GONG, ZERO,
     [(0, 0, 4, Write(1)), (1, 1, 5, Write(2)), (2, 6, 7, Read(1))]),
    ("concurrent readers around one write", LAMPORT, ZERO,
     [(0, 0, 9, Write(1)), (1, 1, 8, Read(0)), (2, 2, 7, Read(1))]),
    ("a write that timed out takes effect later", ETCD, ZERO,
     [(0, 0, None, Write(1)), (1, 2, 3, Write(2)), (1, 4, 5, Read(2)), (1, 6, 7, Read(1))]),
    ("compare and set by two clients, one wins", KLEPPMANN, ZERO,
     [(0, 0, 5, Swap(0, 1, True)), (1, 1, 6, Swap(0, 2, False)), (2, 7, 8, Read(1))]),
    ("ABA is no violation of a register", TREIBER, ZERO,
     [(0, 0, 1, Read(0)), (1, 2, 3, Write(1)), (1, 4, 5, Write(0)), (0, 6, 7, Swap(0, 2, True))]),
    ("a deleted record stays away", DYNAMO, RECORD,
     [(0, 0, 1, Put("a", 201, 7)), (0, 2, 3, Delete(204)), (1, 4, 5, Get(ABSENT)), (1, 6, 7, Put("b", 201, 9))]),
]  # fmt: skip

NO: list[tuple[str, str, Model, list[Event], tuple[int, ...]]] = [
    ("a read from nowhere", HERLIHY_WING, ZERO, [(0, 0, 1, Write(1)), (1, 2, 3, Read(7))], (1,)),
    ("a read after the write is over misses it", HERLIHY_WING, ZERO, [(0, 0, 1, Write(1)), (1, 2, 3, Read(0))], (0, 1)),
    ("new-old inversion, one reader", LAMPORT, ZERO,
     [(0, 0, 9, Write(1)), (1, 1, 2, Read(1)), (1, 3, 4, Read(0))], (1, 2)),
    ("new-old inversion, two readers", ATTIYA, ZERO,
     [(0, 0, 9, Write(1)), (1, 1, 2, Read(1)), (2, 3, 4, Read(0))], (1, 2)),
    ("the score is known to one, and later not to another", KLEPPMANN, ZERO,
     [(0, 0, 1, Write(1)), (1, 2, 3, Read(1)), (2, 4, 5, Read(0))], (1, 2)),
    ("two readers see two writes in opposite orders", WING_GONG, ZERO,
     [(0, 0, 9, Write(1)), (1, 0, 9, Write(2)), (2, 1, 2, Read(1)), (3, 3, 4, Read(2)), (2, 5, 6, Read(1))], (2, 3, 4)),
    ("a deposed leader answers", ETCD, ZERO,
     [(0, 0, 1, Write(1)), (1, 2, 3, Swap(1, 2, True)), (0, 4, 5, Read(1))], (1, 2)),
    ("a stale read after a compare and set", MONGO, ZERO,
     [(0, 0, 1, Swap(0, 4, True)), (1, 2, 3, Read(4)), (2, 4, 5, Read(0))], (1, 2)),
    ("a dirty read: seen, then never there", MONGO, ZERO,
     [(0, 0, None, Write(1)), (1, 1, 2, Read(1)), (1, 3, 4, Read(0))], (1, 2)),
    ("an acknowledged write is lost", ELASTIC, NOTHING, [(0, 0, 1, Write(1)), (1, 5, 6, Read(None))], (0, 1)),
    ("an update is lost: both saw 0 and set", BERENSON, ZERO,
     [(0, 0, 4, Swap(0, 1, True)), (1, 1, 5, Swap(0, 2, True))], (0, 1)),
    ("both creators win", KLEPPMANN, RECORD,
     [(0, 0, 4, Put("a", 201, 5, if_absent=True)), (1, 1, 5, Put("b", 201, 6, if_absent=True))], (0, 1)),
    ("a deleted record comes back", DYNAMO, RECORD,
     [(0, 0, 1, Put("a", 201, 7)), (0, 2, 3, Delete(204)), (1, 4, 5, Get("a", 7))], (1, 2)),
    ("a retried write is carried out twice", CONTRACT, RECORD,
     [(0, 0, 1, Put("a", 201, 7)), (0, 2, 3, Put("b", 200, 8)), (1, 4, 5, Get("b", 9))], (1, 2)),
]  # fmt: skip


def _history(events: list[Event]) -> list[Operation]:
    return [Operation("x", client, float(sent), answered, action) for client, sent, answered, action in events]


@pytest.mark.parametrize("name, source, model, events", YES, ids=[case[0] for case in YES])
def test_what_is_linearizable(name: str, source: str, model: Model, events: list[Event]) -> None:
    """A history that its source calls correct, or that follows from its definition."""
    assert judge(model, _history(events)).verdict is Verdict.CONSISTENT, source


@pytest.mark.parametrize("name, source, model, events, telling", NO, ids=[case[0] for case in NO])
def test_what_is_not(name: str, source: str, model: Model, events: list[Event], telling: tuple[int, ...]) -> None:
    """An anomaly of the source, and the operations that prove it."""
    judgement = judge(model, _history(events))
    assert judgement.verdict is Verdict.IMPOSSIBLE, source
    assert judgement.telling == telling
