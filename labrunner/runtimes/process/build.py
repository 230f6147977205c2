"""The build phase: a language's dependencies, installed once per content, never charged to a check."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from labrunner.errors import EnvironmentProblem
from labrunner.model.lab import Language
from labrunner.ports.runtime import NotStarted
from labrunner.runtimes import go_modules
from labrunner.runtimes.package_index import GO_PROBE, NPM_PROBE, PIP_PROBE, does_not_answer
from labrunner.runtimes.process.build_steps import once, run
from labrunner.runtimes.process.toolchains import find_go, find_node

if TYPE_CHECKING:
    from contextlib import ExitStack

    from labrunner.model.solution import Staged

SYSTEM_FOLDERS = ("/usr/local/bin", "/usr/bin", "/bin")


def base_python() -> Path:
    """The interpreter that runs Python solutions: ours, outside any virtual environment."""
    return Path(getattr(sys, "_base_executable", None) or sys.executable)


def build(staged: Staged, cache: Path, users: ExitStack) -> str:
    """Build `staged`, if that was not done before; returns the PATH of its service.

    Args:
        staged: what.
        cache: where builds are kept between runs.
        users: while it is open, what the service needs of them is not removed.

    Raises:
        NotStarted: the learner's dependencies or build command failed.
        EnvironmentProblem: the machine lacks what the language needs.
    """
    folders: list[Path] = []
    extra: dict[str, str] = {}
    match staged.solution.language:
        case Language.PYTHON:
            folders = [_python_environment(staged, cache, users)]
        case Language.TYPESCRIPT:
            folders = [_node_modules(staged, cache, users)]
        case Language.GO:
            folders = [find_go()]
            extra = _go_settings(cache)
            _go_modules(staged, cache, users, folders[0], extra)
        case Language.OTHER:
            pass
        case Language.DOCKERFILE:
            raise EnvironmentProblem("A Dockerfile can only be run by Docker.", "Use --runtime docker.")
    path = ":".join([*map(str, folders), *SYSTEM_FOLDERS])
    if staged.solution.build:
        _build_command(staged, cache, users, path, extra)
    return path


def _build_command(staged: Staged, cache: Path, users: ExitStack, path: str, extra: dict[str, str]) -> None:
    """The solution's own `build`, in its private copy; what it made is kept for the next run of the same content."""
    recipe = "\0".join([staged.digest, path, *staged.solution.build])
    home = cache / "builds" / f"solution-{_digest(recipe.encode())}"
    with once(home, users) as is_missing:
        if is_missing:
            run(list(staged.solution.build), cwd=staged.path, path=path, extra=extra)
            shutil.copytree(staged.path, home, symlinks=True)
        else:
            shutil.copytree(home, staged.path, symlinks=True, dirs_exist_ok=True)


def _python_environment(staged: Staged, cache: Path, users: ExitStack) -> Path:
    """A virtual environment with the solution's requirements; without any, one that is made in no time."""
    requirements = staged.path / "requirements.txt"
    wanted = requirements.read_bytes() if requirements.is_file() else b""
    is_needed = any(line.strip() and not line.lstrip().startswith(b"#") for line in wanted.splitlines())
    recipe = b"\0".join([str(base_python()).encode(), sys.version.encode(), wanted if is_needed else b""])
    home = cache / "builds" / f"python-{_digest(recipe)}"
    with once(home, users) as is_missing:
        if is_missing:
            _make_environment(home, cache, with_pip=is_needed)
        if is_missing and is_needed:
            pip = [str(home / "bin" / "python"), "-I", "-m", "pip", "install", "--no-input", "--quiet",
                   "--disable-pip-version-check", "--requirement", str(requirements)]  # fmt: skip
            probe = [*pip[:4], *PIP_PROBE, "--dest", str(home / "probe")]
            _install(pip, probe, cwd=staged.path, path=f"{home / 'bin'}:{os.defpath}")
    return home / "bin"


def _install(argv: list[str], probe: list[str], *, cwd: Path, path: str, extra: dict[str, str] | None = None) -> None:
    """Run an installer; when it fails, find out whose fault it is.

    Args:
        argv: the installer, with what the learner asked for.
        probe: asks the same index for a package that is surely there; what the learner wrote has no say in it.
        cwd: as in `run`.
        path: as in `run`.
        extra: as in `run`.

    Raises:
        NotStarted: what was asked for cannot be installed.
        EnvironmentProblem: nothing can be: the index does not answer.
    """
    try:
        run(argv, cwd=cwd, path=path, extra=extra)
    except NotStarted:
        try:
            run(probe, cwd=cwd, path=path, extra=extra)
        except NotStarted as silence:
            said = silence.startup.failure.log[-1] if silence.startup.failure.log else silence.startup.failure.got
            raise does_not_answer(said) from None
        raise


def _make_environment(home: Path, cache: Path, *, with_pip: bool) -> None:
    try:
        pip = [] if with_pip else ["--without-pip"]
        run([str(base_python()), "-I", "-m", "venv", *pip, str(home)], cwd=cache, path=os.defpath)
    except NotStarted as refusal:
        raise EnvironmentProblem(
            f"{base_python()} cannot make a virtual environment: {' '.join(refusal.startup.failure.log[:2])}.",
            "On Debian, install python3-venv.",
        ) from None


def _node_modules(staged: Staged, cache: Path, users: ExitStack) -> Path:
    """Node's folder; the solution's dependencies are linked into its copy as ``node_modules``."""
    node = find_node()
    manifest = staged.path / "package.json"
    if not _has_dependencies(manifest):
        return node
    lock = staged.path / "package-lock.json"
    recipe = b"\0".join([str(node).encode(), manifest.read_bytes(), lock.read_bytes() if lock.is_file() else b""])
    home = cache / "builds" / f"node-{_digest(recipe)}"
    with once(home, users) as is_missing:
        if is_missing:
            home.mkdir()
            for source in (manifest, lock):
                if source.is_file():
                    shutil.copyfile(source, home / source.name)
            action = "ci" if lock.is_file() else "install"
            npm = [
                *_npm(node),
                action,
                "--omit=dev",
                "--no-audit",
                "--no-fund",
                "--no-update-notifier",
                "--ignore-scripts",
            ]
            _install(npm, [*_npm(node), *NPM_PROBE], cwd=home, path=f"{node}:{os.defpath}")
            (home / "node_modules").mkdir(exist_ok=True)
    (staged.path / "node_modules").symlink_to(home / "node_modules")
    return node


def _npm(node: Path) -> list[str]:
    """How npm is run; the wheel's own ``bin/npm`` is an empty stub, so its script is named."""
    script = node.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [str(node / "node"), str(script)] if script.is_file() else ["npm"]


def _has_dependencies(manifest: Path) -> bool:
    """Whether ``package.json`` asks for packages; a broken one is npm's to complain about."""
    try:
        return bool(json.loads(manifest.read_bytes()).get("dependencies"))
    except FileNotFoundError:
        return False
    except (ValueError, AttributeError, RecursionError):
        return True


def _go_modules(staged: Staged, cache: Path, users: ExitStack, go: Path, settings: dict[str, str]) -> None:
    """Fetch what ``go.mod`` requires into the folder of modules that runs share, unless the solution brings it along."""
    names = sorted(go_modules.files(staged.path))
    if not names:
        return
    files = [name.encode() + b"\0" + (staged.path / name).read_bytes() for name in names]
    recipe = b"\0".join([str(go).encode(), *files])
    home = cache / "builds" / f"go-{_digest(recipe)}"
    with once(home, users) as is_missing:
        if is_missing:
            home.mkdir()
            online = {name: value for name, value in settings.items() if name != "GOPROXY"}
            program, *download = go_modules.DOWNLOAD
            # Away from the learner's go.mod, with which the probe would fail as well.
            probe = [str(go / program), "list", "-C", str(home), *GO_PROBE]
            _install([str(go / program), *download], probe, cwd=staged.path, path=f"{go}:{os.defpath}", extra=online)


def _go_settings(cache: Path) -> dict[str, str]:
    """Go compiles with caches that runs share; the build itself fetches neither a toolchain nor a module."""
    return {
        "GOCACHE": str(cache / "go-build"),
        "GOMODCACHE": str(cache / "go-modules"),
        "GOFLAGS": "-modcacherw",
        "GOPROXY": "off",
        "GOTOOLCHAIN": "local",
        "CGO_ENABLED": "0",
        "GOTELEMETRY": "off",
    }


def _digest(recipe: bytes) -> str:
    return hashlib.sha256(recipe).hexdigest()[:24]
