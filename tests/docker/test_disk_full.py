"""A disk that fills while something is built: the machine's fault, said in a sentence, and nothing left of it."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from labrunner.runtimes.docker import recipes
from tests.docker.small_engine import SmallEngine, small_engine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from labrunner.runtimes.docker.address import Address

MEGABYTES = 420
"""Room for three of our images and a little more, but not for Node's."""
LOADED = ("base", "python", "forwarder")
FILLS_THE_DISK = """\
lab = "rate-limiting"
language = "python"
run = ["python", "main.py"]
build = ["dd", "if=/dev/zero", "of=/app/big", "bs=1M"]
"""


@pytest.fixture(scope="module")
def small(where: Address, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallEngine]:
    """An engine with a small disk that holds what a solution in Python needs."""
    with small_engine(tmp_path_factory.mktemp("engine"), MEGABYTES) as engine:
        engine.load([recipes.RECIPES[name].tag for name in LOADED])
        yield engine


def _lab(small: SmallEngine, cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "labrunner", *arguments], capture_output=True, text=True, timeout=300,
                          cwd=cwd, check=False, env=os.environ | {"DOCKER_HOST": small.url})  # fmt: skip


def _left(small: SmallEngine) -> list[str]:
    """Containers, and images without a name."""
    return [*small.call("ps", "-aq").split(), *small.call("images", "-q", "--filter", "dangling=true").split()]


def test_a_solutions_build_that_fills_the_disk_is_not_the_learners_fault(small: SmallEngine, tmp_path: Path) -> None:
    """Exit code 4 and one sentence; the room that it took is free again."""
    (tmp_path / "solution.toml").write_text(FILLS_THE_DISK)
    (tmp_path / "main.py").write_text("")
    free = os.statvfs(small.disk).f_bavail
    done = _lab(small, tmp_path, "test", "--runtime", "docker")
    assert done.returncode == 4
    assert "The disk of the Docker engine is full" in " ".join(done.stdout.split())
    assert "Traceback" not in done.stdout + done.stderr
    assert _left(small) == []
    assert os.statvfs(small.disk).f_bavail > free * 0.95


def test_an_image_that_does_not_fit_is_told_and_leaves_nothing(small: SmallEngine, tmp_path: Path) -> None:
    """`lab images build` says that the disk is full, and removes the steps that did fit."""
    done = _lab(small, tmp_path, "images", "build", "typescript")
    assert done.returncode == 4
    assert "The disk of the Docker engine is full" in done.stderr
    assert _left(small) == []
