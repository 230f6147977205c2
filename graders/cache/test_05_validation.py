"""Stage validation: ask whether it changed, and pass on the client's own questions."""

from __future__ import annotations

from typing import Any

from vocabulary import Site, field_of

from labrunner.checks import fail

HOUR = "max-age=3600"
STALE = "max-age=60"
UNCHANGED = "What did not change need not be sent again."
REPLACED = "The store holds what the origin said last."
HEADS = "An answer to HEAD has no body, so it is none to GET."
HELD = "A client that has it need not be sent it again."


def test_not_modified(site: Site) -> None:
    """CA-17: asked with the stored validators; a 304 makes it fresh, and it is served whole."""
    forms: list[dict[str, Any]] = [
        {"etag": '"a"'},
        {"etag": 'W/"a,b"'},
        {"last_modified": -5000},
        {"etag": '"a"', "last_modified": -5000},
    ]
    for form in forms:
        story = site.story().says(STALE, date=-200, validates=True, **form)
        story.get(UNCHANGED)
        story.says(HOUR, validates=True, **form)
        story.get(UNCHANGED)
        story.get("After the 304 its age starts anew.")
    for control in (f"no-cache, {HOUR}", 'No-Cache="x-a", max-age=3600'):
        story = site.story().says(control, etag='"a"', validates=True)
        for _ in range(3):
            story.get("no-cache: asked about before each use.")
    for control in ("no-cache", "max-age=10", "min-fresh=3590"):
        story = site.story().says(HOUR, date=-50, etag='"a"', validates=True)
        story.get(UNCHANGED)
        story.get("The client asked for something newer: that it is unchanged will do.", ("Cache-Control", control))
    story = site.story().says(STALE, date=-200)
    story.get(UNCHANGED)
    story.get("Without a validator it is fetched in full.")


def test_new_fields(site: Site) -> None:
    """CA-17: a 304's fields replace the stored ones, but for four."""
    story = site.story().says(STALE, ("X-Old", "1"), ("X-Both", "old"), date=-200, etag='"a"', validates=True)
    story.get(UNCHANGED)
    also = [["Cache-Control", HOUR], ["X-Both", "new"], ["X-New", "1"], ["Content-Encoding", "x-none"]]
    story.says(HOUR, etag='"a"', validates=True, also=also)
    for _ in range(2):
        story.get(REPLACED)
        answer = story.answers[-1]
        for name, wanted in (("X-Old", "1"), ("X-Both", "new"), ("X-New", "1"), ("Content-Encoding", None)):
            if field_of(answer, name) != wanted:
                got = f"{name}: {field_of(answer, name)}"
                fail(answer, expected=f"{name}: {wanted}", got=got, why=REPLACED)


def test_changed(site: Site) -> None:
    """CA-17: another answer replaces it, or drops it when not storable; a 5xx leaves it."""
    for status, control in ((200, HOUR), (404, HOUR), (302, HOUR), (200, "no-store"), (500, ""), (503, "no-store")):
        story = site.story().says(STALE, date=-200, etag='"a"')
        story.get(REPLACED)
        story.says(control, status=status)
        story.get(REPLACED)
        story.says(HOUR, etag='"a"', validates=True)
        story.get(REPLACED)


def test_client_conditions(site: Site) -> None:
    """CA-18: judged against the stored answer."""
    story = site.story().says(HOUR, ("Vary", "X-Lang"), etag='W/"a"')
    story.get(HELD)
    for tags in ('"a"', 'W/"a"', '"x", W/"a"', "*", '"x"', '"A"'):
        story.get(HELD, ("If-None-Match", tags))
    listed = site.story().says(HOUR, etag='"a,b"')
    listed.get("A comma in an entity-tag is a character as any other.")
    for tags in ('"a,b"', '"x", W/"a,b"', '"a"', '"x,y","a", "b"'):
        listed.get(HELD, ("If-None-Match", tags))
    answer = story.answers[2]
    for name in ("ETag", "Date", "Vary", "Cache-Control", "Age"):
        if field_of(answer, name) is None:
            fail(answer, expected=f"a 304 with {name}", got=f"no {name}", why=HELD)
    stale = site.story().says(STALE, date=-200, etag='"a"', validates=True)
    stale.get(HELD)
    stale.get(HELD, ("If-None-Match", '"a"'))
    stale.get("It is validated with its own ETag, and the client has another one.", ("If-None-Match", '"x"'))
    dated = site.new_target()
    changed = {"fields": [["Cache-Control", HOUR], ["Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT"]]}
    site.source.plan(dated, then=changed)
    site.well(site.ask(dated))
    for since, status in (("06 Nov 1994 08:49:37", 304), ("07 Nov 1994 08:49:37", 304), ("05 Nov 1994 08:49:37", 200)):
        day = {"06": "Sun", "07": "Mon", "05": "Sat"}[since[:2]]
        site.ask(dated, {"If-Modified-Since": f"{day}, {since} GMT"}).expect(status, why=HELD)
    both = {"If-Modified-Since": "Mon, 07 Nov 1994 08:49:37 GMT", "If-None-Match": '"x"'}
    site.ask(dated, both).expect(200, why="If-None-Match comes first, and none of its tags is that of this answer.")


def test_conditions_go_on(site: Site) -> None:
    """CA-19: with nothing stored they are the origin's to judge; its 304 is not stored."""
    why = "The client's question goes to whoever knows."
    story = site.story().says(HOUR, etag='"a"', validates=True)
    story.get(why, ("If-None-Match", '"a"'))
    story.get(why, ("If-None-Match", '"a"'))
    story.get("A 304 has no body, so nothing was stored.")


def test_head(site: Site) -> None:
    """CA-20: HEAD is served from GET, and spoils nothing."""
    story = site.story().says(HOUR, ("X-Kept", "yes"))
    story.get(HEADS, method="HEAD")
    story.get(HEADS)
    story.get(HEADS, method="HEAD")
    got, wanted = (field_of(answer, "X-Kept") for answer in reversed(story.answers[-2:]))
    if got != wanted:
        fail(*story.answers[-2:], expected=f"X-Kept: {wanted}, as in the answer to GET", got=str(got), why=HEADS)
    story.get(HEADS)
    for tags in ((), (("If-None-Match", '"a"'),), (("If-None-Match", '"x"'),)):
        stale = site.story().says(STALE, date=-200, etag='"a"', validates=True)
        stale.get(HEADS)
        stale.get(HEADS, *tags, method="HEAD")
        stale.get(HEADS)
