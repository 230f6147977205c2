"""The model: which stores may a correct cache hold after each exchange, and which answers do they allow?"""

from __future__ import annotations

import dataclasses
import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labrunner.rules.caching.records import joined
from labrunner.rules.caching.storing import Stored, Storing, store, storing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from labrunner.rules.caching.records import Asked, Exchange, Fields, Got, Said

SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
KEPT = frozenset({"content-length", "content-encoding", "content-range", "etag"})
"""Fields that a 304 does not replace (CA-17)."""
_TAG = re.compile(r'(?:W/)?("[^"]*")')
"""An entity-tag, without its weakness; a comma may stand within the quotes (RFC 9110, 8.8.3)."""
Store = frozenset[Stored]


@dataclass(frozen=True)
class Impossible:
    """No correct cache answers so.

    Attributes:
        at: the exchange that none of the possible stores allows; the first has number 0.
        allowed: what was allowed, in words.
    """

    at: int
    allowed: tuple[str, ...]


def judge(exchanges: Sequence[Exchange]) -> Impossible | None:
    """Judge one URI's exchanges, each sent after the answer of the one before; the store begins empty.

    Returns:
        None when some correct cache may have answered so.
    """
    stores: set[Store] = {frozenset()}
    for at, exchange in enumerate(exchanges):
        after: set[Store] = set()
        allowed: dict[str, None] = {}
        for kept in {swept for each in stores for swept in _swept(each, exchange.asked)}:
            for way in _ways(kept, exchange):
                allowed[way.told] = None
                if way.is_taken:
                    after.update(way.after)
        if not after:
            return Impossible(at, tuple(allowed))
        stores = after
    return None


def _swept(kept: Store, asked: Asked) -> Iterator[Store]:
    """CA-30: what is stale, and can neither be validated nor served any more, may have been dropped by itself."""
    useless = [
        entry
        for entry in kept
        if entry.may_be_stale(asked)
        and not entry.head.has_validator
        and not any(name in entry.head.directives for name in ("stale-while-revalidate", "stale-if-error"))
    ]
    for count in range(len(useless) + 1):
        for some in itertools.combinations(useless, count):
            yield kept - frozenset(some)


@dataclass(frozen=True)
class Way:
    """Something that a correct cache may do.

    Attributes:
        told: in words.
        is_taken: whether what was seen is that.
        after: the stores that it may leave.
    """

    told: str
    is_taken: bool
    after: tuple[Store, ...]


def _ways(kept: Store, exchange: Exchange) -> Iterator[Way]:
    """All that a correct cache may do, from this store."""
    asked, got = exchange.asked, exchange.got
    if asked.method == "PURGE":
        wanted = 204 if kept else 404
        yield Way(f"{wanted} to PURGE", got.status == wanted and not exchange.forwards, (frozenset(),))
    elif asked.method not in {"GET", "HEAD"}:
        yield from _passed(kept, exchange, "method", None)
    elif asked.get("range") is not None:
        yield from _passed(kept, exchange, "bypass", None)
    else:
        matching = [entry for entry in kept if entry.matches(asked)]
        if not matching:
            yield from _fetched(kept, exchange, "vary-miss" if kept else "uri-miss", None)
        for entry in _newest(matching):
            yield from _from_entry(kept, exchange, entry)


def _newest(matching: list[Stored]) -> list[Stored]:
    """Those that may have the newest ``Date``, which is cut to whole seconds."""
    latest = max((_date(entry) for entry in matching), default=0.0)
    return [entry for entry in matching if _date(entry) + 1.0 + entry.head.done - entry.head.arrived >= latest]


def _date(entry: Stored) -> float:
    return entry.head.arrived + (entry.head.date or 0)


def _from_entry(kept: Store, exchange: Exchange, entry: Stored) -> Iterator[Way]:
    """An entry matches: it is used, or something is asked of the origin."""
    asked = exchange.asked
    must_ask = "no-cache" in entry.head.directives
    if entry.may_be_fresh(asked) and not must_ask:
        if _may_be_allowed(asked, entry):
            yield from _hit(kept, exchange, entry)
        if _may_be_forbidden(asked, entry):
            yield from _fetched(kept, exchange, "request", entry)
    if entry.may_be_stale(asked) or must_ask:
        least, greatest = entry.staleness(asked)
        window = entry.head.directives.seconds("stale-while-revalidate")
        may_serve = window is not None and not entry.is_never_stale and not _forbids_any(asked) and least <= window
        if may_serve:
            yield from _hit(kept, exchange, entry, is_refreshed=True)
        if not may_serve or greatest > (window or 0) or asked.get("pragma") is not None:
            yield from _fetched(kept, exchange, "stale", entry)


def _forbids_any(asked: Asked) -> bool:
    mine = asked.directives
    return any(name in mine for name in ("no-cache", "no-store", "max-age", "min-fresh"))


def _may_be_allowed(asked: Asked, entry: Stored) -> bool:
    """CA-15: whether the request's directives may let a fresh entry be used."""
    mine, (least, _) = asked.directives, entry.age(asked)
    limit, left = mine.seconds("max-age"), mine.seconds("min-fresh")
    is_within = (limit is None or least <= limit) and (left is None or -entry.staleness(asked)[0] >= left)
    return is_within and "no-cache" not in mine and "no-store" not in mine


def _may_be_forbidden(asked: Asked, entry: Stored) -> bool:
    """CA-15: whether they may forbid it. ``Pragma``: as they like; some servers make ``no-cache`` of it themselves."""
    mine, (_, greatest) = asked.directives, entry.age(asked)
    limit, left = mine.seconds("max-age"), mine.seconds("min-fresh")
    is_over = (limit is not None and greatest > limit) or (left is not None and -entry.staleness(asked)[1] < left)
    return is_over or "no-cache" in mine or "no-store" in mine or asked.get("pragma") is not None


def _hit(kept: Store, exchange: Exchange, entry: Stored, *, is_refreshed: bool = False) -> Iterator[Way]:
    """Served from the store; with a refresh behind it, which may have been seen already or not (CA-28)."""
    asked, got = exchange.asked, exchange.got
    least, greatest = entry.age(asked)
    is_right = (
        got.is_hit
        and (is_refreshed or not exchange.forwards)
        and got.age is not None
        and least - 1.0 <= got.age <= greatest  # whole seconds: the fraction may be cut
        and _is_served(asked, got, entry)
    )
    after: list[Store] = [kept]
    for said in exchange.forwards:
        after += [store for store, _ in _after(kept, asked, said, entry)]
    told = f"a hit with the body of answer {entry.body} and Age from {max(0, int(least))} to {int(greatest)}"
    yield Way(told, is_right, tuple(after))


def _is_served(asked: Asked, got: Got, entry: Stored) -> bool:
    """Whether the answer is this entry, or a 304 that says that the client has it (CA-18, CA-20)."""
    if got.number != entry.head.number and not (got.status == 304 and got.number is None):
        return False  # of a 304's fields only some are asked for
    if entry.head.status == 200 and asked.has_conditions:
        is_held = _is_held(asked, entry)
        if is_held is not False and got.status == 304:
            return True
        if is_held:
            return False
    return got.status == entry.head.status and (asked.method == "HEAD" or got.body in {entry.body, None})


def _is_held(asked: Asked, entry: Stored) -> bool | None:
    """Whether the client's conditions say that it has it; None when the model cannot tell (dates)."""
    tags = asked.get("if-none-match")
    if tags is None:
        return None
    mine = entry.head.get("etag")
    return tags == "*" or (mine is not None and mine.removeprefix("W/") in _TAG.findall(tags))


def _fetched(kept: Store, exchange: Exchange, why: str, entry: Stored | None) -> Iterator[Way]:
    """Forwarded, with 504 for ``only-if-cached`` (CA-16)."""
    if "only-if-cached" in exchange.asked.directives:
        yield Way("504: only-if-cached", exchange.got.status == 504 and not exchange.forwards, (kept,))
        return
    yield from _passed(kept, exchange, why, entry)


def _passed(kept: Store, exchange: Exchange, why: str, entry: Stored | None) -> Iterator[Way]:
    """Forwarded once (a GET perhaps again); the last forward's answer counts."""
    asked, got = exchange.asked, exchange.got
    told = f"fwd={why}"
    if not exchange.forwards or (len(exchange.forwards) > 1 and asked.method not in {"GET", "HEAD"}):
        yield Way(f"{told}, one request at the origin", is_taken=False, after=())
        return
    said = exchange.forwards[-1]
    if entry is not None and said.has_failed and _may_serve_for_error(asked, entry):
        # Of one that is fresh, and that the client did not want, CA-29 says nothing: it is served, as this or that, or not.
        is_taken = got.why in {why, "stale"} and _is_served(asked, got, entry)
        yield Way(f"{told}, with the body of the stored answer {entry.body}", is_taken, (kept,))
        if why != "stale" or not _must_serve_for_error(asked, entry):
            yield from _relayed(kept, exchange, why, entry, said)
        return
    yield from _relayed(kept, exchange, why, entry, said)


def _may_serve_for_error(asked: Asked, entry: Stored) -> bool:
    window = entry.head.directives.seconds("stale-if-error")
    return window is not None and not entry.is_never_stale and entry.staleness(asked)[0] <= window


def _must_serve_for_error(asked: Asked, entry: Stored) -> bool:
    return entry.staleness(asked)[1] <= (entry.head.directives.seconds("stale-if-error") or 0)


def _relayed(kept: Store, exchange: Exchange, why: str, entry: Stored | None, said: Said) -> Iterator[Way]:
    """The origin's answer is the client's, or validates the entry."""
    asked, got = exchange.asked, exchange.got
    if said.status == 0:
        yield Way("502 or 504: the origin did not answer", got.status in {502, 504}, (kept,))
        return
    is_asked = _are_conditions_right(asked, said, entry)
    for after, refreshed in _after(kept, asked, said, entry):
        if refreshed is not None:
            is_right = _is_served(asked, got, refreshed)
            told = f"fwd={why}, and after the origin's 304 the body of answer {refreshed.body}"
            yield Way(told, is_asked and got.why == why and is_right, (after,))
            continue
        must = storing(asked, said)
        is_new = any(each.head.number == said.number for each in after)
        # What was just stored may be used at once to tell the client that it has it (CA-18).
        is_held = (
            got.status == 304 and said.status == 200 and is_new and _is_held(asked, store(asked, said)) is not False
        )
        is_told = got.status == said.status or (is_held and asked.has_conditions)
        is_right = is_told and got.number in ({said.number, None} if is_held else {said.number})
        is_right = is_right and got.is_stored == is_new
        told = f"fwd={why}, answer {said.number} ({said.status}), which {must.value}"
        if not is_asked:
            told += "; asked for with the stored answer's validators"
        yield Way(told, is_asked and got.why == why and is_right, (after,))


def _are_conditions_right(asked: Asked, said: Said, entry: Stored | None) -> bool:
    """CA-17 and CA-19: what the origin was asked."""
    if asked.method != "GET" or "no-store" in asked.directives:
        return True  # which conditions a HEAD has is not said
    seen = joined(said.seen, "if-none-match")
    if entry is None or not entry.head.has_validator:
        return entry is not None or seen == asked.get("if-none-match")
    return seen == entry.head.get("etag") and (
        (joined(said.seen, "if-modified-since") is not None) == (entry.head.last_modified is not None)
    )


def _after(kept: Store, asked: Asked, said: Said, entry: Stored | None) -> list[tuple[Store, Stored | None]]:
    """The stores that an answer of the origin may leave, each with the entry that it validated."""
    if asked.method not in SAFE:
        return [(frozenset() if 200 <= said.status < 400 else kept, None)]
    may_change = asked.method == "GET" and "no-store" not in asked.directives and asked.get("range") is None
    if said.status == 304 or not may_change:
        if said.status != 304 or entry is None or not entry.head.has_validator:
            return [(kept, None)]
        if may_change:
            return [(kept - {entry} | {each}, each) for each in _refreshed(asked, said, entry)]
        # To whose condition this 304 was, the client's (if it had one) or the cache's, is not said.
        served: list[Stored | None] = [dataclasses.replace(entry, head=_merged(entry.head, said)), entry]
        if asked.has_conditions:
            served.append(None)
        return [(kept, each) for each in served]
    without = kept if entry is None else kept - {entry}
    must = storing(asked, said)
    if must is Storing.NEVER and said.status >= 500:
        return [(kept, None)]
    left: list[tuple[Store, Stored | None]] = []
    if must is not Storing.NEVER:
        left.append((without | {store(asked, said)}, None))
    if must is not Storing.MUST:
        left.append((without, None))
    elif said.status >= 500 and kept != without:
        left.append((kept, None))  # 501 may be stored, and a 5xx leaves what is stored: either
    return left


def _refreshed(asked: Asked, said: Said, entry: Stored) -> dict[Stored, None]:
    """What a 304 may make of the entry."""
    merged = _merged(entry.head, said)
    # One without `Date` may have got that of its arrival (RFC 9110, 6.6.1), or have left the old one in its place.
    heads = [merged] if said.date is not None else [dataclasses.replace(merged, date=None), merged]
    ways = dict[Stored, None]()
    for head in heads:
        refreshed = dataclasses.replace(entry, head=head, sent=asked.sent)
        # A 304 with another `Vary`: whether by the old fields, or by this request's, is not said.
        ways |= {refreshed: None, dataclasses.replace(refreshed, variant=store(asked, head).variant): None}
    return ways


def _merged(old: Said, new: Said) -> Said:
    """CA-17: a 304's fields replace the stored ones, but for some."""
    names = {name.lower() for name, _ in new.fields} - KEPT
    # The age starts anew: an `Age` of before is about another journey.
    fields: Fields = tuple(field for field in old.fields if field[0].lower() not in names | {"age"})
    fields += tuple(field for field in new.fields if field[0].lower() in names)
    has_expires = new.expires is not None or new.is_expires_invalid
    return dataclasses.replace(
        old,
        number=new.number,
        arrived=new.arrived,
        done=new.done,
        date=new.date if new.date is not None else old.date,
        fields=fields,
        expires=new.expires if has_expires else old.expires,
        is_expires_invalid=new.is_expires_invalid if has_expires else old.is_expires_invalid,
        last_modified=old.last_modified if new.last_modified is None else new.last_modified,
    )
