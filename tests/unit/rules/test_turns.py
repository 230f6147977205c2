from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from labrunner.rules.turns import tenth, turns

NAMES = [f"n{number}" for number in range(48)]


@given(st.permutations(NAMES), st.integers(0, 60), st.text())
def test_the_choice_follows_from_the_commit_alone(order: list[str], count: int, commit: str) -> None:
    """The same names, in whatever order, give the same choice: a failure in CI can be repeated by hand."""
    chosen = turns(order, count, commit)
    assert chosen == turns(NAMES, count, commit)
    assert len(chosen) == min(count, len(NAMES))


def test_every_name_has_its_turn() -> None:
    """Over a hundred commits nobody is left out."""
    seen = frozenset[str]().union(*(turns(NAMES, 10, f"commit-{number}") for number in range(100)))
    assert seen == set(NAMES)


def test_another_purpose_makes_another_choice() -> None:
    """Each mutant is tried against other checks."""
    assert len({tenth(NAMES, "abc", salt) for salt in NAMES}) > len(NAMES) / 2


def test_a_tenth_is_at_least_one() -> None:
    """Of few; and none of none."""
    assert len(tenth(NAMES, "c")) == 5
    assert len(tenth(["a"], "c")) == 1
    assert tenth([], "c") == frozenset()


@given(st.text())
def test_what_one_brings_along_counts(commit: str) -> None:
    """No more than a tenth, but for the first, which everybody is at some time."""

    def brings(name: str) -> set[str]:
        return {name, "a", "b", "c"} if name < "n3" else {name}

    chosen = tenth(NAMES, commit, brings=brings)
    assert len({each for name in chosen for each in brings(name)}) <= 5
    heavy = tenth(NAMES, commit, brings=lambda name: {name, *NAMES[:9]})
    assert len(heavy) == 1
