"""The cache model: what the RFCs say of one answer, and that no correct cache is ever accused."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labrunner.rules.caching import Asked, Directives, Exchange, Got, Impossible, Said, ideal_hits, judge
from labrunner.rules.caching.storing import Storing, lifetime, storing


def said(cache_control: str = "", *fields: tuple[str, str], status: int = 200, **more: object) -> Said:
    """An answer of the origin's at moment 0."""
    told = (("Cache-Control", cache_control),) if cache_control else ()
    return Said(1, status, 0.0, 0.0, fields=told + fields, **more)  # type: ignore[arg-type]


def asked(cache_control: str = "", *fields: tuple[str, str], method: str = "GET") -> Asked:
    """A request at moment 0."""
    told = (("Cache-Control", cache_control),) if cache_control else ()
    return Asked(method, 0.0, 0.0, told + fields)


STORING = [
    ("RFC 9111, 3: explicit freshness", asked(), said("max-age=5"), Storing.MUST),
    ("RFC 9111, 3: a validator", asked(), said("", ("ETag", '"a"')), Storing.MUST),
    ("CA-8: nothing explicit (RFC 9111, 4.2.2 leaves it open)", asked(), said(), Storing.NEVER),
    ("RFC 9111, 5.2.2.5: no-store", asked(), said("max-age=5, no-store"), Storing.NEVER),
    ("RFC 9111, 5.2: names in any case", asked(), said("max-age=5, No-Store"), Storing.NEVER),
    ("RFC 9111, 5.2.2.7: private", asked(), said("private, max-age=5"), Storing.NEVER),
    ("CA-9: private with fields", asked(), said('max-age=5, private="set-cookie, x"'), Storing.NEVER),
    ("RFC 9111, 5.2: a directive within quotes is none", asked(), said('x="a, no-store", max-age=5'), Storing.MUST),
    ("RFC 9111, 4.1: Vary *", asked(), said("max-age=5", ("Vary", "a, *")), Storing.NEVER),
    ("RFC 9111, 3.5: Authorization", asked("", ("Authorization", "x")), said("max-age=5"), Storing.NEVER),
    ("RFC 9111, 3.5: public", asked("", ("Authorization", "x")), said("public, max-age=5"), Storing.MUST),
    ("RFC 9111, 3.5: s-maxage", asked("", ("Authorization", "x")), said("s-maxage=5"), Storing.MUST),
    ("RFC 9111, 3.5: must-revalidate", asked("", ("Authorization", "x")), said("must-revalidate, max-age=5"), Storing.MUST),
    ("RFC 9111, 5.2.1.5: no-store of the request", asked("no-store"), said("max-age=5"), Storing.NEVER),
    ("CA-8: HEAD", asked(method="HEAD"), said("max-age=5"), Storing.NEVER),
    ("CA-8: Range", asked("", ("Range", "bytes=0-1")), said("max-age=5"), Storing.NEVER),
    ("CA-8: lifetime 0 without validator", asked(), said("max-age=0"), Storing.EITHER),
    ("RFC 9111, 5.2.2.4: no-cache is stored", asked(), said("no-cache", ("ETag", '"a"')), Storing.MUST),
    *((f"CA-8: {s}", asked(), said("max-age=5", status=s), Storing.MUST) for s in (203, 204, 300, 301, 308, 404, 405, 410, 414, 501)),
    *((f"CA-8: {s}", asked(), said("max-age=5", status=s), Storing.NEVER) for s in (206, 302, 303, 307, 400, 403, 500, 503)),
]  # fmt: skip


@pytest.mark.parametrize("rule, request_, answer, expected", STORING, ids=[row[0] for row in STORING])
def test_storing(rule: str, request_: Asked, answer: Said, expected: Storing) -> None:
    """Each answer is stored as its rule says."""
    assert storing(request_, answer) is expected, rule


LIFETIMES = [
    ("RFC 9111, 4.2.1: s-maxage first", said("max-age=5, s-maxage=7", expires=9), 7),
    ("RFC 9111, 4.2.1: max-age before Expires", said("max-age=5", expires=9), 5),
    ("RFC 9111, 4.2.1: Expires minus Date", said(expires=9, date=-3), 12),
    ("RFC 9111, 5.3: Expires in the past", said(expires=-9), 0),
    ("RFC 9111, 5.3: an invalid Expires", said(is_expires_invalid=True), 0),
    ("RFC 9111, 4.2.1: no integer", said("max-age=5.5", expires=9), 0),
    ("RFC 9111, 4.2.1: empty", said("max-age"), 0),
    ("RFC 9111, 5.2: quoted", said('max-age="5"'), 5),
    ("RFC 9111, 5.2: any case", said("Max-Age=5"), 5),
    ("CA-11: none of them", said(), 0),
]


@pytest.mark.parametrize("rule, answer, expected", LIFETIMES, ids=[row[0] for row in LIFETIMES])
def test_lifetime(rule: str, answer: Said, expected: int) -> None:
    """Each answer is fresh for as long as its rule says."""
    assert lifetime(answer) == expected, rule


def test_directives_survive_nonsense() -> None:
    """What is no directive is passed over, and hides none of those after it."""
    read = Directives(', ,=x, max-age=1 2, "no-store", private')
    assert "private" in read
    assert "no-store" not in read


@dataclass
class Cache:
    """A correct cache of one URI, and its origin, on a clock of their own."""

    now: float = 0.0
    number: int = 0
    kept: tuple[Said, int, float] | None = None
    seen: list[Exchange] = field(default_factory=list)
    fresh_for: float = 0.0
    """Added to each lifetime: not 0 is wrong."""

    def get(self, control: str, tag: str, told_age: int, before: float, within: float) -> None:
        """One GET; the origin would answer so, `before` and `within` are how long it takes to act and to be read."""
        sent = self.now
        self.now += before
        acted, why = self.now, ""
        forwards: tuple[Said, ...] = ()
        if self.kept is not None and acted - self.kept[2] < lifetime(self.kept[0]) + self.fresh_for:
            head, body, born = self.kept
            got = Got(200, head.number, body, is_hit=True, age=math.floor(acted - born))
            self.now += within
        else:
            why = "uri-miss" if self.kept is None else "stale"
            old = self.kept[0].get("etag") if self.kept else None
            self.number += 1
            self.now += within
            fields = (("Cache-Control", control), ("Age", str(told_age)), *([("ETag", tag)] if tag else []))
            status = 304 if old and old == tag else 200
            conditions = (("If-None-Match", old),) if old else ()
            answer = Said(self.number, status, acted, self.now, seen=conditions, fields=fields)
            forwards = (answer,)
            body = self.kept[1] if status == 304 and self.kept else self.number
            self.kept = (answer, body, acted - told_age)
            got = Got(200, self.number, body, why=why, is_stored=status == 200)
        self.seen.append(Exchange(Asked("GET", sent, self.now), got, forwards))


STEPS = st.tuples(
    st.sampled_from(["max-age=1", "max-age=3", "s-maxage=2, max-age=9", "max-age=60"]),
    st.sampled_from(['"a"', '"b"', 'W/"a"']),
    st.integers(0, 2),
    st.floats(0.0, 2.0),
    st.floats(0.0, 2.0),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(STEPS, st.floats(0.0, 5.0)), max_size=8))
def test_a_correct_cache_is_never_accused(plan: list[tuple[tuple[str, str, int, float, float], float]]) -> None:
    """Whatever the moments at which it acts within its intervals."""
    cache = Cache()
    for step, pause in plan:
        cache.get(*step)
        cache.now += pause
    assert judge(cache.seen) is None


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 5), st.floats(2.1, 9.0))
def test_a_stale_hit_is_convicted(seconds: int, late: float) -> None:
    """Beyond the slack of CA-13 no cache may serve it."""
    cache = Cache(fresh_for=60.0)
    cache.get(f"max-age={seconds}", '"a"', 0, 0.0, 0.0)
    cache.now += seconds + late
    cache.get(f"max-age={seconds}", '"a"', 0, 0.0, 0.0)
    verdict = judge(cache.seen)
    assert isinstance(verdict, Impossible)
    assert verdict.at == 1


def test_another_ones_private_answer_is_convicted() -> None:
    """RFC 9111, 5.2.2.7: it is for one user."""
    first = Said(1, 200, 0.1, 0.2, fields=(("Cache-Control", "private, max-age=9"),))
    seen = [
        Exchange(Asked("GET", 0.0, 0.2), Got(200, 1, 1, why="uri-miss"), (first,)),
        Exchange(Asked("GET", 0.3, 0.4), Got(200, 1, 1, is_hit=True, age=0)),
    ]
    assert isinstance(judge(seen), Impossible)


@pytest.mark.parametrize(
    "mine, tags, is_held",
    [
        ('W/"a,b"', 'W/"a,b"', True),
        ('W/"a,b"', '"x,y", "a,b"', True),
        ('"a"', '"b","a"', True),
        ('"a"', '"a,b"', False),
        ('"b"', '"a,b", "c"', False),
        ('"a"', "*", True),
    ],
)
def test_conditions_are_lists_of_entity_tags(mine: str, tags: str, *, is_held: bool) -> None:
    """RFC 9110, 8.8.3: a comma within the quotes is part of the tag. Who has it is told 304, who has not is sent it."""
    first = Said(1, 200, 0.0, 0.1, fields=(("Cache-Control", "max-age=60"), ("ETag", mine)))
    begin = Exchange(Asked("GET", 0.0, 0.1), Got(200, 1, 1, why="uri-miss", is_stored=True), (first,))
    again = Asked("GET", 0.2, 0.3, (("If-None-Match", tags),))
    told = Exchange(again, Got(304, 1, is_hit=True, age=0))
    sent = Exchange(again, Got(200, 1, 1, is_hit=True, age=0))
    right, wrong = (told, sent) if is_held else (sent, told)
    assert judge([begin, right]) is None
    assert isinstance(judge([begin, wrong]), Impossible)


@pytest.mark.parametrize("got_age", [0, 200])
def test_a_304_without_date_is_as_old_as_its_arrival_or_as_before(got_age: int) -> None:
    """CA-12 and CA-17: its age starts anew; but the old `Date` is no field that it replaced, so a hit may go by that one."""
    fields = (("Cache-Control", "max-age=60"), ("ETag", '"a"'))
    first = Said(1, 200, 0.0, 0.1, fields=fields, date=-200)
    told = Said(
        2, 304, 1.0, 1.1, seen=(("If-None-Match", '"a"'),), fields=(("Cache-Control", "max-age=3600"),), date=None
    )
    seen = [
        Exchange(Asked("GET", 0.0, 0.1), Got(200, 1, 1, why="uri-miss", is_stored=True), (first,)),
        Exchange(Asked("GET", 1.0, 1.1), Got(200, 2, 1, why="stale"), (told,)),
    ]
    assert judge([*seen, Exchange(Asked("GET", 1.2, 1.3), Got(200, 2, 1, is_hit=True, age=got_age))]) is None
    late = Exchange(Asked("GET", 1.2, 1.3), Got(200, 2, 1, is_hit=True, age=got_age + 50))
    assert isinstance(judge([*seen, late]), Impossible)


@pytest.mark.parametrize(
    "failed, got",
    [
        (503, Got(503, 2, 2, why="request")),
        (503, Got(200, 1, 1, why="request", age=1)),
        (503, Got(200, 1, 1, why="stale", age=1)),
        (0, Got(502)),
        (0, Got(200, 1, 1, why="request", age=1)),
    ],
)
def test_a_fresh_answer_that_the_client_did_not_want_may_serve_in_spite_of_a_failure_or_not(
    failed: int, got: Got
) -> None:
    """CA-29 speaks of the time after its end of freshness, and says nothing of the time before."""
    fields = (("Cache-Control", "max-age=60, stale-if-error=60"), ("ETag", '"a"'))
    first = Said(1, 200, 0.0, 0.1, fields=fields)
    begin = Exchange(Asked("GET", 0.0, 0.1), Got(200, 1, 1, why="uri-miss", is_stored=True), (first,))
    failure = Said(2, failed, 1.0, 1.1, seen=(("If-None-Match", '"a"'),))
    again = Asked("GET", 1.0, 1.1, (("Cache-Control", "no-cache"),))
    assert judge([begin, Exchange(again, got, (failure,))]) is None
    hit = Got(200, 1, 1, is_hit=True, age=1)
    assert isinstance(judge([begin, Exchange(again, hit, (failure,))]), Impossible)


@pytest.mark.parametrize("status, is_hit", [(204, False), (409, True)])
def test_a_change_invalidates_when_it_succeeds(status: int, *, is_hit: bool) -> None:
    """RFC 9111, 4.4."""
    first = Said(1, 200, 0.0, 0.1, fields=(("Cache-Control", "max-age=60"),))
    put = Said(2, status, 0.2, 0.3, method="PUT")
    again = Said(3, 200, 0.4, 0.5, fields=(("Cache-Control", "max-age=60"),))
    begin = [
        Exchange(Asked("GET", 0.0, 0.1), Got(200, 1, 1, why="uri-miss", is_stored=True), (first,)),
        Exchange(Asked("PUT", 0.2, 0.3), Got(status, 2, why="method"), (put,)),
    ]
    hit = Exchange(Asked("GET", 0.4, 0.5), Got(200, 1, 1, is_hit=True, age=0))
    miss = Exchange(Asked("GET", 0.4, 0.5), Got(200, 3, 3, why="uri-miss", is_stored=True), (again,))
    right, wrong = (hit, miss) if is_hit else (miss, hit)
    assert judge([*begin, right]) is None
    assert isinstance(judge([*begin, wrong]), Impossible)


@pytest.mark.parametrize(
    "got, tags, is_right",
    [
        (Got(200, 2, why="stale"), "", True),
        (Got(200, 1, why="stale"), "", True),
        (Got(304, 2, why="stale"), "", False),
        (Got(304, 2, why="stale"), '"a"', True),
        (Got(200, 2, why="stale"), '"b"', True),
    ],
)
def test_a_head_may_validate(got: Got, tags: str, *, is_right: bool) -> None:
    """RFC 9111, 4.3.5, and CA-20: who asked without a condition is not told 304, to whomever the origin said that."""
    first = Said(1, 200, 0.0, 0.1, fields=(("Cache-Control", "max-age=60"), ("ETag", '"a"')), date=-200)
    told = Said(2, 304, 1.0, 1.1, method="HEAD", seen=(("If-None-Match", '"a"'),), fields=(("ETag", '"a"'),))
    fields = (("If-None-Match", tags),) if tags else ()
    seen = [
        Exchange(Asked("GET", 0.0, 0.1), Got(200, 1, 1, why="uri-miss", is_stored=True), (first,)),
        Exchange(Asked("HEAD", 1.0, 1.1, fields), got, (told,)),
    ]
    assert (judge(seen) is None) == is_right


def test_ideal_hits() -> None:
    """The least recently used goes, and use is what counts."""
    assert ideal_hits("abacab", 2) == 2
    assert ideal_hits("aaaa", 1) == 3
    assert ideal_hits("", 1) == 0
