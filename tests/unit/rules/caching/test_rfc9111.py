"""The model against the RFCs: of each case, which ways to answer the second request are right, and which are not.

Each row names the section that says so. Where the contract of the lab `cache` is narrower than the section, its rule stands beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from labrunner.rules.caching import Asked, Exchange, Got, Said, judge

Fields = tuple[tuple[str, str], ...]
WAYS = ("hit", "uri-miss", "vary-miss", "stale", "request", "method", "bypass", "504")
TAG = ("ETag", '"a"')
SECRET = ("Authorization", "Bearer x")
GERMAN, ENGLISH = ("Accept-Language", "de"), ("Accept-Language", "en")
BY_LANGUAGE = ("Vary", "Accept-Language")


@dataclass(frozen=True)
class Case:
    """An answer, what happens between, a second request.

    Attributes:
        section: that says what follows.
        right: the ways to answer the second request that are right; all others are wrong.
        control, fields, date, expires, status: of the first answer.
        asked, then: the fields of the two requests.
        after: seconds between them.
        first, second: their methods.
        change: method and status of a request between them.
    """

    section: str
    right: str
    control: str = ""
    fields: Fields = ()
    asked: Fields = ()
    then: Fields = ()
    after: float = 0.0
    first: str = "GET"
    second: str = "GET"
    status: int = 200
    date: int | None = 0
    expires: int | None = None
    is_expires_invalid: bool = False
    change: tuple[str, int] | None = None


def cc(value: str) -> Fields:
    """A request's directive."""
    return (("Cache-Control", value),)


CASES = [
    Case("RFC 9111, 3: explicit freshness, max-age", "hit", "max-age=60"),
    Case("RFC 9111, 3: explicit freshness, Expires", "hit", expires=60),
    Case("RFC 9111, 3: explicit freshness, s-maxage", "hit", "s-maxage=60"),
    Case("RFC 9111, 3: nothing explicit is left alone (CA-8)", "uri-miss"),
    Case("RFC 9111, 3: 404 may be stored", "hit", "max-age=60", status=404),
    Case("RFC 9111, 3: 301 may be stored", "hit", "max-age=60", status=301),
    Case("RFC 9111, 3: 501 may be stored", "hit", "max-age=60", status=501),
    Case("RFC 9111, 3: 302 is left alone (CA-8)", "uri-miss", "max-age=60", status=302),
    Case("RFC 9111, 3: 503 is left alone (CA-8)", "uri-miss", "max-age=60", status=503),
    Case("RFC 9111, 3.3: an incomplete answer is no whole one", "uri-miss", "max-age=60", status=0),
    Case("RFC 9111, 3.3: 206 is left alone (CA-8)", "uri-miss", "max-age=60", status=206),
    Case("RFC 9111, 3.5: an answer to Authorization is not shared", "uri-miss", "max-age=60", asked=(SECRET,)),
    Case("RFC 9111, 3.5: unless public", "hit", "public, max-age=60", asked=(SECRET,)),
    Case("RFC 9111, 3.5: unless s-maxage", "hit", "s-maxage=60", asked=(SECRET,)),
    Case("RFC 9111, 3.5: unless must-revalidate", "hit", "must-revalidate, max-age=60", asked=(SECRET,)),
    Case("RFC 9111, 3.5: no-cache allows nothing", "uri-miss", "no-cache, max-age=60", (TAG,), asked=(SECRET,)),
    Case("RFC 9111, 3.5: it is about storing, not about using", "hit", "max-age=60", then=(SECRET,)),
    Case("RFC 9111, 4: HEAD is answered from GET", "hit", "max-age=60", second="HEAD"),
    Case("RFC 9111, 4: GET is not answered from HEAD (CA-8)", "uri-miss", "max-age=60", first="HEAD"),
    Case("RFC 9111, 4: an unsafe method is written through", "method", "max-age=60", second="POST"),
    Case("RFC 9111, 4: a stale answer is not used unvalidated", "stale", "max-age=60", (TAG,), after=70),
    Case("RFC 9111, 4.1: a variant that matches", "hit", "max-age=60", (BY_LANGUAGE,), (GERMAN,), (GERMAN,)),
    Case("RFC 9111, 4.1: a variant that does not", "vary-miss", "max-age=60", (BY_LANGUAGE,), (GERMAN,), (ENGLISH,)),
    Case("RFC 9111, 4.1: absent matches absent", "hit", "max-age=60", (BY_LANGUAGE,)),
    Case("RFC 9111, 4.1: absent does not match a value", "vary-miss", "max-age=60", (BY_LANGUAGE,), then=(GERMAN,)),
    Case("RFC 9111, 4.1: a value does not match absent", "vary-miss", "max-age=60", (BY_LANGUAGE,), (GERMAN,)),
    Case("RFC 9111, 4.1: names in any case", "hit", "max-age=60", (("Vary", "ACCEPT-language"),), (GERMAN,), (GERMAN,)),
    Case("RFC 9111, 4.1: blanks do not count", "hit", "max-age=60", (("Vary", "x-a"),), (("X-A", "b, c"),), (("X-A", "b,c"),)),
    Case("RFC 9111, 4.1: lines are joined", "hit", "max-age=60", (("Vary", "x-a"),), (("X-A", "b"), ("X-A", "c")), (("X-A", "b,c"),)),
    Case("RFC 9111, 4.1: all of the fields named", "vary-miss", "max-age=60", (("Vary", "x-a, x-b"),), (("X-A", "1"), ("X-B", "1")), (("X-A", "1"), ("X-B", "2"))),
    Case("RFC 9111, 4.1: Vary * never matches", "uri-miss", "max-age=60", (("Vary", "*"),)),
    Case("RFC 9111, 4.1: a field not named does not count", "hit", "max-age=60", (BY_LANGUAGE,), (GERMAN,), (GERMAN, ("X-B", "1"))),
    Case("RFC 9111, 4.2: fresh while its lifetime exceeds its age", "hit", "max-age=60", after=50),
    Case("RFC 9111, 4.2: within a second of the boundary (CA-13)", "hit stale uri-miss", "max-age=60", after=60),
    Case("RFC 9111, 4.2: not longer", "stale uri-miss", "max-age=60", after=62.1),
    Case("RFC 9111, 4.2.1: s-maxage before max-age", "hit", "max-age=5, s-maxage=60", after=30),
    Case("RFC 9111, 4.2.1: also where it is less", "stale uri-miss", "max-age=60, s-maxage=5", after=30),
    Case("RFC 9111, 4.2.1: max-age before Expires", "hit", "max-age=60", expires=5, after=30),
    Case("RFC 9111, 4.2.1: Expires minus Date", "stale uri-miss", expires=20, date=-20, after=30),
    Case("RFC 9111, 4.2.1: what is no integer is stale", "stale uri-miss", "max-age=6o", expires=60),
    Case("RFC 9111, 4.2.2: no guessing by Last-Modified (CA-11)", "stale", fields=(TAG,)),
    Case("RFC 9111, 4.2.3: Age of the origin counts", "stale uri-miss", "max-age=60", (("Age", "50"),), after=20),
    Case("RFC 9111, 4.2.3: Date of the origin counts", "stale uri-miss", "max-age=60", date=-50, after=20),
    Case("RFC 9111, 4.2.3: the larger of both, not their sum", "hit", "max-age=60", (("Age", "25"),), date=-25, after=20),
    Case("RFC 9111, 4.2.3: a Date ahead makes nothing younger", "stale uri-miss", "max-age=60", date=90, after=70),
    Case("RFC 9111, 4.2.3: without Date it is as old as its time here", "hit", "max-age=60", date=None, after=50),
    Case("RFC 9111, 4.2.4: must-revalidate: never stale", "stale uri-miss", "must-revalidate, max-age=5", after=30),
    Case("RFC 9111, 4.3.2: the client has it", "hit", "max-age=60", (TAG,), then=(("If-None-Match", '"a"'),)),
    Case("RFC 9111, 4.4: PUT drops it", "uri-miss", "max-age=60", change=("PUT", 200)),
    Case("RFC 9111, 4.4: DELETE drops it", "uri-miss", "max-age=60", change=("DELETE", 204)),
    Case("RFC 9111, 4.4: POST answered by a redirect drops it", "uri-miss", "max-age=60", change=("POST", 303)),
    Case("RFC 9111, 4.4: a method whose safety is unknown drops it", "uri-miss", "max-age=60", change=("FROB", 200)),
    Case("RFC 9111, 4.4: not when it failed", "hit", "max-age=60", change=("PUT", 409)),
    Case("RFC 9111, 4.4: nor when the origin failed", "hit", "max-age=60", change=("POST", 500)),
    Case("RFC 9111, 4.4: nor a safe method", "hit", "max-age=60", change=("OPTIONS", 200)),
    Case("RFC 9111, 5.2: directive names in any case", "uri-miss", "No-STORE, max-age=60"),
    Case("RFC 9111, 5.2: arguments may be quoted", "hit", 'max-age="60"', after=30),
    Case("RFC 9111, 5.2: what is quoted is no directive", "hit", 'x="no-store, private", max-age=60'),
    Case("RFC 9111, 5.2.1.1: the client's max-age", "request", "max-age=60", then=cc("max-age=10"), after=20),
    Case("RFC 9111, 5.2.1.1: and its age is less", "hit", "max-age=60", then=cc("max-age=30"), after=20),
    Case("RFC 9111, 5.2.1.2: max-stale is ignored (CA-15)", "stale", "max-age=60", (TAG,), then=cc("max-stale=99"), after=70),
    Case("RFC 9111, 5.2.1.3: min-fresh", "request", "max-age=60", then=cc("min-fresh=50"), after=20),
    Case("RFC 9111, 5.2.1.3: and enough is left", "hit", "max-age=60", then=cc("min-fresh=30"), after=20),
    Case("RFC 9111, 5.2.1.4: the client's no-cache", "request", "max-age=60", then=cc("no-cache")),
    Case("RFC 9111, 5.2.1.5: the client's no-store: nothing is stored", "uri-miss", "max-age=60", asked=cc("no-store")),
    Case("RFC 9111, 5.2.1.7: only-if-cached, and it is", "hit", "max-age=60", then=cc("only-if-cached")),
    Case("RFC 9111, 5.2.1.7: only-if-cached, and it is not", "504", "no-store", then=cc("only-if-cached")),
    Case("RFC 9111, 5.2.1.7: only-if-cached, and it is stale (CA-16)", "504", "max-age=60", then=cc("only-if-cached"), after=70),
    Case("RFC 9111, 5.2.2.2: must-revalidate while fresh", "hit", "must-revalidate, max-age=60"),
    Case("RFC 9111, 5.2.2.4: no-cache is validated before each use", "stale", "no-cache, max-age=60", (TAG,)),
    Case("RFC 9111, 5.2.2.4: also with fields (CA-9)", "stale", 'no-cache="set-cookie", max-age=60', (TAG,)),
    Case("RFC 9111, 5.2.2.5: no-store", "uri-miss", "no-store, max-age=60"),
    Case("RFC 9111, 5.2.2.7: private", "uri-miss", "private, max-age=60"),
    Case("RFC 9111, 5.2.2.7: private with fields (CA-9)", "uri-miss", 'private="x-a", max-age=60'),
    Case("RFC 9111, 5.2.2.8: proxy-revalidate", "stale", "proxy-revalidate, max-age=5, stale-while-revalidate=99", after=30),
    Case("RFC 9111, 5.2.2.9: public says nothing about how long", "uri-miss", "public"),
    Case("RFC 9111, 5.2.2.10: s-maxage is proxy-revalidate, too", "stale", "s-maxage=5, stale-while-revalidate=99", after=30),
    Case("RFC 9111, 5.3: an invalid Expires is in the past", "stale uri-miss", is_expires_invalid=True),
    Case("RFC 9111, 5.3: Expires in the past", "stale uri-miss", expires=-5),
    Case("RFC 9111, 5.4: Pragma of a request is no-cache to some still (CA-15: either)", "hit request", "max-age=60", then=(("Pragma", "no-cache"),)),
    Case("RFC 9110, 14.2: a request with Range is passed on (CA-6)", "bypass", "max-age=60", then=(("Range", "bytes=0-1"),)),
    Case("RFC 5861, 3: stale-while-revalidate within its time", "hit", "max-age=5, stale-while-revalidate=60", after=30),
    Case("RFC 5861, 3: and after it", "stale", "max-age=5, stale-while-revalidate=10", (TAG,), after=30),
    Case("RFC 5861, 4: stale-if-error is not for when there is no error", "stale", "max-age=5, stale-if-error=60", (TAG,), after=30),
]  # fmt: skip


def _first(case: Case) -> Said:
    told = cc(case.control) if case.control else ()
    return Said(1, case.status, 100.0, 100.0, method=case.first, fields=told + case.fields, date=case.date, expires=case.expires,
                is_expires_invalid=case.is_expires_invalid)  # fmt: skip


def _may_end(case: Case, way: str) -> bool:
    """Whether the model lets the second request be answered so, whatever the first said of having been stored."""
    first = _first(case)
    got = Got(first.status or 502, 1 if first.status else None, 1 if first.status else None, why="uri-miss")
    begin = Exchange(Asked(case.first, 100.0, 100.0, case.asked), got, (first,))
    between = []
    if case.change:
        method, status = case.change
        change = Said(2, status, 100.0, 100.0, method=method)
        between = [Exchange(Asked(method, 100.0, 100.0), Got(status, 2, 2, why="method"), (change,))]
    then = 100.0 + case.after
    asked = Asked(case.second, then, then, case.then)
    return any(
        judge([replace(begin, got=replace(got, is_stored=stored)), *between, last]) is None
        for stored in (False, True)
        for last in _last(case, first, asked, way)
    )


def _last(case: Case, first: Said, asked: Asked, way: str) -> list[Exchange]:
    """The second exchange, ended that way."""
    if way == "504":
        return [Exchange(asked, Got(504))]
    if way == "hit":
        age = int(case.after + max(0, -(case.date or 0), int(first.get("age") or 0)))
        served = Got(first.status, 1, 1, is_hit=True, age=age)
        return [Exchange(asked, served), Exchange(asked, replace(served, status=304, body=None))]
    tags = (("If-None-Match", first.get("etag") or ""),) if first.get("etag") and way in {"stale", "request"} else ()
    new = Said(3, 200, asked.sent, asked.sent, method=case.second, seen=tags, fields=cc("max-age=60"))
    return [Exchange(asked, Got(200, 3, 3, why=way, is_stored=stored), (new,)) for stored in (False, True)]


def test_there_are_enough_of_them() -> None:
    """No two of one name, and a section in each."""
    assert len({case.section for case in CASES}) == len(CASES) >= 60
    assert all(case.section.startswith("RFC ") for case in CASES)


@pytest.mark.parametrize("case", CASES, ids=[case.section for case in CASES])
def test_the_model_agrees(case: Case) -> None:
    """What is right is allowed, and nothing else is; what is stale and of no use may have gone by itself (CA-30)."""
    allowed = {way for way in WAYS if _may_end(case, way)}
    assert allowed == set(case.right.split()), case.section
