"""The HTTP plumbing that learners are given is the plumbing that the references prove."""

from __future__ import annotations

from pathlib import Path

import pytest

from labrunner.authoring import cases
from labrunner.catalog.packs import Catalog
from labrunner.model.lab import Lab, Language
from labrunner.model.validation import CaseKind

PLUMBING = {
    Language.PYTHON: "http_plumbing.py",
    Language.TYPESCRIPT: "http_plumbing.ts",
    Language.GO: "plumbing.go",
}
PAIRS = [
    pytest.param(lab, language, id=f"{lab.id}-{language}")
    for lab in Catalog().labs()
    for language in lab.languages
    if (lab.scaffolds / language.value / PLUMBING[language]).is_file()
]


@pytest.mark.parametrize("lab, language", PAIRS)
def test_the_references_plumbing_is_the_scaffolds(lab: Lab, language: Language) -> None:
    """What learners get is what passes: the reference runs on the scaffold's plumbing, byte for byte."""
    given = lab.scaffolds / language.value / PLUMBING[language]
    proved = lab.grader / "references" / language.value / PLUMBING[language]
    assert proved.read_bytes() == given.read_bytes()


@pytest.mark.parametrize("lab", Catalog().labs(), ids=lambda lab: lab.id)
def test_a_mutant_carries_only_files_that_it_changes(lab: Lab) -> None:
    """A copy that equals the reference's would go stale with the next change of that file, plumbing above all."""
    mutants = [case for case in cases.find(lab) if case.kind is CaseKind.MUTANT]
    assert mutants
    for mutant in mutants:
        assert mutant.overlay is not None
        for path in _carried(mutant.overlay):
            original = mutant.base / path.relative_to(mutant.overlay)
            assert path.read_bytes() != original.read_bytes(), f"{mutant.name} carries {path.name} unchanged"


def _carried(overlay: Path) -> list[Path]:
    found = (path for path in overlay.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return [path for path in found if path.name != cases.MUTANT_FILE]
