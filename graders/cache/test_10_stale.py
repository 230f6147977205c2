"""Stage stale: better old than nothing, where the origin says so."""

from __future__ import annotations

import time
from typing import Any

from vocabulary import Site, describe, must_be_after, read

from labrunner.checks import Answer, Services, exceeded, fail, wait

TIMEOUT_MS = 700
LONG_MS = 15_000
REFRESH_SECONDS = 4.0
LEFT_SECONDS = 0.2
"""So long after the origin's answer a service may have done with it."""
STORED_SECONDS = 1.0
"""So long after it a service has done with it, on a busy machine too."""
OLD: dict[str, Any] = {"date": -100, "etag": '"a"'}
AT_ONCE = "stale-while-revalidate is there so that nobody waits."
ONE = "One refresh at a time is enough."
LEFT = "A refresh that fails changes nothing."
FAILING = "An old answer is better than none, where the origin said so."
FORBIDDEN = "must-revalidate, proxy-revalidate, s-maxage and no-cache forbid stale answers."


def revalidated(site: Site, *steps: dict[str, Any]) -> tuple[str, int]:
    """A target with a stale entry that may be served while it is refreshed; the number of its answer."""
    target = site.new_target()
    control = [["Cache-Control", "max-age=60, stale-while-revalidate=3600"]]
    new = {"fields": [["Cache-Control", "max-age=3600"]]}
    site.source.plan(target, OLD | {"fields": control}, *steps, then=new)
    site.well(site.ask(target)).expect(200, why="The origin answers.")
    return target, site.source.calls(target)[0].number


def must_be_old(answer: Answer, number: int, why: str) -> None:
    """A hit with that answer."""
    got = read(answer.expect(200, why))
    if not got.is_hit or got.number != number:
        fail(answer, expected=f"a hit with answer {number}", got=describe(got), why=why)


def refreshing(site: Site, target: str, count: int) -> None:
    """So many requests reach the origin, the last of them the refresh."""
    if not site.source.is_reached(target, count, within=REFRESH_SECONDS):
        exceeded(
            deadline=REFRESH_SECONDS, expected="a refresh at the origin", got="none", why="Stale answers are refreshed."
        )


def test_while_revalidate(site: Site, services: Services) -> None:
    """CA-28: served at once as a hit, while the origin holds the refresh; later the new one."""
    own = site.own(services, ORIGIN_TIMEOUT_MS=LONG_MS)
    target, number = revalidated(own, {"fields": [["Cache-Control", "max-age=3600"]], "hold": True})
    must_be_old(own.client.get(target), number, AT_ONCE)
    refreshing(own, target, 2)
    own.source.release(target)
    until = time.monotonic() + REFRESH_SECONDS
    while read(answer := own.client.get(target)).number == number:
        if answer.sent > until:
            exceeded(
                answer,
                deadline=REFRESH_SECONDS,
                expected="the refreshed answer",
                got=describe(read(answer)),
                why=AT_ONCE,
            )
        wait(0.05)
    story = own.story().says("max-age=60, stale-while-revalidate=10", **OLD)
    story.get(AT_ONCE)
    story.get("After its n seconds it is not used.")


def test_one_refresh(site: Site, services: Services) -> None:
    """CA-28: at most one refresh per entry at a time."""
    own = site.own(services, ORIGIN_TIMEOUT_MS=LONG_MS)
    target, number = revalidated(own, {"hold": True, "status": 500}, {"hold": True, "status": 500})
    for _ in range(5):
        must_be_old(own.client.get(target), number, AT_ONCE)
    refreshing(own, target, 2)
    must_be_old(own.client.get(target), number, AT_ONCE)
    count = len(own.source.calls(target))
    own.source.release(target)
    if count > 2:
        fail(expected="one refresh at the origin", got=f"{count - 1} at once", why=ONE)


def test_racing_refresh(site: Site, services: Services) -> None:
    """CA-24: a PURGE answered while a refresh is held: what the refresh brings is not for later requests."""
    own = site.own(services, ORIGIN_TIMEOUT_MS=LONG_MS)
    held = []
    for form in ({"etag": '"b"'}, {"etag": '"a"', "validates": True}):
        target, number = revalidated(own, form | {"fields": [["Cache-Control", "max-age=3600"]], "hold": True})
        must_be_old(own.client.get(target), number, AT_ONCE)
        refreshing(own, target, 2)
        held.append((target, own.ask(target, method="PURGE")))
    for target, _ in held:
        own.source.release(target)
    for target, _ in held:
        own.source.reached(target, 2, what="answered")
    wait(STORED_SECONDS)
    for target, changed in held:
        must_be_after(2, changed, own.well(own.ask(target)))


def test_refresh_fails(site: Site) -> None:
    """CA-28: the entry stays as it is."""
    for step in ({"status": 500}, {"ends": "drop"}, {"ends": "short", "size": 9000}):
        target, number = revalidated(site, step | {"fields": []}, {"hold": True, "status": 503})
        must_be_old(site.ask(target), number, AT_ONCE)
        refreshing(site, target, 2)
        for _ in range(5):
            wait(LEFT_SECONDS)
            must_be_old(site.ask(target), number, LEFT)
            if site.source.is_reached(target, 3, within=0.05):
                break  # by the next refresh: the one that failed is over
        site.source.release(target)


def test_if_error(site: Site, services: Services) -> None:
    """CA-29: if the forward fails the stored answer is served, with fwd=stale; up to n seconds."""
    own = site.own(services, ORIGIN_TIMEOUT_MS=TIMEOUT_MS)
    steps: list[dict[str, Any]] = [{"ends": "drop"}, {"ends": "hang"}]
    steps += [{"status": status} for status in (500, 502, 503, 504, 404)]
    for seconds in (3600, 10):
        for step in steps:
            # Only a time that is up is better short: a stall must not make a failure of an answer.
            asked = own if step.get("ends") == "hang" else site
            story = asked.story().says(f"max-age=60, stale-if-error={seconds}", **OLD)
            story.get(FAILING)
            story.says(**step)
            story.get(FAILING)


def test_forbidden(site: Site) -> None:
    """CA-14, CA-28, CA-29: not where the origin forbids it."""
    for control in (
        "must-revalidate, max-age=60",
        "proxy-revalidate, max-age=60",
        "s-maxage=60",
        "no-cache, max-age=60",
    ):
        story = site.story().says(f"{control}, stale-while-revalidate=3600, stale-if-error=3600", **OLD)
        story.get(FORBIDDEN)
        story.get(FORBIDDEN)
        story.says(ends="drop")
        story.get(FORBIDDEN)
