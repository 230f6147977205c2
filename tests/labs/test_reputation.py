"""Servers that many rely on, judged by the checks of http-server: another opinion than that of their author.

`docs/decisions/0021-real-servers-judged.md` and, for nginx, 0043 explain each exception.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import h11
import pytest

from labrunner.authoring.sections import BUSY_BOUND, exceeds
from labrunner.catalog.packs import Catalog
from labrunner.catalog.rulebook import rules
from tests.labs.reputation import ROOT, SERVERS, alone, judged, servers_up

JUDGED = ("respond", "routing", "headers", "bodies", "keep-alive", "chunked", "bad-requests", "concurrency")
NODE = {
    "routing/unknown-method",
    "bad-requests/request-lines",
    "bad-requests/hosts",
    "bad-requests/codings",
    "concurrency/graceful-stop",
}
H11 = {
    "keep-alive/http-1-0",
    "keep-alive/empty-line",
    "chunked/chunk-sizes",
    "bad-requests/fields",
    "bad-requests/lengths",
    "bad-requests/codings",
}
NGINX = {
    "routing/unknown-method",
    "headers/white-space",
    "keep-alive/errors-stay-open",
    "keep-alive/not-close",
    "bad-requests/request-lines",
    "bad-requests/fields",
    "bad-requests/codings",
}
WITH_FILES = {"concurrency/slow-reader", "concurrency/gone-clients"}
"""Only where each check is judged by itself: they need files, which are not among the routes here."""
RECORD = ROOT / "docs" / "decisions" / "0043-nginx-judged-as-a-server.md"
WORDS = ("it refuses a malformed request in the very bytes of Node's http",)
WORDS_OF_NGINX = (
    "it says that it is 'nginx', in the field Server",
    "it refuses a malformed request in the very bytes of nginx",
)


def _pack(folder: Path) -> Path:
    """The lab without its static rule, under another name."""
    for tree in ("labs", "graders", "scaffolds"):
        shutil.copytree(
            ROOT / tree / "http-server", folder / tree / "reputation", ignore=shutil.ignore_patterns("mutants")
        )
    manifest = folder / "labs" / "reputation" / "lab.toml"
    text = manifest.read_text().replace('id = "http-server"', 'id = "reputation"')
    manifest.write_text(re.sub(r"\n\[imports\].*?(?=\n\[load\])", "", text, flags=re.DOTALL))
    return folder


@pytest.mark.parametrize("name, exceptions, review", [("node", NODE, WORDS), ("h11", H11, ())])
def test_known_servers_are_judged_as_their_reputation_says(
    name: str, exceptions: set[str], review: tuple[str, ...], tmp_path: Path
) -> None:
    """Each passes every check of the protocol but those that a decision record explains; whose words it has is noted."""
    solution = Path(shutil.copytree(SERVERS / name, tmp_path / "solution"))
    if name == "h11":
        # Its own files, so that nothing has to be installed: what is judged is the parser that the tests have, too.
        shutil.copytree(Path(h11.__file__).parent, solution / "h11", ignore=shutil.ignore_patterns("__pycache__"))
    failed, undecided, told = _judged(solution, _pack(tmp_path / "pack"))
    assert failed <= exceptions <= failed | undecided
    assert told == review


@pytest.mark.exhaustive
def test_nginx_is_judged_as_its_reputation_says(tmp_path: Path) -> None:
    """The same, of a server that has to be installed; no failure of a check hides another one."""
    servers_up()
    solution = Path(shutil.copytree(SERVERS / "nginx-http", tmp_path / "solution"))
    failed, undecided, told = _judged(solution, _alone(_pack(tmp_path / "pack")))
    assert failed - WITH_FILES <= NGINX <= failed | undecided
    assert told == WORDS_OF_NGINX


def test_each_exception_of_nginx_has_its_sentence() -> None:
    """The record explains these and no others, by rules that the lab's README has."""
    rows = re.findall(r"^\| `([\w/-]+)` \| (HS-\d+) \|", RECORD.read_text(), re.MULTILINE)
    assert {check for check, _ in rows} == NGINX
    lab = Catalog().lab("http-server")
    assert {check.id for check in lab.checks} >= NGINX
    assert {rule for _, rule in rows} <= set(rules(lab))


def _alone(pack: Path) -> Path:
    """Without the load, and no check needs another one."""
    manifest = pack / "labs" / "reputation" / "lab.toml"
    manifest.write_text(alone(manifest.read_text()))
    for path in (pack / "graders" / "reputation").glob("*load.py"):
        path.unlink()
    return pack


def _judged(solution: Path, pack: Path) -> tuple[set[str], set[str], tuple[str, ...]]:
    """The checks of the protocol that it fails, those that the machine was too busy for, and what was noted of its words."""
    told = judged(solution, pack)
    statuses = {check["id"]: check["outcome"]["status"] for check in told["checks"] if check["stage"] in JUDGED}
    undecided = {check for check, status in statuses.items() if status == "inconclusive"}
    failed = {check for check, status in statuses.items() if status not in {"passed", "blocked", "inconclusive"}}
    by_themselves = [
        check["id"] for check in told["checks"] if check["id"] in undecided and not check["outcome"]["blocked_by"]
    ]
    assert not exceeds(len(by_themselves), len(statuses), BUSY_BOUND)
    return failed, undecided, tuple(told["review"])
