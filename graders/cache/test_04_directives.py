"""Stage directives: what may not be kept, or not be used."""

from __future__ import annotations

from vocabulary import NOT_TWICE, Site

from labrunner.checks import Services, fail

HOUR = "max-age=3600"
SHARED = "What was meant for one client is never given to another."
AUTHORIZED = ("Authorization", "Bearer somebody")
REVALIDATED = "Once stale it is not used until the origin said that it may be."
ASKED = "A client may ask for something newer than what is stored."
TIMEOUT_MS = 700


def test_never_stored(site: Site) -> None:
    """CA-9: no-store, private and Vary: *, in any spelling."""
    for control in (
        "no-store, max-age=3600",
        "max-age=3600,No-Store",
        "private, max-age=3600",
        "PRIVATE,s-maxage=3600",
        'max-age="3600", private="x-a, x-b"',
        'x="a, b", private, max-age=3600',
    ):
        story = site.story().says(control, etag='"a"')
        story.get(SHARED)
        story.get(SHARED)
    for fields in ((("Vary", "*"),), (("Vary", "X-A, *"),), (("Cache-Control", "private"),)):
        story = site.story().says(HOUR, *fields)
        story.get(SHARED)
        story.get(SHARED)
    for control in ('x="a, no-store, private, b", max-age=3600', 'Max-Age="3600"'):
        story = site.story().says(control)
        story.get("What stands in quotes is an argument, and no directive; names are written in any case.")
        story.get(NOT_TWICE)


def test_authorization(site: Site) -> None:
    """CA-9, CA-10: stored only when the origin allows it; then it serves everybody."""
    for control in (HOUR, f"public, {HOUR}", "s-maxage=3600", f"must-revalidate, {HOUR}", f"no-cache, {HOUR}"):
        story = site.story().says(control)
        story.get(SHARED, AUTHORIZED)
        story.get(SHARED)
    story = site.story().says(HOUR)
    story.get("It was asked for by nobody in particular.")
    story.get("Looking up does not depend on Authorization.", AUTHORIZED)


def test_no_cache(site: Site) -> None:
    """CA-14: stored, and validated before each use."""
    for control in (f"no-cache, {HOUR}", 'No-Cache="x-a", max-age=3600'):
        story = site.story().says(control)
        for _ in range(3):
            story.get(REVALIDATED)


def test_must_revalidate(site: Site, services: Services) -> None:
    """CA-14: stale and the origin out of reach: 502 or 504."""
    own = site.own(services, ORIGIN_TIMEOUT_MS=TIMEOUT_MS)
    for control in ("must-revalidate, max-age=60", "proxy-revalidate, max-age=60", "s-maxage=60", "max-age=60"):
        for ends in ("drop", "hang"):
            target = own.new_target()
            stored = {"fields": [["Cache-Control", control]], "date": -200, "etag": '"a"'}
            own.source.plan(target, stored, then={"ends": ends})
            own.well(own.ask(target)).expect(200, why="The origin answers.")
            answer = own.ask(target)
            if answer.status not in {502, 504}:
                fail(answer, expected="502 or 504", got=answer.line, why=REVALIDATED)


def test_request_directives(site: Site) -> None:
    """CA-15: no-cache, max-age, min-fresh; max-stale is ignored.

    Not `Pragma`: Go's net/http writes ``Cache-Control: no-cache`` into a request that has ``Pragma: no-cache`` alone, and no
    service on it can tell.
    """
    for control in ("no-cache", "max-age=10", "max-age=80", "min-fresh=10", "min-fresh=80", "max-age=0"):
        story = site.story().says("max-age=100", date=-50)
        story.get(ASKED)
        story.get(ASKED, ("Cache-Control", control))
    story = site.story().says("max-age=100", date=-200)
    story.get(REVALIDATED)
    story.get("max-stale is ignored.", ("Cache-Control", "max-stale=3600"))


def test_request_no_store(site: Site) -> None:
    """CA-15: no-store in a request stores and changes nothing."""
    why = "It is forwarded, and the store stays as it was."
    story = site.story().says(HOUR)
    story.get(why, ("Cache-Control", "No-Store"))
    story.get(why)
    story.get(why, ("Cache-Control", "no-store"))
    story.get(why)
    story.says("no-store")
    story.get(why, ("Cache-Control", "no-store"))
    story.get(why)


def test_only_if_cached(site: Site) -> None:
    """CA-16: a stored answer that can be used, or 504."""
    why = "only-if-cached never reaches the origin."
    only = ("Cache-Control", "only-if-cached")
    story = site.story().says(HOUR)
    story.get(why, only)
    story.get(why)
    story.get(why, only)
    stale = site.story().says("max-age=60", date=-200, etag='"a"')
    stale.get(why)
    stale.get(why, only)
