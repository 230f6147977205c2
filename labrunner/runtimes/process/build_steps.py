"""Steps of a build: run once per content, within a deadline, with the last lines of what failed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, NoReturn

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
KEPT = 32
"""Builds of a kind, as many as the other runtime keeps of all."""
_DONE = ".complete"
"""In what was made to the end; its time is that of the last use."""
_PASSED_ON = (
    "PIP_", "SSL_CERT", "REQUESTS_CA", "CURL_CA", "NODE_EXTRA_CA", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
    "http_proxy", "https_proxy", "no_proxy", "npm_config_", "NPM_CONFIG_",
    "GOPROXY", "GOPRIVATE", "GONOPROXY", "GOSUMDB", "GONOSUMDB", "GOINSECURE",
)  # fmt: skip
"""Beginnings of the variables of ours that say how the network is reached."""


@contextlib.contextmanager
def once(home: Path, users: contextlib.ExitStack) -> Iterator[bool]:
    """Yields whether `home` must be made, to one process at a time; half-made ones are begun anew.

    Afterwards, of those of its kind (``kind-...``) the `KEPT` that were used last are left, and all that are in use.

    Args:
        home: a folder whose name stands for its content.
        users: as long as it is open, nobody removes `home`.
    """
    home.parent.mkdir(parents=True, exist_ok=True)
    done = home / _DONE
    lock = users.enter_context(_locked(home, fcntl.LOCK_SH))
    if not done.exists():
        lock.close()  # two who share it would wait for each other
        lock = users.enter_context(_locked(home, fcntl.LOCK_EX))
    is_missing = not done.exists()
    try:
        if is_missing:
            shutil.rmtree(home, ignore_errors=True)
        yield is_missing
        done.touch()
        now = time.time_ns()  # older kernels write the moment of their last tick: two uses within one would be equal
        os.utime(done, ns=(now, now))
    except BaseException:
        if is_missing:
            _remove(home)
        raise
    fcntl.flock(lock, fcntl.LOCK_SH)
    if is_missing:
        _forget_old(home)


def _locked(home: Path, how: int) -> IO[str]:
    """The open lock of `home`: shared by all who use it, exclusive for whoever makes or removes it.

    Raises:
        BlockingIOError: somebody else has it, and `how` says not to wait.
    """
    while True:
        with contextlib.ExitStack() as undo:
            lock = undo.enter_context(_lock_of(home).open("a+"))  # for a share, NFS wants to read
            fcntl.flock(lock, how)
            # Whoever had it may have removed it, and then others lock another file.
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(lock.fileno()), _lock_of(home).stat()):
                    undo.pop_all()
                    return lock


def _lock_of(home: Path) -> Path:
    return home.with_name(f"{home.name}.lock")


def _remove(home: Path) -> None:
    """All of it, by whoever alone has its lock; interrupted at any moment, what is left counts as half-made."""
    (home / _DONE).unlink(missing_ok=True)
    shutil.rmtree(home, ignore_errors=True)
    _lock_of(home).unlink(missing_ok=True)


def _forget_old(newest: Path) -> None:
    """A learner edits all day, and each edit is another build."""
    kind = newest.name.partition("-")[0]
    homes = [path for path in newest.parent.glob(f"{kind}-*") if path.is_dir()]
    for home in sorted(homes, key=_last_used, reverse=True)[KEPT:]:
        with contextlib.suppress(BlockingIOError), _locked(home, fcntl.LOCK_EX | fcntl.LOCK_NB):
            _remove(home)


def _last_used(home: Path) -> int:
    for path in (home / _DONE, home):
        with contextlib.suppress(FileNotFoundError):
            return path.stat().st_mtime_ns
    return 0


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
