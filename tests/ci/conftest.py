"""A clean clone of the project, repositories of learners, and the service's stand-in between them."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.ci.service import Service

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
LABRUNNER = "acme/labrunner"


def git(folder: Path, *arguments: str) -> str:
    """Run git as somebody of no importance."""
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture(scope="session")
def commit() -> str:
    """What the tests are about: the newest commit. What is not committed yet is not looked at."""
    return git(ROOT, "rev-parse", "HEAD")


@pytest.fixture(scope="session")
def service(commit: str) -> Iterator[Service]:
    """With a clean clone of the project as the repository of the actions."""
    folder = Path(tempfile.mkdtemp(prefix="lab-ci-"))
    clone = folder / "labrunner.git"
    subprocess.run(["git", "clone", "--quiet", "--bare", str(ROOT), str(clone)], check=True, capture_output=True)
    _lend(folder / "temp" / "labrunner")
    yield Service(folder, {LABRUNNER: clone}, LABRUNNER)
    shutil.rmtree(folder, ignore_errors=True)


def _lend(venv: Path) -> None:
    """A virtual environment that sees the dependencies which are here, so that pip finds them in place.

    To download all of them would take minutes, and prove what `test_the_actions_lock_is_a_part_of_ours` does: they are
    those of requirements.lock.
    """
    subprocess.run([sys.executable, "-I", "-m", "venv", "--without-pip", str(venv)], check=True, capture_output=True)
    site = venv / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    (site / "lent.pth").write_text("".join(f"{path}\n" for path in sys.path if path.endswith("site-packages")))


def pushed(service: Service, repository: str, solution: Path, folder: str = ".") -> str:
    """Push what lies at `solution` to a bare repository of that name; returns the commit."""
    bare = service.root / f"{repository.replace('/', '+')}.git"
    if not bare.exists():
        bare.mkdir()
        git(bare, "init", "--quiet", "--bare")
    service.repositories[repository] = bare
    if not (solution / ".git").exists():
        git(solution, "init", "--quiet")
    git(solution, "add", "--all", folder)
    git(solution, "commit", "--quiet", "--message", "work", "--allow-empty")
    git(solution, "push", "--quiet", "--force", str(bare), "HEAD:main")
    return git(solution, "rev-parse", "HEAD")
