"""Stage variants: several answers for one address."""

from __future__ import annotations

from vocabulary import Site

HOUR = "max-age=3600"
OWN = "Who asks in German is not answered in English, and who asks in English twice is answered once."
SAME = "How a field is spread over lines, and the blanks around commas, say nothing."
NEWEST = "Of two answers that fit, the newer one is right."


def test_vary(site: Site) -> None:
    """CA-21, CA-6: each variant is its own, by all the fields that Vary names."""
    story = site.story().says(HOUR, ("Vary", "x-lang, X-Kind"))
    german, english = ("X-Lang", "de"), ("X-Lang", "en")
    short, long = ("x-kind", "short"), ("X-KIND", "long")
    for fields in (
        (german, short),
        (english, short),
        (german, short),
        (english, long),
        (english, short),
        (english, long),
    ):
        story.get(OWN, *fields)
    plain = site.story().says(HOUR, ("Vary", "X-Lang"))
    plain.get(OWN, german)
    plain.get("A field that Vary does not name makes no difference.", german, ("X-Other", "1"))


def test_normalised(site: Site) -> None:
    """CA-21: lines are joined, blanks around commas dropped."""
    story = site.story().says(HOUR, ("Vary", "X-Lang"))
    story.get(SAME, ("X-Lang", "de, en"))
    story.get(SAME, ("X-Lang", "de,en"))
    story.get(SAME, ("X-Lang", "de"), ("X-Lang", "en"))
    story.get(SAME, ("X-Lang", "de  ,\ten"))
    story.get("Another order, or one member less: not tested, or another value.", ("X-Lang", "de"))


def test_absent(site: Site) -> None:
    """CA-21: absent matches absent only."""
    why = "A request without the field is not the same as one with it."
    for first, second in (((), (("X-Lang", "de"),)), ((("X-Lang", "de"),), ())):
        story = site.story().says(HOUR, ("Vary", "X-Lang"))
        for fields in (first, second, first, second):
            story.get(why, *fields)


def test_newest(site: Site) -> None:
    """CA-21: several match, with different Vary: the one with the newest Date."""
    both = (("X-A", "1"), ("X-B", "1"))
    for first, second in ((-50, 0), (0, -50)):
        story = site.story().says(HOUR, ("Vary", "X-A"), date=first)
        story.get(NEWEST, ("X-A", "1"))  # fits whoever has this X-A
        story.says(HOUR, ("Vary", "X-B"), date=second)
        story.get(NEWEST, ("X-A", "2"), ("X-B", "1"))  # fits whoever has this X-B
        story.get(NEWEST, *both)
        story.get(NEWEST, *both)
