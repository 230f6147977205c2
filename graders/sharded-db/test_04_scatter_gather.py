"""Stage scatter-gather: many keys at once, and all of them in order."""

from __future__ import annotations

import random
import statistics
from typing import Any

from fleet import Fleet, keys_by_shard
from vocabulary import Router, encoded, items_of, member, must_be_item, shown

from labrunner.checks import Answer, Companions, Services, fail, note_deadline

BATCH = "A batch tells of each key once: here, missing, or unavailable."
ORDER = "A scan is one list, however many shards it comes from."
NOW = "An item is what GET tells of the record now."
SLOW_MS = 60
PAIRS = 5
TAILS = (
    "", "\x20", "!", "-", "0", "00", "1", "10", "9", "A", "Aa", "B", "Z", "_", "a", "aa", "ab", "b", "z", "~", "é", "e\u0301", "z\u0301",
    "ß", "中", "\ud7ff", "\ue000", "\ufffd", "\U00010000", "\U0001f600", "\U0010fffd",
)  # fmt: skip
"""Byte order is neither a language's, nor that of UTF-16, nor that without cases."""
EMPTY_PAGES = 20
"""A page may be empty and lead on, but not for ever."""
FOREIGN = "\x01/" * 150
"""No base64, no number, no key: in nobody's form a cursor."""


def test_batch(router: Router) -> None:
    """SD-8, SD-20: present, absent and doubled keys; one; five hundred."""
    keys, absent = router.new_keys(40), router.new_keys(10, "absent")
    versions = router.fill(keys)
    asked = [*keys, *absent, *keys[:5], absent[0]]
    router.rng.shuffle(asked)
    must_be_batch(router, asked, {key: (key, versions[key]) for key in keys}, absent)
    must_be_batch(router, keys[:1], {keys[0]: (keys[0], versions[keys[0]])}, [])
    many = router.new_keys(500 - len(keys), "many")
    must_be_batch(router, [*many, *keys], {key: (key, versions[key]) for key in keys}, many)


def must_be_batch(router: Router, asked: list[str], there: dict[str, tuple[Any, int]], missing: list[str]) -> None:
    """Each key is in the one list where it belongs."""
    answer = router.expect(router.batch(asked), 200, BATCH)
    items = items_of(answer, BATCH)
    for name, wanted, got in (
        ("items", sorted(there), sorted(items)),
        ("missing", sorted(missing), told_keys(answer, "missing")),
        ("unavailable", [], told_keys(answer, "unavailable")),
    ):
        if got != wanted:
            if name == "unavailable":
                router.too_slow(answer, expected="no key unavailable", got=shown(got), why=BATCH)
            fail(answer, expected=f"'{name}' with {shown(wanted)}", got=shown(got), why=BATCH)
    for key, (value, version) in there.items():
        must_be_item(answer, items[key], key, value, version, BATCH)


def told_keys(answer: Answer, name: str) -> list[str]:
    """A list of keys in a batch."""
    found = member(answer, name, BATCH)
    if not isinstance(found, list) or not all(isinstance(key, str) for key in found):
        fail(answer, expected=f"'{name}' as a list of keys", got=shown(found), why=BATCH)
    return sorted(found)


def test_parallel(services: Services, companions: Companions, rng: random.Random) -> None:
    """SD-20: with each shard slow, a batch over three takes about as long as one of as many keys on one."""
    fleet = Fleet(services, companions, rng, 3, timeout_ms=10_000, proxied=3)
    router = fleet.start()
    by_shard = keys_by_shard(router, 9)
    over_all = [key for keys in by_shard.values() for key in keys[:3]]
    for keys in by_shard.values():
        router.fill(keys)
    for shard in fleet.shards.companions.values():
        shard.delayed(SLOW_MS)
    took: dict[str, list[float]] = {"all": [], **{name: [] for name in by_shard}}
    last = router.expect(router.batch(over_all), 200, BATCH)
    for _ in range(PAIRS):
        for name, keys in (("all", over_all), *by_shard.items()):
            last = router.expect(router.batch(keys), 200, BATCH)
            took[name].append(last.answered - last.sent)
    one = max(statistics.median(took[name]) for name in by_shard)
    all_of_them = statistics.median(took["all"])
    note_deadline(all_of_them, 2 * one)
    if all_of_them > 2 * one:
        expected = f"a batch over 3 shards within twice the {one * 1000:.0f} ms of one over the slowest"
        why = "Who asks one shard after the other is as slow as all of them together."
        got = f"{all_of_them * 1000:.0f} ms (medians of {PAIRS})"
        router.too_slow(last, deadline=2 * one, expected=expected, got=got, why=why)


def test_scan_order(router: Router) -> None:
    """SD-9, SD-21: whole, in the order of their bytes, as they are now; at most a hundred unless asked otherwise."""
    prefix = router.new_key("scan")
    keys = [f"{prefix}{tail}" for tail in TAILS]
    versions = router.fill(router.rng.sample(keys, len(keys)))
    must_be_whole(router, prefix, {key: (key, versions[key]) for key in keys})
    changed, gone = router.rng.sample(keys, 2)
    versions[changed] = router.update(changed, "changed")
    router.expect(router.delete(gone), 204, "The record was there.")
    values = {key: "changed" if key == changed else key for key in keys if key != gone}
    must_be_whole(router, prefix, {key: (value, versions[key]) for key, value in values.items()})
    hundred = router.new_key("hundred")
    many = sorted(f"{hundred}{number:03}" for number in range(101))
    router.fill(many)
    answer, items, following = page(router, prefix=hundred)
    if len(items) > 100:
        fail(answer, expected="at most 100 items", got=f"{len(items)}", why="The client asked for no other limit.")
    must_be_in_order(answer, list(items), many[: len(items)])
    if following is None:
        fail(answer, expected="a cursor as 'next'", got='"next": null', why="One record at least is left.")


def must_be_whole(router: Router, prefix: str, there: dict[str, tuple[Any, int]]) -> None:
    """SD-9, SD-21: these records with their values and versions in the order of their bytes, in pages of any size."""
    answer, items = followed(router, 1000, prefix, len(there))
    must_be_in_order(answer, [item["key"] for item in items], sorted(there, key=str.encode))
    for item in items:
        must_be_item(answer, item, item["key"], *there[item["key"]], NOW)


def page(router: Router, **parameters: str | int) -> tuple[Answer, dict[str, Any], str | None]:
    """A page of a scan that needs no shard that is down: the answer, its items, its next."""
    answer = router.expect(router.scan(**parameters), 200, ORDER)
    if unavailable := member(answer, "unavailable", ORDER):
        router.too_slow(answer, expected='"unavailable": []', got=shown(unavailable), why=ORDER)
    following = member(answer, "next", ORDER)
    if following is not None and not isinstance(following, str):
        fail(answer, expected="'next' as a string or null", got=shown(following), why=ORDER)
    return answer, items_of(answer, ORDER), following


def must_be_in_order(answer: Answer, got: list[str], wanted: list[str]) -> None:
    """SD-21: exactly these keys, in this order."""
    if got != wanted:
        index = next(
            (i for i, pair in enumerate(zip(got, wanted, strict=False)) if pair[0] != pair[1]),
            min(len(got), len(wanted)),
        )
        expected = f"item {index + 1} of {len(wanted)}: {shown(wanted[index]) if index < len(wanted) else 'none'}"
        fail(answer, expected=expected, got=shown(got[index]) if index < len(got) else "no such item", why=ORDER)


def followed(router: Router, limit: int, prefix: str, most: int) -> tuple[Answer, list[dict[str, Any]]]:
    """All items of a scan, page after page; `most` of them, or it does not end. A page may be short of its limit."""
    answer, items, following = page(router, prefix=prefix, limit=limit)
    found: list[dict[str, Any]] = []
    pages = 1
    while True:
        if len(items) > limit:
            fail(answer, expected=f"at most {limit} items", got=f"{len(items)}", why="The client asked for no more.")
        found += items.values()
        if following is None:
            return answer, found
        if len(found) > most or pages > 2 * most + EMPTY_PAGES:
            got = f"{len(found)} keys on {pages} pages, and a cursor"
            fail(answer, expected=f"an end after {most} keys", got=got, why=ORDER)
        answer, items, following = page(router, prefix=prefix, limit=limit, cursor=following)
        pages += 1


def test_scan_pages(router: Router) -> None:
    """SD-21: pages of one, of some and of all; each key once."""
    prefix = router.new_key("pages")
    keys = sorted(f"{prefix}{number}" for number in range(75))
    router.fill(keys)
    for limit in (1, 2, 7, 25, 75, 76):
        few = 15 if limit == 1 else len(keys)
        scanned = prefix if few == len(keys) else f"{prefix}1"
        wanted = [key for key in keys if key.startswith(scanned)]
        answer, items = followed(router, limit, scanned, len(wanted))
        must_be_in_order(answer, [item["key"] for item in items], wanted)


def test_prefix(router: Router) -> None:
    """SD-21: no pattern, no case, no key beside it."""
    base = router.new_key("p")
    tails = ("", "%", "%a", "_", "_a", "a", "A", "aa", "\\", "\\%", "+", " b", "é", "éa", "e", "*", "'")
    keys = [f"{base}{tail}" for tail in tails]
    router.fill(keys)
    for tail in ("%", "_", "a", "A", "\\", "+", " ", "é", "e", "*", "'", "zz"):
        answer, items = followed(router, 1000, f"{base}{tail}", len(keys))
        wanted = sorted((key for key in keys if key.startswith(f"{base}{tail}")), key=str.encode)
        must_be_in_order(answer, [item["key"] for item in items], wanted)


def test_bad_requests(router: Router) -> None:
    """SD-20, SD-21: no batch, no limit, no cursor."""
    for limit in ("0", "1001", "-1", "ten"):
        router.expect(router.scan(limit=limit), 400, f"limit is 1 to 1000, not {limit!r}.")
    router.expect(router.scan(cursor=FOREIGN), 400, "Nobody was given such a cursor.")
    key = router.new_key()
    bodies: list[Any] = [
        [],
        {},
        {"keys": []},
        {"keys": key},
        {"keys": [1]},
        {"keys": [f"{key}{n}" for n in range(501)]},
    ]
    for body in bodies:
        router.expect(router.ask("POST", "/records:batchGet", body=encoded(body)), 400, "A batch has 1 to 500 keys.")
    router.expect(router.ask("POST", "/records:batchGet", body=b"{"), 400, "That is no JSON.")
