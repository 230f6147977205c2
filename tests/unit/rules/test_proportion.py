from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labrunner.rules.proportion import LEAST_RACE_RUNS, at_most, refutes, runs_to_judge, upper_bound


@pytest.mark.parametrize("count, of, share, chance", [(0, 5, 0.5, 1 / 32), (5, 5, 0.5, 1.0), (1, 2, 0.5, 0.75)])
def test_chances_are_the_binomials(count: int, of: int, share: float, chance: float) -> None:
    """By hand for small cases."""
    assert at_most(count, of, share) == pytest.approx(chance)


@given(st.integers(1, 60), st.data())
def test_the_bound_is_where_what_was_seen_becomes_incredible(of: int, data: st.DataObject) -> None:
    """Clopper and Pearson: at the bound, as few hits have the chance that is left."""
    count = data.draw(st.integers(0, of - 1))
    bound = upper_bound(count, of)
    assert count / of < bound < 1
    assert at_most(count, of, bound) == pytest.approx(0.05, abs=1e-6)


def test_no_failure_in_n_runs_is_bounded_by_about_three_in_n() -> None:
    """The rule of three."""
    assert upper_bound(0, 300) == pytest.approx(3 / 300, rel=0.01)
    assert upper_bound(0, 0) == 1.0
    assert upper_bound(3, 3) == 1.0


def test_a_share_is_refused_only_when_next_to_impossible() -> None:
    """Of five runs, a race that is caught nine times in ten may escape thrice, not four times."""
    assert not refutes(2, 5, 0.9)
    assert refutes(1, 5, 0.9)
    assert not refutes(5, 5, 0.9)


@given(st.floats(0.05, 0.999))
def test_enough_runs_are_made_to_refute_a_share(share: float) -> None:
    """At least five; and none caught of them all would be proof."""
    runs = runs_to_judge(share)
    assert runs >= LEAST_RACE_RUNS
    assert refutes(0, runs, share)
    assert runs == LEAST_RACE_RUNS or not refutes(0, runs - 1, share)


def test_a_true_share_is_hardly_ever_refused() -> None:
    """Over many validations of a race with its true share, about one in a thousand is refused, not more."""
    rng = random.Random(5)
    runs = runs_to_judge(0.6)
    refused = sum(refutes(sum(rng.random() < 0.6 for _ in range(runs)), runs, 0.6) for _ in range(5000))
    assert refused / 5000 <= 0.002
    assert math.isclose(at_most(runs, runs, 0.6), 1.0)
