"""A learner pushes: the caller that `lab ci init` wrote, the reusable workflow and the action are executed step by step."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import junitparser
import pytest

from labrunner.authoring import cases
from labrunner.authoring.sections import BUSY_BOUND, exceeds
from labrunner.catalog.packs import Catalog
from labrunner.model.validation import CaseKind
from labrunner.reports import telling
from labrunner.rules.stored import result_of
from tests.ci.conftest import LABRUNNER, ROOT, git, pushed
from tests.ci.service import FAILURE, SUCCESS, Job, Service, digest

if TYPE_CHECKING:
    from labrunner.authoring.cases import Case

MUTANTS = int(os.environ.get("LABRUNNER_PUSHED", "1"))
"""Of each lab; the rest has its turn with other commits. `make validate` pushes three, and every reference whole."""
IS_WHOLE = "LABRUNNER_PUSHED" in os.environ


TURN = int(git(ROOT, "rev-parse", "HEAD")[:12], 16)
"""A number of the commit's, by which everything is picked."""


def _chosen() -> list[object]:
    """Of each lab that exists one reference, one scaffold and mutants, all picked by the commit's hash.

    No mutant with a share: a correct grader may miss it in one push, so one push shows nothing. `lab validate` counts those.
    """
    labs = Catalog().labs()
    amounts = {CaseKind.REFERENCE: 1, CaseKind.SCAFFOLD: 1, CaseKind.MUTANT: MUTANTS}
    found: list[object] = []
    for lab in labs:
        for kind, amount in amounts.items():
            known = [case for case in cases.find(lab) if case.kind is kind and case.caught is None]
            picked = {(TURN + 7 * step) % len(known): None for step in range(amount)}
            found += [pytest.param(lab.id, known[n], id=f"{lab.id}-{kind}-{known[n].name}") for n in picked]
    return found


def _init(solution: Path, *arguments: str) -> None:
    argv = [sys.executable, "-P", "-m", "labrunner", "ci", "init", "github", *arguments]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(argv, cwd=solution, check=True, capture_output=True, env=env)


def _ask_for(lab: str, stages: tuple[str, ...], solution: Path) -> None:
    """Have those stages graded and no other, as `assignment.toml` says it; else a mutant's turn takes a minute and a half."""
    (solution / "assignment.toml").write_text(f"lab = {json.dumps(lab)}\nstages = {json.dumps(stages)}\n")
    caller = solution / ".github" / "workflows" / "grade.yml"
    caller.write_text(caller.read_text().replace("path: .", "path: ., assignment: assignment.toml"))


def _part(lab: str, case: Case) -> tuple[str, ...]:
    """The stages by which a case is graded; none for the whole lab.

    A mutant is graded by those it breaks. One lab's reference is graded whole, the others' by a third of their stages, by the
    commit's hash: all of it has its turn, and `make validate` grades all of it.
    """
    if case.kind is CaseKind.MUTANT:
        return tuple(dict.fromkeys(check.partition("/")[0] for check in case.breaks))
    names = sorted(found.id for found in Catalog().labs())
    if case.kind is not CaseKind.REFERENCE or IS_WHOLE or names[TURN % len(names)] == lab:
        return ()
    stages = Catalog().lab(lab).stages
    return tuple(stage.slug for number, stage in enumerate(stages) if number % 3 == TURN % 3)


def _push(
    service: Service, commit: str, repository: str, solution: Path, lab: str = "", stages: tuple[str, ...] = ()
) -> tuple[dict[str, Job], str]:
    git(solution, "init", "--quiet")
    _init(solution, "--from", f"{LABRUNNER}@{commit}")
    if stages:
        _ask_for(lab, stages, solution)
    pushed_commit = pushed(service, repository, solution)
    jobs = service.push(repository, pushed_commit, ".github/workflows/grade.yml")
    service.is_installed = True
    return jobs, pushed_commit


@pytest.mark.parametrize("lab, case", _chosen())
def test_a_push_is_graded_told_and_attested(
    service: Service, commit: str, lab: str, case: Case, tmp_path: Path
) -> None:
    """Every lab there is, in containers: the right verdict, each report agrees, and the attested digest is its file's."""
    solution = cases.lay_out(case, Catalog().lab(lab), tmp_path / "solution")
    jobs, pushed_commit = _push(service, commit, "ada/limits", solution, lab, _part(lab, case))
    folder = service.artifacts["labrunner-result"]
    assert (folder / "result.json").exists(), jobs["grade"].log
    result = json.loads((folder / "result.json").read_text())
    failed = {row["id"] for row in result["checks"] if row["outcome"]["status"] in {"failed", "limit"}}
    _judge(case, result, failed, jobs["grade"])
    _agree(folder, result, failed, jobs["grade"])
    envelope = json.loads((folder / "envelope.json").read_text())
    subject = envelope["envelope"]["subject"]
    assert (subject["owner"], subject["repository"], subject["commit"]) == ("ada", "ada/limits", pushed_commit)
    assert result_of((folder / "envelope.json").read_bytes(), "e") == result_of(
        (folder / "result.json").read_bytes(), "r"
    )
    jsonschema.validate(envelope, json.loads((ROOT / "docs" / "envelope.schema.json").read_text()))
    assert service.attested == {"envelope.json": digest(folder / "envelope.json")}


def _judge(case: Case, result: dict[str, Any], failed: set[str], job: Job) -> None:
    assert result["isolation"] == "strong"
    undecided = {row["id"]: row for row in result["checks"] if row["outcome"]["status"] == "inconclusive"}
    # On a busy machine 1 check in 20 may be (C-26).
    by_themselves = [row for row in undecided.values() if not row["outcome"]["blocked_by"]]
    assert not exceeds(len(by_themselves), len(result["checks"]), BUSY_BOUND), job.log
    if case.kind is CaseKind.REFERENCE:
        assert not failed
        assert result["score"]["value"] == 1.0, job.log
        # One that is undecided is neither passed nor failed, and the job says so.
        assert job.result == (FAILURE if undecided else SUCCESS)
        return
    assert job.result == FAILURE
    if case.kind is CaseKind.MUTANT:
        assert failed & set(case.breaks)
        assert set(case.breaks) <= failed | undecided.keys()
        assert failed <= {*case.breaks, *case.may_break}


def _agree(folder: Path, result: dict[str, Any], failed: set[str], job: Job) -> None:
    """Summary, JUnit, annotations, Gradescope, HTML."""
    suites = junitparser.JUnitXml.fromfile(str(folder / "junit.xml"))
    rows = [row for suite in suites for row in suite]
    red = {f"{row.classname.rpartition('.')[2]}/{row.name}" for row in rows for item in row.result
           if isinstance(item, junitparser.Failure)}  # fmt: skip
    assert red == failed
    page = json.loads((folder / "gradescope.json").read_text())
    assert page.get("score") == (None if result["score"]["value"] is None else result["score"]["earned"])
    points = telling.headline(result_of((folder / "result.json").read_bytes(), "r"))
    assert job.summary == (folder / "summary.md").read_text()
    assert points in job.summary.replace("\\", "")
    assert points in (folder / "report.html").read_text()
    assert len([line for line in job.commands if line.startswith("::error ")]) == _errors(result)
    assert all(
        line.startswith(("::error file=solution.toml,", "::warning file=solution.toml,")) for line in job.commands
    )


def _errors(result: dict[str, Any]) -> int:
    """So many annotations: ten in all, warnings included, and of more the last one says how many."""
    told = [row["outcome"]["status"] for row in result["checks"]]
    told = [status for status in told if status in {"failed", "limit", "errored", "inconclusive"}]
    shown = told if len(told) <= 10 else [*told[:9], "failed"]
    return sum(status in {"failed", "limit"} for status in shown)


HOSTILE = """\
import sys
for line in ("::error::forged", "::set-env name=PATH::/evil", "##[error]forged", "::add-mask::0", "::stop-commands::x"):
    print(line, flush=True)
    print("   " + line, file=sys.stderr, flush=True)
sys.exit(3)
"""


def test_a_service_that_writes_commands_is_not_obeyed(service: Service, commit: str, tmp_path: Path) -> None:
    """F7: not one command that is not ours, nothing in outputs or the path; and it is graded: with nothing."""
    lab = Catalog().lab("rate-limiting")
    case = next(case for case in cases.find(lab) if case.kind is CaseKind.REFERENCE and case.name == "python")
    solution = cases.lay_out(case, lab, tmp_path / "solution")
    (solution / "main.py").write_text(HOSTILE)
    # What a runner might import or read, if it worked where the solution lies (C4).
    for name in ("venv.py", "pip.py", "click.py", "labrunner.py", "sitecustomize.py", "conftest.py"):
        (solution / name).write_text("raise SystemExit('executed on the runner')\n")
    (solution / "pyproject.toml").write_text("[build-system]\nrequires = ['evil']\n")
    (solution / "pip.conf").write_text("[global]\nindex-url = http://127.0.0.1:1/\n")
    (solution / "labrunner-result").mkdir()
    (solution / "labrunner-result" / "result.json").write_text('{"score": {"value": 1.0}}')
    service.is_installed = False
    jobs, _ = _push(service, commit, "mallory/limits", solution)
    job = jobs["grade"]
    assert job.result == FAILURE
    assert "executed on the runner" not in job.log
    assert [line[:44] for line in job.commands] == ["::error file=solution.toml,line=1,title=Not s"[:44]]
    assert job.outputs["score"] == "0.0000"
    assert "::error::forged" in job.summary


def test_jobs_have_no_more_than_they_need(service: Service, commit: str, tmp_path: Path) -> None:
    """F3: what runs a learner's code may read; what may attest runs nothing."""
    lab = Catalog().lab("rate-limiting")
    case = next(case for case in cases.find(lab) if case.kind is CaseKind.SCAFFOLD)
    jobs, _ = _push(service, commit, "ada/limits", cases.lay_out(case, lab, tmp_path / "solution"))
    assert jobs["grade"].permissions == {"contents": "read"}
    assert jobs["attest"].permissions == {"id-token": "write", "attestations": "write"}
    assert [step.name for step in jobs["attest"].steps] == ["Attest"]


@pytest.mark.parametrize(
    "change, says",
    [("lab: no-such-lab", "not of 'no-such-lab'"), ("lab: rate-limiting, path: nowhere", "There is no directory")],
)
def test_a_caller_that_is_wrong_is_told(service: Service, commit: str, tmp_path: Path, change: str, says: str) -> None:
    """One sentence in the log, a red job, and nothing attested."""
    lab = Catalog().lab("rate-limiting")
    case = next(case for case in cases.find(lab) if case.kind is CaseKind.SCAFFOLD)
    solution = cases.lay_out(case, lab, tmp_path / "solution")
    git(solution, "init", "--quiet")
    _init(solution, "--from", f"{LABRUNNER}@{commit}")
    caller = solution / ".github" / "workflows" / "grade.yml"
    caller.write_text(caller.read_text().replace("lab: rate-limiting, path: .", change))
    jobs = service.push("ada/wrong", pushed(service, "ada/wrong", solution), ".github/workflows/grade.yml")
    service.is_installed = True
    assert jobs["grade"].result == FAILURE
    assert says in jobs["grade"].log
    assert "attest" not in jobs
    assert not service.attested
