"""Stage records: put, get and delete with versions. Their place is no concern here."""

from __future__ import annotations

import random
import threading
from itertools import pairwise
from typing import Any

from environment import PATIENT_MS
from fleet import BACK_SECONDS, Aside, Fleet, killed_and_started, settle, stopped
from shards import MOST_CONNECTIONS
from vocabulary import IF_ABSENT, JSON, Router, encoded, etag, if_match, must_be_item, record, same, shown, version_of

from labrunner.checks import Answer, Ask, Broken, Client, Companions, Exceeded, Services, fail, wait, wait_until

STOP_SECONDS = 5.0
SLOW_MS = 100
FAR_MS = 50
APART_SECONDS = 0.2
"""A connection that is there in two looks so far apart is one in use, not one that was given up and is about to end."""
LINGERS_SECONDS = 1.0
"""By the deadline that many connections are judged: on a stalled machine what was given up is there for longer."""
READ = "What was put is what is read."
ONE_STEP = "Between looking and writing nobody else may come: who compares and sets must know what it replaced."
KEPT = "What was acknowledged is not lost, whatever is killed afterwards."
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -7, 2**53 - 1, 1.5, -0.25, 1e-9, "", "null", 'quote " and \\', "\n\t", "é ü 漢字 \U0001f600", [], {},
    [None, [[]], {"a": None}], {"": 0, "b": {"c": [1, "2", False]}}, {"z": 1, "a": 2},
)  # fmt: skip
KEYS = (
    " ", "a b", "a+b", "100%", "%2B", "a%2Fb", "?x=1", "#", "&=;,", "...", ".a", "'; --", '"', "\\", "*", "_%", "é", "e\u0301", "É", "漢字",
    "\U0001f600", "\ufffd", "x" * 150, "é" * 90, "~", ":batchGet", "null", "locate",
)  # fmt: skip


def test_healthy(client: Client) -> None:
    """C-3: not once, but each time."""
    for _ in range(3):
        client.get("/healthz").expect(200, why="A load balancer asks this path.")


def test_put_get(router: Router) -> None:
    """SD-2, SD-5, SD-6: a record is created, read, updated, read; and it is in a shard's table."""
    key = router.new_key()
    router.must_lack(key, "Nobody has put this record.")
    first = {"balance": router.rng.randrange(1000), "name": "kim"}
    version = router.store(key, first)
    router.must_have(key, first, version, READ)
    answer = router.expect(router.put(key, "another"), 200, "The record is there, so it is updated.")
    version = version_of(answer, READ)
    last = router.must_have(key, "another", version, READ)
    must_name_key(answer, key)
    rows = [row for rows in router.shards.rows().values() for name, row in rows.items() if name == key]
    if len(rows) != 1 or not same(rows[0].value, "another") or rows[0].version != version:
        got = "; ".join(f"{shown(row.value)}, version {row.version}" for row in rows) or "no such row"
        why = "Records are in the shards, where whoever has a backup of them finds them."
        fail(last, expected=f'one row of public.records: "another", version {version}', got=got, why=why)


def must_name_key(answer: Answer, key: str) -> None:
    """SD-5."""
    told = answer.json(READ)
    if told.get("key") != key:
        fail(answer, expected=f'"key": {key!r}', got=answer.text, why="The answer names the record.")


def test_any_json(router: Router) -> None:
    """SD-4: each kind of JSON, written with and without escapes."""
    keys = router.new_keys(len(VALUES))
    why = "A value is any JSON, and comes back equal."
    for key, value in zip(keys, VALUES, strict=True):
        version = router.store(key, value)
        router.must_have(key, value, version, why)
    key = router.new_key()
    body = b' { "a" : "\\u00e9\\ud83d\\ude00" , "b" : [ 1 , 2.50 ] } '
    answer = router.expect(router.ask("PUT", record(key), body=body), 201, why)
    router.must_have(key, {"a": "é\U0001f600", "b": [1, 2.5]}, version_of(answer, why), why)


def test_keys(router: Router) -> None:
    """SD-4: decoded once, never folded, cut or normalized."""
    prefix = router.new_key("")
    why = "A key is a string of bytes; each other one is another record."
    keys = [f"{prefix}{tail}" for tail in KEYS] + [f"{tail}{prefix}" for tail in KEYS]
    versions = {key: router.store(key, number) for number, key in enumerate(keys)}
    for number, key in enumerate(keys):
        router.must_have(key, number, versions[key], why)
    plus = router.expect(router.ask("GET", f"/records/{prefix}a+b"), 200, "In a path a + is a +.")
    must_be_item(plus, plus.json(why), f"{prefix}a+b", keys.index(f"{prefix}a+b"), versions[f"{prefix}a+b"], why)
    lower = f"/records/{''.join(f'%{byte:02x}' for byte in f'{prefix}é'.encode())}"
    router.expect(router.ask("GET", lower), 200, "Every byte may be percent-encoded, in digits of either case.")


def test_bad_requests(router: Router) -> None:
    """SD-4, C-9: refused, and nothing is written."""
    long = "x" * 201
    for target in ("%2E", "%2E%2E", "a%00", "a%0Ab", "%1F", "a%2Fb", "%FF", "a%C3", long, "%C3%A9" * 101):
        answer = router.ask("PUT", f"/records/{target}", body=b"1")
        router.expect(answer, 400, f"{target[:30]} is no key.")
        router.expect(router.ask("GET", f"/records/{target}"), 400, f"{target[:30]} is no key.")
    for body in (b"{", b"nul", b"'a'", b"[1,]", b'"\xff"', b"1 2", b"NaN"):
        key = router.new_key()
        router.expect(router.ask("PUT", record(key), JSON, body), 400, f"{body!r} is no JSON.")
        router.must_lack(key, "A request that is refused writes nothing.")
    for target in ("/nothing", "/record", "/recordsx"):
        router.expect(router.ask("GET", target), 404, "There is no such path.")


def test_delete(router: Router) -> None:
    """SD-7: gone, and again absent; others stay; and it can come back."""
    key, other = router.new_keys(2)
    router.store(key, 1)
    version = router.store(other, 2)
    router.expect(router.delete(key), 204, "The record was there.")
    router.must_lack(key, "It was deleted.")
    router.expect(router.delete(key), 404, "It is not there any more.")
    gone = router.must_lack(key, "It was deleted.")
    router.must_have(other, 2, version, "Another record was deleted, not this one.")
    if key in router.shards.places():
        fail(gone, expected="no row of public.records", got=f"one with the key {key!r}", why="It was deleted.")
    router.must_have(key, 3, router.store(key, 3), "A key that was deleted can be used again.")


def test_versions(router: Router) -> None:
    """SD-16: one more with each update, larger with each creation."""
    key = router.new_key()
    highest = 0
    for _ in range(3):
        version = router.store(key, 0)
        must_be_version(router, key, version, version > highest, f"more than {highest}, which it had before")
        for number in range(1, 15):
            updated = router.update(key, number)
            must_be_version(router, key, updated, updated == version + 1, f"{version + 1}, one more than before")
            version = updated
        router.expect(router.delete(key), 204, "The record was there.")
        highest = version


def must_be_version(router: Router, key: str, got: int, is_right: bool, expected: str) -> None:
    """Of the last answer."""
    if not is_right:
        why = "A version names one state of a record, and never another one."
        fail(router.get(key), expected=f"version {expected}", got=f"version {got}", why=why)


def test_compare_and_set(router: Router) -> None:
    """SD-17: each condition, met and not met."""
    key = router.new_key()
    expect = router.expect
    expect(router.put(key, 0, if_match(1)), 412, "The record is absent, so it has no version.")
    expect(router.delete(key, if_match(1)), 404, "There is nothing to delete.")
    answer = expect(router.put(key, 1, IF_ABSENT), 201, "The record was absent, as the condition wants.")
    version = version_of(answer, READ)
    expect(router.put(key, 2, IF_ABSENT), 412, "The record is present.")
    for other in (version - 1, version + 1, version * 2):
        expect(router.put(key, 2, if_match(other)), 412, "The record has another version.")
        expect(router.delete(key, if_match(other)), 412, "The record has another version.")
    router.must_have(key, 1, version, "What was refused changed nothing.")
    answer = expect(router.put(key, 2, if_match(version)), 200, "The condition names the version that it has.")
    if version_of(answer, READ) != version + 1:
        fail(answer, expected=f"version {version + 1}", got=answer.text, why="An update gives one more.")
    expect(router.put(key, 3, if_match(version)), 412, "That version is past.")
    router.must_have(key, 2, version + 1, "What was refused changed nothing.")
    expect(router.delete(key, if_match(version + 1)), 204, "The condition names the version that it has.")
    router.must_lack(key, "It was deleted.")
    renewed = router.store(key, 4)
    expect(router.put(key, 5, if_match(version + 1)), 412, f"That version is past: now it is {etag(renewed)}.")


def test_one_winner(router: Router) -> None:
    """SD-17, SD-18: of twenty with one condition at once, one succeeds; of twenty without, each counts."""
    for _ in range(3):
        key = router.new_key()
        winner = won(router, [Ask(record(key), {**JSON, **IF_ABSENT}, "PUT", encoded(n)) for n in range(20)], 201)
        value, version = winner
        router.must_have(key, value, version, "The one that was told 201 is the one that was written.")
        fields = {**JSON, **if_match(version)}
        value, version = won(router, [Ask(record(key), fields, "PUT", encoded(n)) for n in range(20)], 200)
        router.must_have(key, value, version, "The one that was told 200 is the one that was written.")
        answers = router.all_at_once([Ask(record(key), JSON, "PUT", encoded(n)) for n in range(20)], 20)
        versions = sorted(version_of(router.expect(answer, 200, READ), READ) for answer in answers)
        if versions != list(range(version + 1, version + 21)):
            expected = f"twenty versions from {version + 1} to {version + 20}"
            fail(answers[-1], expected=expected, got=str(versions), why="Each update adds one to the version before.")
        deleted = router.all_at_once([Ask(record(key), {}, "DELETE")] * 20, 20)
        one_of(router, deleted, 204, 404)


def won(router: Router, asks: list[Ask], status: int) -> tuple[int, int]:
    """The value of the one that succeeded, and its version."""
    answers = router.all_at_once(asks, len(asks))
    index = one_of(router, answers, status, 412)
    return index, version_of(answers[index], ONE_STEP)


def one_of(router: Router, answers: list[Answer], status: int, other: int) -> int:
    """The index of the one that has this status; all others have the other."""
    for answer in answers:
        if answer.status not in (status, other):
            router.expect(answer, other, ONE_STEP)
    winners = [index for index, answer in enumerate(answers) if answer.status == status]
    if len(winners) != 1:
        got = f"{len(winners)} of them"
        fail(*answers[-2:], expected=f"{status} for exactly one of {len(answers)} at once", got=got, why=ONE_STEP)
    return winners[0]


def test_durable(services: Services, companions: Companions, rng: random.Random) -> None:
    """SD-19, SD-16: the router is killed right after an answer, then the shard."""
    fleet = Fleet(services, companions, rng, 1)
    router = fleet.start()
    (shard,) = fleet.shards.companions.values()
    for target in (router.service, shard):
        key, gone, updated = router.new_keys(3)
        before = router.store(gone, 0)
        router.store(updated, 0)
        for number in range(20):
            before = router.update(gone, number)
        router.expect(router.delete(gone), 204, "The record was there.")
        last = router.update(updated, {"at": "last"})
        version = router.store(key, [1])
        back = killed_and_started(target)
        router.reconnect()
        if target is shard:
            wait_until(back + BACK_SECONDS)  # SD-27: before that any request may be 503
        settle(router, key)
        router.must_have(key, [1], version, KEPT)
        router.must_have(updated, {"at": "last"}, last, KEPT)
        router.must_lack(gone, "That it was deleted was acknowledged.")
        renewed = router.store(gone, 1)
        must_be_version(router, gone, renewed, renewed > before, f"more than {before}, which it had before")


def test_few_connections(services: Services, companions: Companions, rng: random.Random) -> None:
    """SD-1: however many ask at once, and however far away the shard is, it has at most 30 connections."""
    fleet = Fleet(services, companions, rng, 1, timeout_ms=PATIENT_MS, proxied=1)
    router = fleet.start()
    (shard,) = fleet.shards.companions.values()
    (name,) = fleet.shards
    key = router.new_key()
    version = router.store(key, 1)
    asks = [Ask(record(other)) for other in router.new_keys(300)]
    looks: list[frozenset[int]] = []
    with shard.delayed(FAR_MS):
        asking = Aside(router, asks, 100)
        wait(0.3)  # what was open before goes on, or ends
        while not asking.is_over or len(looks) < 2:
            looks.append(router.shards.connections(name))
            wait(APART_SECONDS)
    for answer in asking.answers():
        if answer.status != 503:  # who has few connections may let some wait for too long
            answer.expect(404, "Nobody has put this record.")
    last = router.must_have(key, 1, version, READ)
    if (most := max(len(one & other) for one, other in pairwise(looks))) > MOST_CONNECTIONS:
        expected = f"at most {MOST_CONNECTIONS} connections to a shard"
        why = "A database gives its connections to everybody who needs it, not to one."
        router.too_slow(last, deadline=LINGERS_SECONDS, expected=expected, got=f"{most}", why=why)


def test_graceful_stop(services: Services, companions: Companions, rng: random.Random) -> None:
    """C-6: after SIGTERM it finishes what is in flight, and exits with 0, in time."""
    fleet = Fleet(services, companions, rng, 1, timeout_ms=PATIENT_MS, proxied=1)
    router = fleet.start()
    (shard,) = fleet.shards.companions.values()
    router.store(router.new_key(), 0)
    key = router.new_key()
    answers: list[Answer] = []
    lost: list[Broken | Exceeded] = []

    def put() -> None:
        try:
            answers.append(router.put(key, 1))
        except (Broken, Exceeded) as fault:
            lost.append(fault)

    with shard.delayed(SLOW_MS):
        putting = threading.Thread(target=put, daemon=True)
        putting.start()
        wait(0.15)  # sent, and not answered before a byte has gone to the shard and back
        code = stopped(router, STOP_SECONDS)
        putting.join()
    if lost:
        raise lost[0]
    why = "Every deployment ends with SIGTERM; what was begun is finished."
    if code != 0:
        fail(*answers, expected="exit code 0 after SIGTERM", got=f"{code}", why=why)
    version = version_of(router.expect(answers[0], 201, why), why)
    router.service.restart()
    router.reconnect()
    router.must_have(key, 1, version, KEPT)
