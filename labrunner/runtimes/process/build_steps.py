"""Steps of a build: run once per content, within a deadline, with the last lines of what failed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, NoReturn

from labrunner.model.outcome import Failure, Reason
from labrunner.model.result import Startup
from labrunner.ports.runtime import NotStarted
from labrunner.rules.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

DEADLINE = 300.0
"""Seconds for one step."""
LAST_LINES = 15
_PASSED_ON = (
    "PIP_", "SSL_CERT", "REQUESTS_CA", "CURL_CA", "NODE_EXTRA_CA", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
    "http_proxy", "https_proxy", "no_proxy", "npm_config_", "NPM_CONFIG_",
)  # fmt: skip
"""Beginnings of the variables of ours that say how the network is reached."""


@contextlib.contextmanager
def once(home: Path) -> Iterator[bool]:
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


def run(argv: list[str], *, cwd: Path, path: str, extra: dict[str, str] | None = None) -> None:
    """Run one step of a build, away from our own environment.

    Raises:
        NotStarted: it failed, took longer than `DEADLINE`, or cannot be started.
    """
    with tempfile.TemporaryDirectory(prefix="lab-build-") as home, tempfile.TemporaryFile() as output:
        environment = {key: value for key, value in os.environ.items() if key.startswith(_PASSED_ON)}
        environment |= {"PATH": path, "HOME": home, "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}
        environment |= extra or {}
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
