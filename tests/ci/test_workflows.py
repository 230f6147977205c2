"""Workflows, actions and templates as they are written: audited, held against their schemas, and against our own rules."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from labrunner.errors import UsageError
from labrunner.solution import pipelines
from tests.ci.conftest import LABRUNNER, ROOT
from tests.ci.service import load

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SOURCES = {"github": f"{LABRUNNER}@{COMMIT}", "instructor": f"{LABRUNNER}@{COMMIT}", "gitlab": "labrunner==0.1.0"}
TOOLS = Path(sys.executable).parent


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Each caller that `lab ci init` writes, in a repository of its own."""
    found = {}
    for kind, source in SOURCES.items():
        root = tmp_path_factory.mktemp(kind)
        found[kind] = pipelines.write(pipelines.Pipeline(kind, "rate-limiting", source, "limits"), root)
    return found


def _tool(name: str, *arguments: str | Path) -> None:
    done = subprocess.run([TOOLS / name, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


OURS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ACTIONS = sorted((ROOT / ".github" / "actions").glob("*/action.yml"))


def test_zizmor_finds_nothing(templates: dict[str, Path]) -> None:
    """Injection, unpinned actions, kept credentials, wide permissions: in ours and in what we write for others."""
    _tool("zizmor", "--offline", "--quiet", ROOT / ".github")
    for kind in ("github", "instructor"):
        _tool("zizmor", "--offline", "--quiet", templates[kind])


def test_all_fit_their_schemas(templates: dict[str, Path]) -> None:
    """Those of GitHub's workflows and actions, and of GitLab's file."""
    github = [*OURS, templates["github"], templates["instructor"]]
    _tool("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *github)
    _tool("check-jsonschema", "--builtin-schema", "vendor.github-actions", *ACTIONS)
    _tool("check-jsonschema", "--builtin-schema", "vendor.gitlab-ci", templates["gitlab"])


def _steps(page: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for job in page.get("jobs", {"action": page.get("runs", {})}).values():
        yield from job.get("steps", [])


def _pages(templates: dict[str, Path]) -> list[tuple[str, dict[str, Any]]]:
    files = [*OURS, *ACTIONS, templates["github"], templates["instructor"]]
    return [(str(file), load(file)) for file in files]


def test_what_is_used_is_pinned_by_hash(templates: dict[str, Path]) -> None:
    """A tag can be moved; a version stands beside it as a comment."""
    for name, page in _pages(templates):
        for step in _steps(page):
            if "uses" in step and not step["uses"].startswith("$/"):
                assert re.search(r"@[0-9a-f]{40}$", step["uses"]), name
    for file in [*OURS, *ACTIONS]:
        for line in file.read_text().splitlines():
            assert "uses: actions/" not in line or re.search(r"@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


def test_no_workflow_gives_strangers_rights(templates: dict[str, Path]) -> None:
    """F2: never `pull_request_target` or `workflow_run`; nothing is permitted but what a job says."""
    for name, page in _pages(templates):
        if "jobs" not in page:
            continue
        assert not {"pull_request_target", "workflow_run"} & set(page["on"]), name
        assert page["permissions"] == {}, name
        assert all("permissions" in job for job in page["jobs"].values()), name


def test_no_cache_and_no_secret_where_learners_code_runs(templates: dict[str, Path]) -> None:
    """F3, F4: the job with the grading action has neither, and can only read."""
    for file in (ROOT / ".github" / "workflows" / "grade.yml", templates["instructor"]):
        job = load(file)["jobs"]["grade"]
        assert job["permissions"] == {"contents": "read"}
        assert "secrets" not in str(job)
        assert "cache" not in str(job)
    assert "cache" not in (ROOT / ".github" / "actions" / "grade" / "action.yml").read_text()


def test_no_checkout_leaves_a_token(templates: dict[str, Path]) -> None:
    """F3: what comes after could read it."""
    for name, page in _pages(templates):
        for step in _steps(page):
            if step.get("uses", "").startswith("actions/checkout"):
                assert step["with"]["persist-credentials"] is False, name


def test_no_step_splices_text_into_a_script(templates: dict[str, Path]) -> None:
    """F10: names of branches and files come by the environment."""
    for name, page in _pages(templates):
        for step in _steps(page):
            assert "${{" not in step.get("run", ""), name


def test_scripts_are_sound(templates: dict[str, Path]) -> None:
    """Each script of the actions parses, and stops at the first failure."""
    scripts = sorted((ROOT / ".github" / "actions").glob("*/*.sh"))
    assert len(scripts) >= 4
    for script in scripts:
        subprocess.run(["bash", "-n", script], check=True)
        assert "set -euo pipefail" in script.read_text()
    if shutil.which("shellcheck"):
        subprocess.run(["shellcheck", *scripts], check=True)


def test_the_callers_own_part_is_ten_lines(templates: dict[str, Path]) -> None:
    """What a learner has to understand."""
    assert len(templates["github"].read_text().splitlines()) <= 10


def _pins(path: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", path.read_text(), re.MULTILINE))


def test_the_actions_lock_is_a_part_of_ours() -> None:
    """Every dependency of the program, in the very version that the tests ran with, and the hashes of it."""
    path = ROOT / ".github" / "actions" / "setup" / "requirements.lock"
    pins, ours = _pins(path), _pins(ROOT / "requirements.lock")
    assert {name: version for name, version in pins.items() if ours.get(name) != version} == {}
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    names = {re.split(r"[\s<>=!\[;]", item)[0].lower() for item in wanted}
    assert names | {"hatchling"} <= set(pins)
    assert "://" not in path.read_text()


@pytest.mark.parametrize("source", ["acme/labrunner", "acme/labrunner@v1", "acme/labrunner@main", f"x@{COMMIT}", ""])
def test_a_caller_that_is_not_pinned_is_not_written(source: str) -> None:
    """Who can move a tag could change a grade."""
    with pytest.raises(UsageError, match="does not say which commit"):
        pipelines.text(pipelines.Pipeline("github", "x", source))


@pytest.mark.parametrize("path", ["a b", "a\nb", "${{ github.token }}", "a,b", "a}"])
def test_a_folder_that_a_workflow_cannot_hold_is_told(path: str) -> None:
    """A folder's name is no part of the program."""
    with pytest.raises(UsageError, match="cannot hold"):
        pipelines.text(pipelines.Pipeline("github", "x", SOURCES["github"], path))


def test_a_caller_is_not_overwritten(tmp_path: Path) -> None:
    """Unless told; and never through a link."""
    pipeline = pipelines.Pipeline("gitlab", "x", "labrunner==1")
    target = pipelines.write(pipeline, tmp_path)
    with pytest.raises(UsageError, match="is there already"):
        pipelines.write(pipeline, tmp_path)
    target.write_text("other")
    pipelines.write(pipeline, tmp_path, replace=True)
    assert "lab grade" in target.read_text()
