"""Every lab of the core pack is proved by being there, by the command that its author uses.

`make validate` is the exhaustive form: every mutant, both runtimes, many runs.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

from labrunner.catalog.packs import Catalog
from labrunner.catalog.rulebook import rules

LABS = Catalog().names()
MUTANTS_A_COMMIT, CORRECT_A_COMMIT = 4, 3
"""Of the correct ones the reference in the lab's first language, and two others."""
FEWER = {"sharded-db": (2, 2)}
"""Where each check starts PostgreSQL servers of its own, so that it has its minutes of CI and not twice as many."""
HANGS = 900.0
"""Seconds; against a hang, not a promise of speed."""


@pytest.mark.parametrize("lab", LABS)
def test_the_grader_is_right(lab: str) -> None:
    """Correct solutions pass, the scaffold earns its baseline, and mutants fail what they name.

    The commit's hash chooses whose turn it is, and the checks that mutants are graded by, so that a failure can be repeated by hand.
    """
    mutants, correct = FEWER.get(lab, (MUTANTS_A_COMMIT, CORRECT_A_COMMIT))
    argv = [sys.executable, "-m", "labrunner", "validate", lab, "--runtime", "process", "--quick", "--mutants",
            str(mutants), "--correct", str(correct)]  # fmt: skip
    done = subprocess.run(argv, capture_output=True, text=True, timeout=HANGS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("lab", LABS)
def test_every_rule_that_a_check_cites_can_be_read(lab: str) -> None:
    """`lab spec RULE`, and the last hint, must lead somewhere."""
    found = Catalog().lab(lab)
    text = rules(found)
    assert all(len(text[rule].splitlines()) > 1 for check in found.checks for rule in check.rules)
