"""Steps of a build: run once per content, within a deadline, with the last lines of what failed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from labrunner.model.outcome import Failure
from labrunner.model.result import Startup
from labrunner.model.status import Reason
from labrunner.ports.runtime import NotStarted
from labrunner.runtimes.log import Log
from labrunner.runtimes.process.supervised import Supervised

if TYPE_CHECKING:
    from collections.abc import Iterator

DEADLINE = 300.0
"""Seconds for one step."""
_PASSED_ON = (
    "PIP_", "SSL_CERT", "REQUESTS_CA", "CURL_CA", "NODE_EXTRA_CA", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
    "http_proxy", "https_proxy", "no_proxy", "npm_config_", "NPM_CONFIG_",
    "GOPROXY", "GOPRIVATE", "GONOPROXY", "GOSUMDB", "GONOSUMDB", "GOINSECURE",
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
    with tempfile.TemporaryDirectory(prefix="lab-build-") as home:
        environment = {key: value for key, value in os.environ.items() if key.startswith(_PASSED_ON)}
        environment |= {"PATH": path, "HOME": home, "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}
        environment |= extra or {}
        # Below a supervisor, as a service is: nothing that a build starts outlives it, or us.
        supervised = Supervised()
        log = Log(hide=f"{cwd}/")
        draining = log.drain(supervised.log)
        try:
            why = supervised.start(argv=argv, env=environment, cwd=str(cwd), limits={}, user=None)
            code = None if why else supervised.wait_exit(DEADLINE)
        finally:
            supervised.close()
            draining.join(1.0)
    if why:
        _refuse(Reason.BUILD_FAILED, f"`{' '.join(argv)}` cannot be started: {why.lower()}", log)
    if code is None:
        _refuse(Reason.BUILD_TIMEOUT, f"`{_short(argv)}` took longer than {DEADLINE:.0f} s", log)
    if code:
        _refuse(Reason.BUILD_FAILED, f"`{_short(argv)}` ended with code {code}", log)


def _short(argv: list[str]) -> str:
    return " ".join([Path(argv[0]).name, *argv[1:]])


def _refuse(reason: Reason, got: str, log: Log) -> NoReturn:
    lines = tuple(line for line in log.between(0.0, time.monotonic()) if line.strip())
    why = "What it wrote is below." if lines else ""
    raise NotStarted(Startup(reason, Failure("a build that succeeds", got, why, log=lines)))
