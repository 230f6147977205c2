"""Caches that many rely on, judged by the checks of cache: another opinion than that of their author.

`docs/decisions/0041-real-caches-judged.md` explains each exception.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from labrunner.catalog.packs import Catalog
from labrunner.catalog.rulebook import rules
from tests.labs.reputation import ROOT, SERVERS, alone, judged, servers_up

RECORD = ROOT / "docs" / "decisions" / "0041-real-caches-judged.md"
ROW = re.compile(r"^\| `([\w/-]+)` \| (CA-\d+) \|", re.MULTILINE)


def _exceptions(title: str) -> dict[str, str]:
    """Each check of the table below that title, and the rule whose sentence it fails by."""
    _, _, text = RECORD.read_text().partition(f"\n{title}")
    return dict(ROW.findall(text.partition("\n\n")[2].partition("\n\n")[0]))


def _pack(folder: Path) -> Path:
    """The lab without its load, each check by itself, and with time for a start that translates a configuration."""
    for tree in ("labs", "graders", "scaffolds"):
        left_out = shutil.ignore_patterns("mutants", "accepted", "transcripts", "load.py", "test_*_load.py")
        shutil.copytree(ROOT / tree / "cache", folder / tree / "reputation", ignore=left_out)
    manifest = folder / "labs" / "reputation" / "lab.toml"
    text = alone(manifest.read_text().replace('id = "cache"', 'id = "reputation"'))
    manifest.write_text(re.sub(r"\nready_within_ms = .*", "\nready_within_ms = 60000", text))
    return folder


@pytest.mark.parametrize("title", ["Varnish", "nginx"])
def test_each_exception_has_its_sentence(title: str) -> None:
    """The rule stands in the lab's README, and the check is one of the lab's."""
    lab = Catalog().lab("cache")
    told, checks = rules(lab), {check.id for check in lab.checks}
    table = _exceptions(title)
    assert len(table) > 10
    assert set(table) <= checks
    assert set(table.values()) <= set(told)


@pytest.mark.exhaustive
@pytest.mark.parametrize("title", ["Varnish", "nginx"])
def test_known_caches_are_judged_as_their_reputation_says(title: str, tmp_path: Path) -> None:
    """Each passes every check but those that the decision record explains; what the machine was too busy for counts as neither."""
    servers_up()
    solution = Path(shutil.copytree(SERVERS / title.lower(), tmp_path / "solution"))
    shutil.copy(SERVERS / "cache" / "adapter.py", solution)
    told = judged(solution, _pack(tmp_path / "pack"))
    statuses = {check["id"]: check["outcome"]["status"] for check in told["checks"]}
    failed = {check for check, status in statuses.items() if status not in {"passed", "inconclusive"}}
    passed = {check for check, status in statuses.items() if status == "passed"}
    exceptions = set(_exceptions(title))
    assert failed <= exceptions
    assert not passed & exceptions, "the record explains what does not fail any more"
