"""Go modules are fetched in the build phase."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from labrunner.errors import EnvironmentProblem
from labrunner.model.lab import Language
from labrunner.model.solution import Solution, Staged
from labrunner.model.status import Reason
from labrunner.ports.runtime import NotStarted
from labrunner.runtimes.process.build import build
from tests import go_module

if TYPE_CHECKING:
    from pathlib import Path

MAIN = 'package main\n\nimport "example.com/greet"\n\nfunc main() { println(greet.Hello()) }\n'


@pytest.fixture
def proxy(tmp_path: Path, fresh: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module proxy that is a folder."""
    folder = tmp_path / "proxy"
    go_module.make_proxy(folder)
    monkeypatch.setenv("GOSUMDB", "off")
    monkeypatch.setenv("GOPROXY", folder.as_uri())
    return folder


@pytest.fixture
def fresh(cache: Path, tmp_path: Path) -> Path:
    """A cache without any module; what the compiler keeps is the session's, or each test would compile the runtime."""
    folder = tmp_path / "cache"
    folder.mkdir()
    (cache / "go-build").mkdir(exist_ok=True)
    (folder / "go-build").symlink_to(cache / "go-build")
    return folder


def _staged(folder: Path, files: dict[str, str]) -> Staged:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    found = Solution(folder, "any", Language.GO, ("./service",), go_module.BUILD)
    return Staged(found, folder, f"sha256:{folder.name}")


def _build(staged: Staged, cache: Path) -> None:
    with contextlib.ExitStack() as users:
        build(staged, cache, users)


@pytest.mark.usefixtures("proxy")
def test_modules_are_fetched_once(tmp_path: Path, fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ``go.mod`` requires is there when the solution is built, and needs no network the next time."""
    first = _staged(tmp_path / "first", go_module.solution(MAIN))
    _build(first, fresh)
    assert (first.path / "service").is_file()
    monkeypatch.setenv("GOPROXY", "off")
    second = _staged(tmp_path / "second", go_module.solution(MAIN))
    _build(second, fresh)
    assert (second.path / "service").is_file()


@pytest.mark.usefixtures("proxy")
def test_what_a_module_of_the_solutions_own_requires_is_fetched_too(tmp_path: Path, fresh: Path) -> None:
    """A ``replace`` names a folder of the solution, whose ``go.mod`` alone says what is needed."""
    files = go_module.solution('package main\n\nimport "inner"\n\nfunc main() { println(inner.Hello()) }\n')
    files["inner/go.mod"] = files["go.mod"].replace("module service", "module inner")
    files["inner/inner.go"] = 'package inner\n\nimport "example.com/greet"\n\nvar Hello = greet.Hello\n'
    files["go.mod"] += "require inner v0.0.0\n\nreplace inner => ./inner\n"
    staged = _staged(tmp_path / "solution", files)
    _build(staged, fresh)
    assert (staged.path / "service").is_file()


def test_what_is_in_vendor_is_not_fetched(tmp_path: Path, fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A solution that brings its modules along is built without any proxy."""
    monkeypatch.setenv("GOPROXY", "http://127.0.0.1:9")
    files = go_module.solution(MAIN)
    files["vendor/modules.txt"] = "# example.com/greet v1.0.0\n## explicit; go 1.24\nexample.com/greet\n"
    files["vendor/example.com/greet/greet.go"] = go_module.MODULE["greet.go"]
    staged = _staged(tmp_path / "solution", files)
    _build(staged, fresh)
    assert (staged.path / "service").is_file()


@pytest.mark.usefixtures("proxy")
def test_a_module_that_is_not_to_be_had_is_a_failed_build(tmp_path: Path, fresh: Path) -> None:
    """The learner reads which module it was, in Go's own words."""
    with pytest.raises(NotStarted) as caught:
        _build(_staged(tmp_path / "solution", go_module.solution(MAIN, "v1.0.1")), fresh)
    startup = caught.value.startup
    assert startup.reason is Reason.BUILD_FAILED
    assert any("example.com/greet@v1.0.1" in line for line in startup.failure.log)


def test_a_proxy_that_does_not_answer_is_not_the_learners_fault(
    tmp_path: Path, fresh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """E4: the environment's problem, never 0 points; found out by asking for a module that is surely there."""
    monkeypatch.setenv("GOPROXY", "http://127.0.0.1:9")
    with pytest.raises(EnvironmentProblem, match="does not answer"):
        _build(_staged(tmp_path / "solution", go_module.solution(MAIN)), fresh)
