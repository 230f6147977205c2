"""Go modules are fetched in the build phase."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from labrunner.model.lab import Language
from labrunner.model.solution import Solution, Staged
from labrunner.model.status import Reason
from labrunner.ports.runtime import NotStarted
from labrunner.runtimes.process.build import build

MODULE = {
    "go.mod": "module example.com/greet\n\ngo 1.24\n",
    "greet.go": 'package greet\n\nfunc Hello() string { return "hello" }\n',
}
SUMS = """\
example.com/greet v1.0.0 h1:kFjMg+6beb/YH7WVJV+qU7ZAE3QOVAR9e84ghC+QDc0=
example.com/greet v1.0.0/go.mod h1:WtYf1HGpkE+LZeokCowx6tOFQmTZCdXnYgb2vii/E7E=
"""
MAIN = 'package main\n\nimport "example.com/greet"\n\nfunc main() { println(greet.Hello()) }\n'


@pytest.fixture
def proxy(tmp_path: Path) -> str:
    """A module proxy that is a folder."""
    folder = tmp_path / "proxy" / "example.com" / "greet" / "@v"
    folder.mkdir(parents=True)
    (folder / "v1.0.0.info").write_text('{"Version": "v1.0.0", "Time": "2026-01-01T00:00:00Z"}')
    (folder / "v1.0.0.mod").write_text(MODULE["go.mod"])
    with zipfile.ZipFile(folder / "v1.0.0.zip", "w") as archive:
        for name, text in MODULE.items():
            archive.writestr(f"example.com/greet@v1.0.0/{name}", text)
    return (tmp_path / "proxy").as_uri()


def _staged(folder: Path, version: str) -> Staged:
    """A solution that needs the module."""
    folder.mkdir()
    (folder / "go.mod").write_text(f"module service\n\ngo 1.24\n\nrequire example.com/greet {version}\n")
    (folder / "go.sum").write_text(SUMS)
    (folder / "main.go").write_text(MAIN)
    run, make = ("./service",), ("go", "build", "-o", "service", ".")
    return Staged(Solution(folder, "any", Language.GO, run, make), folder, f"sha256:{folder.name}")


def test_modules_are_fetched_once(tmp_path: Path, proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ``go.mod`` requires is there when the solution is built, and needs no network the next time."""
    monkeypatch.setenv("GOSUMDB", "off")
    monkeypatch.setenv("GOPROXY", proxy)
    first = _staged(tmp_path / "first", "v1.0.0")
    build(first, tmp_path / "cache")
    assert (first.path / "service").is_file()
    monkeypatch.setenv("GOPROXY", "off")
    second = _staged(tmp_path / "second", "v1.0.0")
    build(second, tmp_path / "cache")
    assert (second.path / "service").is_file()


def test_a_module_that_is_not_to_be_had_is_a_failed_build(
    tmp_path: Path, proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The learner reads which module it was, in Go's own words."""
    monkeypatch.setenv("GOSUMDB", "off")
    monkeypatch.setenv("GOPROXY", proxy)
    with pytest.raises(NotStarted) as caught:
        build(_staged(tmp_path / "solution", "v1.0.1"), tmp_path / "cache")
    startup = caught.value.startup
    assert startup.reason is Reason.BUILD_FAILED
    assert any("example.com/greet@v1.0.1" in line for line in startup.failure.log)
