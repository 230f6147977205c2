"""What tests with real processes share."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from labrunner.model.lab import Language
from labrunner.model.solution import Solution
from labrunner.runtimes.process.runtime import ProcessRuntime
from labrunner.solution import intake
from tests import command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from labrunner.model.lab import Lab
    from labrunner.runtimes.process.service import ProcessService

SOLUTIONS = Path(__file__).parents[1] / "solutions"

if sys.platform != "linux":
    pytest.skip("what survives a run is looked up in /proc", allow_module_level=True)


@pytest.fixture
def reference(greeter: Lab, tmp_path: Path) -> Path:
    """A solution directory that passes everything."""
    return copy_of(greeter.grader / "references" / "python", tmp_path / "reference")


def copy_of(folder: Path, target: Path) -> Path:
    """A copy, without what Python left there."""
    shutil.copytree(folder, target, ignore=shutil.ignore_patterns("__pycache__"))
    return target


@pytest.fixture
def work(cache: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A run's private folder, where an unprivileged service can reach it; nothing of it survives the test."""
    folder = cache / f"work-{abs(hash(request.node.nodeid)):x}"
    folder.mkdir()
    folder.chmod(0o755)
    yield folder
    left = command.that_mention(str(folder))
    command.end(left)
    shutil.rmtree(folder, ignore_errors=True)
    assert not left, "processes survived the run"


@pytest.fixture
def runtime(cache: Path, work: Path) -> Iterator[ProcessRuntime]:
    """The process runtime; closed at the end, as a run does."""
    runtime = ProcessRuntime(cache, work)
    yield runtime
    runtime.close()


@pytest.fixture
def launch(runtime: ProcessRuntime, work: Path) -> Callable[..., ProcessService]:
    """Starts one of tests/solutions by its name."""

    def start(
        name: str, *arguments: str, env: dict[str, str] | None = None, run: tuple[str, ...] = ()
    ) -> ProcessService:
        folder = work / f"solution-{name}"
        if not folder.exists():
            folder.mkdir()
            shutil.copyfile(SOLUTIONS / f"{name}.py", folder / "main.py")
        solution = Solution(folder, "greeter", Language.PYTHON, run or ("python", "main.py", *arguments))
        staged = intake.stage(solution, work / f"copy-{name}-{len(list(work.iterdir()))}")
        runtime.build(staged)
        return runtime.launch(staged, env or {}, name=name)

    return start
