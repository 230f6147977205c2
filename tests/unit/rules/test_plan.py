from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labrunner.errors import UnknownName, UsageError
from labrunner.model.status import Status
from labrunner.rules.plan import blockers, cycle, first_not_passed, select, with_needs
from tests.builders import check, lab

LAB = lab(
    check("one/a"),
    check("one/b", "one/a"),
    check("two/c", "one/b"),
    check("two/d"),
    check("three/a", "two/c", "two/d"),
)


def test_nothing_named_selects_everything_in_order() -> None:
    """Without names every check is run, in the manifest's order."""
    assert select(LAB, ()) == ("one/a", "one/b", "two/c", "two/d", "three/a")


@pytest.mark.parametrize(
    "names, expected",
    [
        (("1",), ("one/a", "one/b")),
        (("one",), ("one/a", "one/b")),
        (("two/d",), ("two/d",)),
        (("d",), ("two/d",)),
        (("two/c",), ("one/a", "one/b", "two/c")),
        (("two",), ("one/a", "one/b", "two/c", "two/d")),
        (("3", "one/a"), ("one/a", "one/b", "two/c", "two/d", "three/a")),
    ],
)
def test_selection_takes_numbers_slugs_and_ids_with_all_they_need(
    names: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    """A stage's number or slug, a check's id or its unique slug: each brings everything that it needs, transitively."""
    assert select(LAB, names) == expected


@pytest.mark.parametrize("name, suggestion", [("tow", "two"), ("two/cc", "two/c"), ("one/", "one/a")])
def test_an_unknown_name_gets_did_you_mean(name: str, suggestion: str) -> None:
    """A mistyped stage or check is answered with the nearest names."""
    with pytest.raises(UnknownName) as caught:
        select(LAB, (name,))
    assert name in caught.value.message
    assert "Did you mean" in caught.value.hint
    assert suggestion in caught.value.hint


def test_a_slug_that_two_stages_have_is_not_guessed() -> None:
    """An ambiguous slug is refused, and both ids are offered."""
    with pytest.raises(UsageError, match="More than one") as caught:
        select(LAB, ("a",))
    assert caught.value.hint == "Say one/a or three/a."


@pytest.mark.parametrize("name", ["0", "4", "-1", "", "one/zzz", "ONE"])
def test_names_that_do_not_exist_are_refused(name: str) -> None:
    """There is no stage 0 and no last + 1; names are exact."""
    with pytest.raises(UnknownName):
        select(LAB, (name,))


def test_a_dag_has_no_cycle() -> None:
    """Many parents and shared ancestors are no cycle."""
    assert cycle(LAB.checks) == ()


def test_a_cycle_is_shown_from_a_check_back_to_itself() -> None:
    """The author sees the circle itself, not only that there is one."""
    checks = (check("s/in", "s/a"), check("s/a", "s/b"), check("s/b", "s/c"), check("s/c", "s/a"))
    assert cycle(checks) == ("s/a", "s/b", "s/c", "s/a")


def test_a_check_that_needs_itself_is_a_cycle() -> None:
    """The shortest circle."""
    assert cycle((check("s/a", "s/a"),)) == ("s/a", "s/a")


@given(st.lists(st.lists(st.integers(0, 11), max_size=3), min_size=1, max_size=12))
def test_a_cycle_is_found_exactly_when_there_is_one(needs: list[list[int]]) -> None:
    """Whatever is shown is a circle of real needs; where nothing is shown the checks can be put in order."""
    size = len(needs)
    checks = [check(f"s/c{i}", *(f"s/c{n % size}" for n in row)) for i, row in enumerate(needs)]
    by_id = {item.id: item for item in checks}
    found = cycle(checks)
    if found:
        assert found[0] == found[-1]
        assert all(later in by_id[earlier].needs for earlier, later in itertools.pairwise(found))
    else:
        done: set[str] = set()
        while ready := {item.id for item in checks if item.id not in done and done.issuperset(item.needs)}:
            done |= ready
        assert done == set(by_id)


@given(st.sets(st.sampled_from([item.id for item in LAB.checks]), min_size=1))
def test_a_selection_is_closed_under_needs(wanted: set[str]) -> None:
    """No check is ever run without what it needs, and nothing needless is run."""
    found = with_needs(LAB.checks, wanted)
    by_id = {item.id: item for item in LAB.checks}
    assert wanted <= found
    assert all(set(by_id[each].needs) <= found for each in found)
    assert all(each in wanted or any(each in by_id[other].needs for other in found) for each in found)


def test_a_check_waits_until_all_it_needs_have_verdicts() -> None:
    """None means: not yet, one need is still open."""
    both = check("s/z", "s/a", "s/b")
    assert blockers(both, {"s/a": Status.FAILED}) is None


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.PASSED])
def test_any_need_that_did_not_pass_blocks(status: Status) -> None:
    """Failed, inconclusive, errored, blocked or skipped: a check that needs it is not worth running."""
    both = check("s/z", "s/a", "s/b")
    assert blockers(both, {"s/a": Status.PASSED, "s/b": status}) == ("s/b",)


def test_a_check_whose_needs_passed_may_run() -> None:
    """So may one without needs."""
    assert blockers(check("s/z", "s/a"), {"s/a": Status.PASSED}) == ()
    assert blockers(check("s/z"), {}) == ()


@pytest.mark.parametrize(
    "verdicts, stage",
    [
        ({}, None),
        ({"one/a": Status.PASSED, "one/b": Status.PASSED}, None),
        ({"one/a": Status.INCONCLUSIVE}, None),
        ({"one/a": Status.FAILED}, 0),
        ({"two/c": Status.BLOCKED}, 1),
        ({"two/c": Status.LIMIT, "three/a": Status.FAILED}, 1),
        ({"three/a": Status.ERRORED}, 2),
    ],
)
def test_the_stage_to_work_on_is_the_first_with_a_check_that_did_not_pass(
    verdicts: dict[str, Status], stage: int | None
) -> None:
    """What the machine left undecided stops nobody."""
    assert first_not_passed(LAB, verdicts) == stage
