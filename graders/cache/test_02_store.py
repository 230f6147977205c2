"""Stage store: answers are kept, given out again, and told apart."""

from __future__ import annotations

import contextlib
import re

from test_01_proxy import SHORT_MS, must_be_short
from vocabulary import NOT_TWICE, Site, content_of, field_of

from labrunner.checks import Answer, Broken, Services, fail

HOUR = "max-age=3600"
WHY = "Cache-Status tells people who look for a fault why the origin was asked."
LIKED = (200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501)
DISLIKED = (302, 303, 307, 400, 403, 500, 503)


def test_hit(site: Site) -> None:
    """CA-5, CA-7, CA-8: a fresh answer is not fetched again; fields and body are those of the first time."""
    story = site.story().says(HOUR, ("X-Kept", "yes"), ("Content-Type", "text/plain"))
    for _ in range(3):
        story.get(NOT_TWICE)
    first, answer = story.answers[0], story.answers[-1]
    kept = (field_of(answer, "X-Kept"), field_of(answer, "Content-Type"), field_of(answer, "Date"), content_of(answer))
    if kept != ("yes", "text/plain", field_of(first, "Date"), content_of(first)):
        fail(*story.answers[::2], expected="fields and body of the first answer", got=str(kept), why=NOT_TWICE)


def test_why(site: Site) -> None:
    """CA-6: the first reason that applies."""
    story = site.story().says(HOUR)
    for method, fields in (("POST", ()), ("GET", (("Range", "bytes=0-1"),)), ("GET", ()), ("OPTIONS", ()), ("GET", ())):
        story.get(WHY, *fields, method=method)


def test_key(site: Site) -> None:
    """CA-8: path and query are the key, byte for byte.

    Not `/page?` beside `/page`: most frameworks hand on the path and the query apart, and so cannot tell.
    """
    base = site.new_target()
    for suffix in ("", "?a=1&b=2", "?b=2&a=1", "?a=1&b=%32", "/", "%7E", "~", "?A=1&b=2"):
        story = site.story()
        story.target = base + suffix
        story.says(HOUR)
        story.get("Two addresses that differ in a byte may be two things.")
        story.get(NOT_TWICE)


def test_statuses(site: Site) -> None:
    """CA-8: which statuses are stored."""
    for status in (*LIKED, *DISLIKED):
        story = site.story().says(HOUR, status=status)
        story.get(f"{status} with max-age.")
        story.get(f"{status} {'is' if status in LIKED else 'is not'} stored.")


def test_not_explicit(site: Site) -> None:
    """CA-8: without explicit freshness or a validator nothing is stored."""
    why = "How long an answer is good is the origin's to say."
    for control in ("", "public", "must-revalidate"):
        story = site.story().says(control)
        story.get(why)
        story.get(why)


def test_last_member(site: Site) -> None:
    """CA-5: Cache-Status is appended to what is there."""
    why = "There may be more than one cache, and each appends what it did."
    story = site.story().says(HOUR, ("Cache-Status", "before; hit; ttl=3"))
    for _ in range(2):
        story.get(why)
        shown = field_of(story.answers[-1], "Cache-Status") or ""
        if not re.sub(r"\s*([;,])\s*", r"\1", shown).startswith("before;hit;ttl=3,"):
            fail(story.answers[-1], expected="before; hit; ttl=3, lab; ...", got=shown, why=why)


def test_truncated(site: Site, services: Services) -> None:
    """CA-3: what ends short is never stored."""
    own = site.own(services, ORIGIN_TIMEOUT_MS=SHORT_MS)
    for ends, framing in (("short", "length"), ("reset", "length"), ("stall", "length"), ("short", "chunked")):
        target = own.new_target()
        broken = {"fields": [["Cache-Control", HOUR]], "size": 90_000, "ends": ends, "framing": framing}
        own.source.plan(target, then=broken)
        must_be_short(own, target)
        before = len(own.source.calls(target))
        answers: list[Answer] = []
        with contextlib.suppress(Broken):  # the second one ends short, too: who passes bodies on as they come shows it
            answers.append(own.ask(target))
        if before == len(own.source.calls(target)):
            got = f"{answers[0].line if answers else 'half an answer'} without asking the origin"
            fail(*answers, expected="the origin is asked again", got=got, why="Half an answer is no answer.")
