"""The build phase: a language's dependencies, installed once per content, never charged to a check."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, NoReturn

from labrunner.errors import EnvironmentProblem
from labrunner.model.lab import Language
from labrunner.model.outcome import Failure, Reason
from labrunner.model.result import Startup
from labrunner.ports.runtime import NotStarted
from labrunner.rules.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labrunner.model.solution import Staged

DEADLINE = 300.0
"""Seconds for the whole build phase."""
LAST_LINES = 15
_PASSED_ON = ("PIP_", "SSL_CERT", "REQUESTS_CA", "CURL_CA", "NODE_EXTRA_CA", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
              "http_proxy", "https_proxy", "no_proxy", "npm_config_")  # fmt: skip


def base_python() -> Path:
    """The interpreter that runs Python solutions: ours, outside any virtual environment."""
    return Path(getattr(sys, "_base_executable", None) or sys.executable)


def program_folders(staged: Staged, cache: Path) -> tuple[Path, ...]:
    """Folders that go first on the service's PATH; builds what is not built yet.

    Raises:
        NotStarted: the learner's dependencies or build command failed.
        EnvironmentProblem: the machine lacks what the build needs.
    """
    if staged.solution.language is Language.PYTHON:
        return (_python_environment(staged, cache),)
    raise EnvironmentProblem(
        f"The process runtime of this version cannot run solutions in {staged.solution.language.value}.",
        "Use a Python solution.",
    )


def run_build_command(staged: Staged, path: str) -> None:
    """The solution's own `build`, in its private copy.

    Raises:
        NotStarted: it failed or took too long.
    """
    if staged.solution.build:
        _run(list(staged.solution.build), cwd=staged.path, path=path)


def _python_environment(staged: Staged, cache: Path) -> Path:
    """A virtual environment with the solution's requirements, made once per content."""
    requirements = staged.path / "requirements.txt"
    wanted = requirements.read_bytes() if requirements.is_file() else b""
    is_needed = any(line.strip() and not line.lstrip().startswith(b"#") for line in wanted.splitlines())
    recipe = b"\0".join([str(base_python()).encode(), sys.version.encode(), wanted if is_needed else b""])
    home = cache / "builds" / f"python-{hashlib.sha256(recipe).hexdigest()[:24]}"
    with _once(home) as is_missing:
        if is_missing:
            venv = [str(base_python()), "-I", "-m", "venv", *([] if is_needed else ["--without-pip"]), str(home)]
            _run(venv, cwd=cache, path=os.defpath)
            if is_needed:
                pip = [str(home / "bin" / "python"), "-I", "-m", "pip", "install", "--no-input", "--quiet",
                       "--disable-pip-version-check", "--requirement", str(requirements)]  # fmt: skip
                _run(pip, cwd=staged.path, path=f"{home / 'bin'}:{os.defpath}")
    return home / "bin"


@contextlib.contextmanager
def _once(home: Path) -> Iterator[bool]:
    """Yields whether `home` must be made, to one process at a time; half-made ones are begun anew."""
    home.parent.mkdir(parents=True, exist_ok=True)
    done = home / ".complete"
    if done.exists():
        yield False
        return
    with home.with_name(f"{home.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if done.exists():
            yield False
            return
        shutil.rmtree(home, ignore_errors=True)
        try:
            yield True
            done.touch()
        except BaseException:
            shutil.rmtree(home, ignore_errors=True)
            raise


def _run(argv: list[str], *, cwd: Path, path: str) -> None:
    with tempfile.TemporaryDirectory(prefix="lab-build-") as home, tempfile.TemporaryFile() as output:
        environment = {key: value for key, value in os.environ.items() if key.startswith(_PASSED_ON)}
        environment |= {"PATH": path, "HOME": home, "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}
        try:
            process = subprocess.Popen(argv, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, stdout=output,
                                       stderr=subprocess.STDOUT, start_new_session=True)  # fmt: skip
        except OSError as fault:
            got = f"`{' '.join(argv)}` cannot be started: {(fault.strerror or str(fault)).lower()}"
            raise NotStarted(Startup(Reason.BUILD_FAILED, Failure("a build that succeeds", got))) from None
        try:
            code = process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            _refuse(Reason.BUILD_TIMEOUT, f"`{_short(argv)}` took longer than {DEADLINE:.0f} s", output)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if code:
            _refuse(Reason.BUILD_FAILED, f"`{_short(argv)}` ended with code {code}", output)


def _short(argv: list[str]) -> str:
    return " ".join([Path(argv[0]).name, *argv[1:]])


def _refuse(reason: Reason, got: str, output: IO[bytes]) -> NoReturn:
    output.seek(0)
    lines = output.read()[-64 * 1024 :].decode("utf-8", "backslashreplace").splitlines()
    log = tuple(printable(line.rstrip()[:500]) for line in lines if line.strip())[-LAST_LINES:]
    raise NotStarted(Startup(reason, Failure("a build that succeeds", got, "Its last lines are below.", log=log)))
