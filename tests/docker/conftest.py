"""Real containers. Where no engine can be had these tests fail: a skipped promise is no promise."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from labrunner.model.lab import Language
from labrunner.model.solution import Solution, Staged
from labrunner.runtimes.docker import address, recipes
from labrunner.runtimes.docker.runtime import DockerRuntime
from tests.docker.harness import PROGRAMS, READY, belongings, until_clean

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from labrunner.runtimes.docker.address import Address
    from labrunner.runtimes.docker.service import DockerService
    from tests.docker.harness import Launcher, Stager


@pytest.fixture(autouse=True)
def _runtime_as_a_user_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """`auto`, where every other test says `process`."""
    monkeypatch.delenv("LAB_RUNTIME", raising=False)


@pytest.fixture(scope="session")
def where() -> Address:
    """An engine that answers, with every image built."""
    found = address.reach()
    if recipes.missing(found.url, list(recipes.RECIPES.values())):
        subprocess.run([sys.executable, "-m", "labrunner", "images", "build"], check=True, timeout=1200)
    return found


@pytest.fixture(autouse=True)
def _residue(where: Address) -> Iterator[None]:
    """Nothing is left in the engine after any test."""
    before = belongings(where)
    yield
    left = {kind: ids for kind, ids in until_clean(where, before, 60).items() if ids}
    assert left == {}


@pytest.fixture
def runtime(where: Address) -> Iterator[DockerRuntime]:
    """A runtime, closed at the end."""
    made = DockerRuntime()
    yield made
    made.close()


@pytest.fixture
def stage(tmp_path: Path) -> Stager:
    """A staged solution of those files."""

    def make(
        files: dict[str, str],
        *,
        language: Language = Language.PYTHON,
        run: tuple[str, ...] = ("python", "main.py"),
        build: tuple[str, ...] = (),
    ) -> Staged:
        digest = hashlib.sha256(json.dumps([files, language, run, build]).encode()).hexdigest()
        folder = tmp_path / f"solution-{digest[:12]}"
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        return Staged(Solution(folder, "greeter", language, run, build), folder, f"sha256:{digest}")

    return make


@pytest.fixture
def launch(runtime: DockerRuntime, stage: Stager) -> Launcher:
    """Starts a program of `programs/`, or a text; does not wait until it is ready."""

    def start(program: str, environment: dict[str, str] | None = None) -> DockerService:
        text = (PROGRAMS / f"{program}.py").read_text() if program.isidentifier() else program
        staged = stage({"main.py": text})
        runtime.build(staged)
        return runtime.launch(staged, environment or {}, name="service")

    return start


@pytest.fixture
def probe(launch: Launcher) -> DockerService:
    """A service that tells what it sees, ready."""
    service = launch("probe")
    service.wait_ready(READY)
    return service
