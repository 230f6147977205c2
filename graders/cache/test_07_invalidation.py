"""Stage invalidation: what was changed is forgotten, also what is on its way."""

from __future__ import annotations

import itertools
import random
from typing import Any

from vocabulary import Aside, Site, describe, must_be_after, read

from labrunner.checks import fail, for_all

HOUR = "max-age=3600"
CHANGED = "Who changed something is not shown what it was before."
OTHERS = "Only what was changed is forgotten."
GATHER_SECONDS = 3.0
STORIES = 100
LONGEST_STORY = 8
TAGGED: dict[str, Any] = {"etag": '"a"', "validates": True}


def test_unsafe(site: Site) -> None:
    """CA-22: all variants, for every method that may change something."""
    # LOCK, as an unusual one that Node's parser lets pass: it answers 400 to methods that it has not heard of.
    for method in ("POST", "PUT", "DELETE", "PATCH", "LOCK", "OPTIONS"):
        story = site.story().says(HOUR, ("Vary", "X-Lang"))
        story.get(CHANGED, ("X-Lang", "de"))
        story.get(CHANGED, ("X-Lang", "en"))
        story.get(CHANGED, method=method)
        story.get(CHANGED, ("X-Lang", "en"))
        story.get(CHANGED, ("X-Lang", "de"))
    for status in (201, 204, 303):
        story = site.story().says(HOUR)
        story.get(CHANGED)
        story.says(status=status)
        story.get(CHANGED, method="PUT")
        story.says(HOUR)
        story.get(CHANGED)


def test_locations(site: Site) -> None:
    """CA-22: Location and Content-Location, if relative (also to the path) or of our authority; never others."""
    authority = site.source.url.removeprefix("http://")
    for field in ("Location", "Content-Location"):
        for prefix, host, is_dropped in (
            ("", None, True),
            ("..", None, True),
            (f"http://{authority}", None, True),
            ("http://shop.test", "shop.test", True),
            ("http://other.test", "shop.test", False),
        ):
            target = site.new_target("a?x=1")
            site.source.plan(target, then={"fields": [["Cache-Control", HOUR]]})
            site.well(site.ask(target)).expect(200, why="The origin answers.")
            changing = site.new_target()
            site.source.plan(changing, {"status": 201, "fields": [[field, prefix + target]]})
            site.well(site.ask(changing, {"Host": host} if host else {}, method="POST", body=b"x"))
            answer = site.well(site.ask(target))
            if read(answer).is_hit == is_dropped:
                expected = "fetched anew" if is_dropped else "a hit"
                why = f"{field}: {prefix + target}. {CHANGED if is_dropped else OTHERS}"
                fail(answer, expected=expected, got=describe(read(answer)), why=why)


def test_failed_change(site: Site) -> None:
    """CA-22: a 4xx or 5xx drops nothing."""
    for status in (400, 404, 409, 500, 503):
        story = site.story().says(HOUR)
        story.get(OTHERS)
        story.says(status=status)
        story.get(OTHERS, method="PUT")
        story.says(HOUR)
        story.get(OTHERS)


def test_purge(site: Site) -> None:
    """CA-23: exactly that, all variants; 404 if none was stored."""
    story, other = site.story().says(HOUR, ("Vary", "X-Lang")), site.story()
    other.target = story.target + "?a"
    other.says(HOUR)
    story.get(CHANGED, method="PURGE")
    for language in ("de", "en"):
        story.get(CHANGED, ("X-Lang", language))
    other.get(OTHERS)
    story.get(CHANGED, method="PURGE")
    story.get(CHANGED, method="PURGE")
    story.get(CHANGED, ("X-Lang", "en"))
    other.get(OTHERS)
    if site.source.calls(story.target)[-1].method == "PURGE":
        fail(*story.answers[-1:], expected="no PURGE at the origin", got="one", why="It is for the cache alone.")


def test_any_story(site: Site, rng: random.Random) -> None:
    """CA-5 to CA-23: any sequence of answers, changes and requests is as the model of a correct cache allows."""

    def plans() -> Any:
        from hypothesis import strategies as st  # noqa: PLC0415 - loaded by the checks that use it

        usual = ["max-age=100"] * 4
        control = [*usual, "s-maxage=300, max-age=1", "no-cache, max-age=100", "private, max-age=100", "no-store",
                   "must-revalidate, max-age=100", ""]  # fmt: skip
        wish = ["", "", "", "", "no-cache", "max-age=10", "min-fresh=80", "no-store", "only-if-cached"]
        says = st.fixed_dictionaries(
            {
                "control": st.sampled_from(control),
                "vary": st.sampled_from(["", "", "X-Lang"]),
                "etag": st.sampled_from(["", '"a"', '"a"', '"b"']),
                "date": st.sampled_from([0, 0, 0, -50, -200, None]),
                "age": st.sampled_from([0, 0, 0, 50, 200]),
                "status": st.sampled_from([200, 200, 200, 200, 200, 404, 409, 503, 302]),
            }
        )
        step = st.fixed_dictionaries(
            {
                "method": st.sampled_from([*["GET"] * 8, "HEAD", "HEAD", "PUT", "PURGE", "OPTIONS"]),
                "language": st.sampled_from(["", "", "de", "en"]),
                "wish": st.sampled_from(wish),
                "tags": st.sampled_from(["", "", '"a"', '"b", "c"']),
                "is_signed_in": st.sampled_from([False, False, False, False, True]),
                "says": st.one_of(st.none(), says),
            }
        )
        return st.lists(step, min_size=1, max_size=LONGEST_STORY)

    for_all(plans, lambda plan: _tell(site, plan), rng=rng, examples=STORIES)


def _tell(site: Site, plan: list[dict[str, Any]]) -> None:
    """One story: what the origin would answer, and what is asked."""
    story = site.told_again()
    story.says("max-age=100", etag='"a"', validates=True)
    for step in plan:
        if (says := step["says"]) is not None:
            fields = [("Age", str(says["age"]))] if says["age"] else []
            fields += [("Vary", says["vary"])] if says["vary"] else []
            more = {"etag": says["etag"], "validates": True} if says["etag"] else {}
            story.says(says["control"], *fields, date=says["date"], status=says["status"], **more)
        wish = step["wish"] if step["method"] in {"GET", "HEAD"} else ""
        named = {"X-Lang": step["language"], "Cache-Control": wish, "If-None-Match": step["tags"],
                 "Authorization": "Bearer somebody" if step["is_signed_in"] else ""}  # fmt: skip
        asked = tuple((name, value) for name, value in named.items() if value)
        story.get(
            "Each answer is one that the rules allow after all that was said before.", *asked, method=step["method"]
        )
    story.close()


def test_racing_put(site: Site) -> None:
    """CA-24: a PUT answered while a slow miss is held: what the miss brings is not for later requests."""
    _race(site, "PUT", site.new_target(), 1)


def test_racing_purge(site: Site) -> None:
    """CA-24: a PURGE answered while a slow miss is held."""
    _race(site, "PURGE", site.new_target(), 1)


def test_racing_validation(site: Site) -> None:
    """CA-24: also while the origin is asked whether what is stored changed: its 304 brings nothing back."""
    for method, joins in itertools.product(("PUT", "PURGE"), (True, False)):
        target = site.new_target()
        site.source.plan(target, TAGGED | {"fields": [["Cache-Control", "max-age=60"]], "date": -200})
        site.well(site.ask(target)).expect(200, why="The origin answers.")
        _race(site, method, target, 2, joins=joins)


def _race(site: Site, method: str, target: str, held: int, *, joins: bool = True) -> None:
    """The order of events proves it: the origin holds its request of that number until the change was answered.

    With `joins` somebody asks before it goes on; what is stored for that may hide what is stored for the first.
    """
    fields = TAGGED | {"fields": [["Cache-Control", HOUR]]}
    site.source.plan(target, fields | {"hold": True}, then=fields)
    first = Aside(site, target)
    site.source.reached(target, held)
    changed = site.ask(target, method=method, body=b"x" if method == "PUT" else b"", client=site.service.client())
    if method == "PUT":
        site.well(changed).expect(200, why="Other requests to this address do not wait.")
    second = Aside(site, target) if joins else None
    if second:  # one that joins the old forward is answered after the release only; a right one does not wait
        second.thread.join(GATHER_SECONDS)
    site.source.release(target)
    first.answer()
    if second:
        must_be_after(held, changed, site.well(second.answer()))
    must_be_after(held, changed, site.well(site.ask(target)))
