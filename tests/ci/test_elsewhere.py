"""Grading without the hosted service: GitLab's script lines, a hook of a bare repository, an instructor's own workflow."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from labrunner.authoring import cases
from labrunner.catalog.packs import Catalog
from labrunner.model.envelope import Subject
from labrunner.model.validation import CaseKind
from labrunner.trust import keys
from tests.ci.conftest import LABRUNNER, ROOT, git, pushed
from tests.ci.service import HANGS, SUCCESS, Service, load

LAB = [sys.executable, "-P", "-m", "labrunner"]


def _laid_out(kind: CaseKind, name: str, folder: Path) -> Path:
    """One of the solutions of rate-limiting's author."""
    lab = Catalog().lab("rate-limiting")
    return cases.lay_out(next(case for case in cases.find(lab) if (case.kind, case.name) == (kind, name)), lab, folder)


@pytest.fixture
def mutant(tmp_path: Path) -> Path:
    """A solution with one fault."""
    return _laid_out(CaseKind.MUTANT, "off-by-one-quota", tmp_path / "mutant")


@pytest.fixture
def scaffold(tmp_path: Path) -> Path:
    """A solution that nobody has worked at: graded in seconds, for most checks are blocked."""
    return _laid_out(CaseKind.SCAFFOLD, "python", tmp_path / "scaffold")


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    """A solution with none."""
    return _laid_out(CaseKind.REFERENCE, "python", tmp_path / "reference")


def _lab(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [*LAB, *arguments], cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=HANGS
    )


def test_gitlabs_lines_grade_what_was_pushed(scaffold: Path, service: Service, commit: str, tmp_path: Path) -> None:
    """Executed as the runner does, one after another in one shell; the reports are where the template says."""
    git(scaffold, "init", "--quiet")
    (scaffold / "labrunner-result").symlink_to("/etc")  # what a learner may have put there
    # A wheel of this commit stands for the released one.
    subprocess.run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path / "dist"),
                    str(service.tree(LABRUNNER, commit))], check=True, capture_output=True, timeout=HANGS)  # fmt: skip
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    done = _lab("ci", "init", "gitlab", "--from", str(wheel), cwd=scaffold)
    assert done.returncode == 0, done.stderr
    job = load(scaffold / ".gitlab-ci.yml")["grade"]
    script = "\n".join(["set -eo pipefail", *job["script"]])
    env = {
        **os.environ, **job["variables"], "CI_PROJECT_DIR": str(scaffold), "CI_COMMIT_SHA": "c" * 40, "CI_JOB_ID": "42",
        "CI_PROJECT_PATH": "ada/limits", "CI_PROJECT_ROOT_NAMESPACE": "ada", "CI": "true",
    }  # fmt: skip
    done = subprocess.run(["bash", "-c", script], cwd=scaffold, env=env, capture_output=True, text=True, check=False,
                          timeout=HANGS)  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    for name in (*job["artifacts"]["paths"], job["artifacts"]["reports"]["junit"]):
        assert (scaffold / name).exists()
    assert not (scaffold / "labrunner-result").is_symlink()
    cases_found = list(ET.parse(scaffold / job["artifacts"]["reports"]["junit"]).iter("testcase"))
    assert any(case.find("failure") is not None for case in cases_found)
    envelope = json.loads((scaffold / "labrunner-result" / "envelope.json").read_text())["envelope"]
    assert envelope["subject"]["repository"] == "ada/limits"
    assert envelope["result"]["isolation"] == "strong"


HOOK = """\
#!/usr/bin/env bash
set -euo pipefail
while read -r _ commit _; do
    work=$(mktemp -d)
    git archive "$commit" | tar --extract --directory "$work"
    code=0
    {lab} grade "$work" --runtime docker --owner ada --commit "$commit" --pushed-at "$(date --utc +%FT%TZ)" --key {key} \\
        --envelope "{out}/$commit.json" --store {out}/store || code=$?
    rm -rf "$work"
    echo "exit code $code"
done
"""


@pytest.fixture
def hooked(tmp_path: Path) -> tuple[Path, Path]:
    """A bare repository whose hook grades, and where its results go."""
    bare, out = tmp_path / "bare.git", tmp_path / "out"
    out.mkdir()
    bare.mkdir()
    git(bare, "init", "--quiet", "--bare")
    keys.new(tmp_path / "key")
    hook = bare / "hooks" / "post-receive"
    command = f"env PYTHONPATH={ROOT} {' '.join(LAB)}"
    hook.write_text(HOOK.format(lab=command, key=tmp_path / "key", out=out))
    hook.chmod(0o755)
    return bare, out


def test_a_hook_grades_signs_and_saves_work(hooked: tuple[Path, Path], scaffold: Path, tmp_path: Path) -> None:
    """Instructor-side, on a machine of one's own: pushed, graded, signed; the same content is not graded again."""
    bare, out = hooked

    def push() -> tuple[str, str]:
        git(scaffold, "add", "--all")
        git(scaffold, "commit", "--quiet", "--message", "work", "--allow-empty")
        done = subprocess.run(["git", "push", str(bare), "HEAD:main"], cwd=scaffold, capture_output=True, text=True,
                              check=True, timeout=HANGS)  # fmt: skip
        return git(scaffold, "rev-parse", "HEAD"), done.stdout + done.stderr

    # One whose verdict no busy machine can leave open: such a result is not kept.
    (scaffold / "main.py").write_text("raise SystemExit(3)\n")
    git(scaffold, "init", "--quiet")
    first, said = push()
    assert "exit code 1" in said
    second, said = push()
    assert "graded before" in said
    assert first != second
    by_whom = ["--public-key", str(tmp_path / "key.pub"), "--owner", "ada"]
    for commit, other, reused in ((first, second, False), (second, first, True)):
        envelope = out / f"{commit}.json"
        assert json.loads(envelope.read_text())["envelope"]["reused"] is reused
        proved = ["verify", str(envelope), *by_whom]
        assert _lab(*proved, "--commit", commit, "--solution", scaffold, cwd=tmp_path).returncode == 0
        # An old result for a new commit.
        refused = _lab(*proved, "--commit", other, cwd=tmp_path)
        assert refused.returncode == 1
        assert "another commit" in refused.stderr
    (scaffold / "main.py").write_text((scaffold / "main.py").read_text() + "\n# changed\n")
    refused = _lab("verify", out / f"{second}.json", *by_whom, "--solution", scaffold, cwd=tmp_path)
    assert refused.returncode == 1
    assert "another solution" in refused.stderr


def test_an_instructors_workflow_grades_and_signs_what_was_pushed(
    service: Service, commit: str, mutant: Path, reference: Path, tmp_path: Path
) -> None:
    """Two learners: seeds from the key, no secret beside their code, envelopes signed for the commits that were planned."""
    keys.new(tmp_path / "key")
    learners = {"ada": mutant, "bob": reference}
    rows = []
    for owner, solution in learners.items():
        git(solution, "init", "--quiet")
        rows.append({"owner": owner, "repository": f"{owner}/limits",
                     "commit": pushed(service, f"{owner}/limits", solution), "pushed_at": "2030-01-31T17:30:00Z"})  # fmt: skip
    course = tmp_path / "course"
    course.mkdir()
    git(course, "init", "--quiet")
    (course / "submissions.json").write_text(json.dumps(rows))
    (course / "assignment.toml").write_text(
        'title = "Week 1"\nlab = "rate-limiting"\nstages = ["first-limit"]\nminimum = 0.25\n'
        "deadline = 2030-01-31T18:00:00+01:00\n"
    )
    done = _lab("ci", "init", "github", "--instructor", "--lab", "rate-limiting", "--from", f"{LABRUNNER}@{commit}", cwd=course)  # fmt: skip
    assert done.returncode == 0, done.stderr
    service.secrets = {"LAB_KEY": (tmp_path / "key").read_text()}
    service.vars = {"LAB_ASSIGNMENT": "assignment.toml", "LAB_PACK": ""}
    at = pushed(service, "prof/course", course)
    jobs = service.push("prof/course", at, ".github/workflows/grade-submissions.yml")
    service.is_installed = True
    service.secrets, service.vars = {}, {}
    assert jobs["sign"].result == SUCCESS, "\n".join(f"{name}: {job.log}" for name, job in jobs.items())
    for index, row in enumerate(rows):
        envelope = service.artifacts["signed"] / f"{index}.json"
        said = json.loads(envelope.read_text())["envelope"]
        assert said["subject"]["commit"] == row["commit"]
        assert said["late"] is True
        assert said["result"]["seed"] == keys.read(tmp_path / "key").seed("rate-limiting", _subject(row))
        proved = _lab("verify", envelope, "--public-key", tmp_path / "key.pub", "--assignment", course / "assignment.toml",
                      "--owner", row["owner"], "--commit", row["commit"], cwd=tmp_path)  # fmt: skip
        assert proved.returncode == 0, proved.stderr
        assert "handed in after the deadline" in proved.stdout
    # Without naming the assignment, whose points they are is not known.
    assert (
        _lab(
            "verify", service.artifacts["signed"] / "0.json", "--public-key", tmp_path / "key.pub", cwd=tmp_path
        ).returncode
        == 1
    )
    assert not re.search(r"PRIVATE KEY", "".join(job.log for job in jobs.values()))


def _subject(row: dict[str, str]) -> Subject:
    return Subject(row["owner"], row["repository"], row["commit"])
