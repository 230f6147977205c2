"""Stage freshness: for how long an answer is good, and how old it is."""

from __future__ import annotations

import random
from typing import Any

from vocabulary import NOT_TWICE, Site, describe, read

from labrunner.checks import Services, fail, for_all, wait

LIFETIME = "An answer is used for as long as the origin said, and no longer."
AGE = "An answer is as old as its journey, not as its time in this cache."
PATIENT_MS = 15_000
SLOW_SECONDS = 3
LATE_SECONDS = 3.2
"""After so long what was fresh for a second is stale, whatever the whole seconds hide (CA-13)."""


def test_lifetime(site: Site) -> None:
    """CA-11: s-maxage, else max-age, else Expires minus Date."""
    plans: list[tuple[str, dict[str, Any]]] = [
        ("s-maxage=100, max-age=3", {"date": -50}),
        ("s-maxage=3, max-age=100", {"date": -50}),
        ("max-age=100", {"date": -50, "expires": -20}),
        ("max-age=3", {"date": -50, "expires": 100}),
        ("", {"date": -50, "expires": 100}),
        ("", {"date": -50, "expires": -20}),
        ("max-age=0", {}),
        # A Date ahead adds no part of a second to the age: it is 0, and so is the lifetime.
        ("max-age=0", {"date": 50}),
    ]
    for control, step in plans:
        story = site.story().says(control, **step)
        story.get(LIFETIME)
        story.get(LIFETIME)


def test_invalid(site: Site) -> None:
    """CA-11: what is no number, and no date, is stale at once."""
    plans: list[tuple[str, tuple[tuple[str, str], ...], dict[str, Any]]] = [
        ("max-age=abc", (), {"expires": 3600}),
        ("max-age", (), {}),
        ("max-age=1.5e3", (), {}),
        ("s-maxage=1h, max-age=3600", (), {}),
        ("", (("Expires", "0"),), {}),
        ("", (("Expires", "tomorrow"),), {}),
        ("max-age=3600", (("Expires", "0"),), {}),
    ]
    for control, fields, more in plans:
        story = site.story().says(control, *fields, **more)
        story.get(LIFETIME)
        story.get(LIFETIME)


def test_age(site: Site, services: Services) -> None:
    """CA-12: Date and Age of the origin count, and so does the time that the forward took."""
    for age, date in ((50, 0), (0, -50), (20, -50), (50, -20), (200, 0), (0, -200), (0, 50), (40, None)):
        fields = (("Age", str(age)),) if age else ()
        story = site.story().says("max-age=100", *fields, date=date)
        story.get(AGE)
        story.get(AGE)
    patient = site.own(services, ORIGIN_TIMEOUT_MS=PATIENT_MS)
    target = patient.new_target()
    patient.source.plan(
        target, then={"fields": [["Cache-Control", "max-age=100"], ["Age", "50"]], "slow": SLOW_SECONDS}
    )
    patient.well(patient.ask(target)).expect(200, why=AGE)
    got = read(patient.well(answer := patient.ask(target)))
    least = 50 + SLOW_SECONDS - 1  # CA-13
    if not got.is_hit or got.age is None or got.age < least:
        why = f"{AGE} It said Age: 50, and was {SLOW_SECONDS} s on its way."
        fail(answer, expected=f"a hit with Age {least} at least", got=describe(got), why=why)


def test_expires_in_time(site: Site) -> None:
    """CA-11: it ends, and is fetched anew."""
    stories = [site.story().says("max-age=1"), site.story().says("max-age=101", ("Age", "100"))]
    stories.append(site.story().says("max-age=101", date=-100))
    for story in stories:
        story.get(LIFETIME)
    wait(LATE_SECONDS)
    for story in stories:
        story.get(LIFETIME)
    lasting = site.story().says("max-age=3600")
    lasting.get(LIFETIME)
    lasting.get(NOT_TWICE)


def test_as_the_model(site: Site, rng: random.Random) -> None:
    """CA-11 to CA-13: any sequence of answers and requests is as the model of a correct cache allows."""

    def plans() -> Any:
        from hypothesis import strategies as st  # noqa: PLC0415 - only this check needs it

        control = st.sampled_from(["max-age=100", "s-maxage=10, max-age=100", "max-age=0", ""])
        step = st.fixed_dictionaries(
            {
                "control": control,
                "date": st.sampled_from([0, -50, -200, None]),
                "age": st.sampled_from([0, 50, 200]),
                "status": st.sampled_from([200, 200, 404, 503, 302]),
                "asks": st.integers(1, 3),
            }
        )
        return st.lists(step, min_size=1, max_size=4)

    def attempt(plan: list[dict[str, Any]]) -> None:
        story = site.told_again()
        for step in plan:
            fields = (("Age", str(step["age"])),) if step["age"] else ()
            story.says(step["control"], *fields, date=step["date"], status=step["status"])
            for _ in range(step["asks"]):
                story.get("Each answer is one that the rules allow after what was said before.")
        story.close()

    fresh = {"control": "max-age=100", "date": 0, "age": 0, "status": 200}
    attempt([fresh | {"date": -200, "asks": 1}, fresh | {"asks": 2}])  # what is stale is replaced: rare among the drawn
    for_all(plans, attempt, rng=rng, examples=25)
