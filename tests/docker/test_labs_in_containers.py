"""Each lab's own solutions, graded in containers as CI grades a learner's: a reference and a mutant, by turns.

All of them: `make validate`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from labrunner.authoring import cases
from labrunner.catalog.packs import Catalog
from labrunner.model.validation import CaseKind
from labrunner.rules.turns import turns

if TYPE_CHECKING:
    from labrunner.authoring.cases import Case

ROOT = Path(__file__).parents[2]
CATALOG = Catalog()
HANGS = 300.0
"""Seconds; against a hang, not a promise of speed."""


def _commit() -> str:
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()[:12] or "0"


def _chosen(kind: CaseKind) -> list[tuple[str, Case]]:
    """One of each lab, by turns: the commit's hash chooses, so that a failure can be repeated. A race proves nothing."""
    found: list[tuple[str, Case]] = []
    for lab in CATALOG.labs():
        of_kind = {case.name: case for case in cases.find(lab) if case.kind is kind and case.caught is None}
        found += [(lab.id, of_kind[name]) for name in turns(of_kind, 1, _commit())]
    return found


def _graded(lab: str, case: Case, folder: Path) -> tuple[int, dict[str, Any]]:
    solution = cases.lay_out(case, CATALOG.lab(lab), folder / "solution")
    result = folder / "result.json"
    argv = [
        sys.executable,
        "-m",
        "labrunner",
        "grade",
        str(solution),
        "--runtime",
        "docker",
        "--seed",
        f"ci-{_commit()}",
    ]
    done = subprocess.run(
        [*argv, "--report", f"json={result}"], capture_output=True, text=True, timeout=HANGS, check=False
    )
    assert result.exists(), done.stdout + done.stderr
    return done.returncode, json.loads(result.read_bytes())


@pytest.mark.parametrize("lab, case", _chosen(CaseKind.REFERENCE), ids=lambda value: getattr(value, "name", value))
def test_a_reference_earns_everything_in_containers(lab: str, case: Case, tmp_path: Path) -> None:
    """The same checks, the same verdicts, strongly isolated."""
    code, result = _graded(lab, case, tmp_path)
    assert code == 0, result
    assert result["score"]["value"] == 1.0
    assert result["isolation"] == "strong"


@pytest.mark.parametrize("lab, case", _chosen(CaseKind.MUTANT), ids=lambda value: getattr(value, "name", value))
def test_a_mutant_fails_what_it_names_in_containers(lab: str, case: Case, tmp_path: Path) -> None:
    """What is wrong on loopback is wrong in a container, and nothing else is."""
    code, result = _graded(lab, case, tmp_path)
    failed = {check["id"] for check in result["checks"] if check["outcome"]["status"] in {"failed", "limit"}}
    assert code == 1
    assert set(case.breaks) <= failed <= {*case.breaks, *case.may_break}
