"""Every lab of the core pack is proved, by the command that its author uses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from labrunner.catalog.packs import Catalog
from labrunner.catalog.rulebook import rules

ROOT = Path(__file__).parents[2]
LABS = [lab.id for lab in Catalog().labs()]
HANGS = 900.0
"""Seconds; against a hang, not a promise of speed."""


def _seed() -> str:
    """Chosen by the commit, so that a failure in CI can be repeated by hand."""
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    return f"ci-{commit.stdout.strip()[:12] or 'none'}"


@pytest.mark.parametrize("lab", LABS)
def test_the_grader_is_right(lab: str) -> None:
    """References and accepted solutions pass, the scaffold earns its baseline, each mutant fails what it names alone."""
    argv = [sys.executable, "-m", "labrunner", "validate", lab, "--runs", "2", "--jobs", "3", "--seed", _seed()]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=HANGS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("lab", LABS)
def test_every_rule_that_a_check_cites_is_in_the_readme(lab: str) -> None:
    """`lab spec RULE`, and the last hint, must lead somewhere."""
    found = Catalog().lab(lab)
    text = rules(found)
    cited = {rule for check in found.checks for rule in check.rules}
    assert cited <= set(text)
    assert all(len(text[rule].splitlines()) > 1 for rule in cited)


@pytest.mark.parametrize("lab", LABS)
def test_every_rule_of_the_lab_is_cited_by_a_check(lab: str) -> None:
    """A rule that no check proves is a wish; the static rule proves its own, those common to all labs may go without."""
    found = Catalog().lab(lab)
    cited = {rule for check in found.checks for rule in check.rules} | {each.rule for each in found.imports.values()}
    assert {rule for rule in rules(found) if not rule.startswith("C-")} <= cited
