"""The project's own workflows, executed: ci.yml and release.yml. Minutes long, so a part of `make validate`.

What a release publishes goes to a registry on loopback, and is pulled from there by the action that grades.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from labrunner import __version__
from tests.ci.conftest import LABRUNNER, ROOT, git
from tests.ci.registry import Registry
from tests.ci.service import FAILURE, HANGS, SUCCESS, Service, digest, load

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.exhaustive

TAG = f"v{__version__}"
PULLED = "redis"
"""The image that is taken away and pulled again: nothing else is built on it."""
GH = """\
#!/usr/bin/env bash
# Stands for the service's own program: keeps what a release would show.
set -euo pipefail
[ "$1 $2 $3" = "release create $TAG" ]
printf '%s\\n' "$@" >"$KEPT/arguments"
cp dist/NOTES.md dist/*.whl dist/*.tar.gz images.lock "$KEPT"
"""
ELSEWHERE = {
    "check": "make check PYTHON=python3",
    "test": ".ci/run",
    "prove": 'make validate LAB="$LAB" RUNS=5',
}
"""Jobs whose one command runs these very tests."""


def _docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True, timeout=HANGS)
    return done.stdout.strip()


def _forget(host: str) -> None:
    """What was pushed there by tag, and what was pulled from there by digest."""
    for form in ("{{.Repository}}:{{.Tag}}", "{{.Repository}}@{{.Digest}}"):
        for name in _docker("images", "--digests", "--format", form, f"{host}/*/*").splitlines():
            if "<none>" not in name:
                _docker("rmi", name)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[tuple[Registry, str]]:
    """An empty one, and where it is; no image keeps its name."""
    folder = tmp_path / "blobs"
    folder.mkdir()
    served = Registry(folder)
    with served as host:
        yield served, host
        _forget(host)


@pytest.fixture
def released(service: Service, commit: str, tmp_path: Path) -> str:
    """The commit that a release is made of: its changelog says what the version brings."""
    folder = tmp_path / "released"
    git(tmp_path, "clone", "--quiet", str(service.repositories[LABRUNNER]), str(folder))
    changelog = folder / "CHANGELOG.md"
    if f"\n## {__version__}" not in changelog.read_text():
        changelog.write_text(changelog.read_text().replace("## Unreleased", f"## {__version__}", 1))
        git(folder, "commit", "--quiet", "--all", "--message", f"Version {__version__}")
        git(folder, "push", "--quiet", "origin", "HEAD:refs/heads/release")
    return git(folder, "rev-parse", "HEAD")


def test_a_tag_becomes_a_release_whose_images_are_pulled(
    service: Service, released: str, registry: tuple[Registry, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wheel, sdist, notes, images by digest, each attested; and the grading action pulls an image instead of building it."""
    served, host = registry
    kept = tmp_path / "kept"
    kept.mkdir()
    program = tmp_path / "bin" / "gh"
    program.parent.mkdir()
    program.write_text(GH.replace("$KEPT", str(kept)))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    service.is_installed, service.vars = False, {"IMAGE_REGISTRY": host}
    jobs = service.push(LABRUNNER, released, ".github/workflows/release.yml", name=TAG)
    assert {name: job.result for name, job in jobs.items()} == dict.fromkeys(jobs, SUCCESS), "".join(
        job.log for job in jobs.values()
    )
    assert list(jobs) == ["build", "images", "attest", "publish"]
    (wheel,) = kept.glob("*.whl")
    (sdist,) = kept.glob("*.tar.gz")
    lock = kept / "images.lock"
    assert service.attested == {file.name: digest(file) for file in (wheel, sdist, lock)}
    assert __version__ in wheel.name
    assert (kept / "NOTES.md").read_text().startswith("### Added")
    lines = dict(line.split() for line in lock.read_text().splitlines() if not line.startswith("#"))
    assert set(lines) == set(_docker("images", "--format", "{{.Repository}}:{{.Tag}}", "labrunner/*").splitlines())
    for place in lines.values():
        name, _, said = place.removeprefix(f"{host}/").partition("@")
        assert (name, said) in served.manifests
    _pull(served, lines, lock, tmp_path)


def _pull(served: Registry, lines: dict[str, str], lock: Path, tmp_path: Path) -> None:
    """With that lock in its place the action's script gets the image back from the registry, and from nowhere else."""
    (tag,) = [name for name in lines if name.startswith(f"labrunner/{PULLED}:")]
    identity = _docker("inspect", "--format", "{{.Id}}", tag)
    _docker("rmi", "--force", identity)
    action = tmp_path / "action"
    action.mkdir()
    for name in ("images.sh", "images.lock"):
        (action / name).write_bytes((ROOT / ".github" / "actions" / "grade" / name).read_bytes())
    own = re.sub(rf"^(?!#|{re.escape(tag)}).*\n", "", lock.read_text(), flags=re.MULTILINE)
    (action / "images.lock").write_text(own)
    (tmp_path / "labrunner" / "bin").mkdir(parents=True)
    (tmp_path / "labrunner" / "bin" / "lab").symlink_to("/bin/true")  # what is missing is not to be built
    served.pulled.clear()
    subprocess.run(["bash", action / "images.sh"], env=os.environ | {"RUNNER_TEMP": str(tmp_path)}, check=True,
                   capture_output=True, timeout=HANGS)  # fmt: skip
    assert _docker("inspect", "--format", "{{.Id}}", tag) == identity
    name = lines[tag].partition("/")[2].partition("@")[0]
    assert set(served.pulled) == {name}


def test_ci_finds_the_labs_and_uses_the_wheel_with_the_source_gone(service: Service, commit: str) -> None:
    """Its jobs are executed, but for those whose one command is what runs these tests; the gate is open."""
    page = load(ROOT / ".github" / "workflows" / "ci.yml")
    for name, command in ELSEWHERE.items():
        assert [step["run"] for step in page["jobs"][name]["steps"] if "run" in step] == [command]
    jobs = service.push(LABRUNNER, commit, ".github/workflows/ci.yml", given=dict.fromkeys(ELSEWHERE, SUCCESS))
    assert list(jobs) == ["labs", "wheel", "gate"]
    assert {name: job.result for name, job in jobs.items()} == dict.fromkeys(jobs, SUCCESS), jobs["wheel"].log
    there = sorted(folder.name for folder in (service.tree(LABRUNNER, commit) / "graders").iterdir())
    assert json.loads(jobs["labs"].outputs["ids"]) == there


@pytest.mark.parametrize("name", ELSEWHERE)
def test_the_gate_is_shut_by_any_job(service: Service, commit: str, name: str) -> None:
    """One that failed is enough."""
    given = dict.fromkeys([*ELSEWHERE, "labs", "wheel"], SUCCESS) | {name: FAILURE}
    jobs = service.push(LABRUNNER, commit, ".github/workflows/ci.yml", given=given)
    assert jobs["gate"].result == FAILURE
