"""What `lab doctor` looks at: each finding a sentence, with what to do when it is bad."""

from __future__ import annotations

import platform
import shutil
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from labrunner.catalog.packs import core
from labrunner.errors import LabError
from labrunner.grading.workplace import cache_folder, sweep, workplace
from labrunner.model.result import Isolation
from labrunner.runtimes.process.runtime import ProcessRuntime

if TYPE_CHECKING:
    from collections.abc import Callable

LEAST_FREE = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    is_good: bool
    what: str
    advice: str = ""


def examine() -> list[Finding]:
    """Everything, good and bad."""
    return [_sound(look) for look in (_python, _labs, _cache, _loopback, _isolation, _leftovers)]


def _sound(look: Callable[[], Finding]) -> Finding:
    try:
        return look()
    except LabError as fault:
        return Finding(False, fault.message, fault.hint)
    except OSError as fault:
        return Finding(False, f"{look.__name__.strip('_')}: {fault}", "See the message of the operating system.")


def _python() -> Finding:
    return Finding(True, f"Python {platform.python_version()} on {platform.system()}")


def _labs() -> Finding:
    pack = core()
    return Finding(True, f"labs in {pack.root / 'labs'}")


def _cache() -> Finding:
    cache = cache_folder()
    with workplace(cache) as folder:
        (folder / "probe").write_bytes(b"probe")
        free = shutil.disk_usage(folder).free
    if free < LEAST_FREE:
        return Finding(
            False, f"only {free >> 20} MiB are free at {cache}", "Free some room, or name another folder in LAB_CACHE."
        )
    return Finding(True, f"cache at {cache}, {free >> 30} GiB free")


def _loopback() -> Finding:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname(), 1):
        return Finding(True, "loopback connections work")


def _isolation() -> Finding:
    with tempfile.TemporaryDirectory() as work:
        runtime = ProcessRuntime(cache_folder(), Path(work))
        weak = runtime.isolation is Isolation.NONE
        return Finding(True, f"process runtime, isolation {runtime.isolation}", " ".join(runtime.notes) if weak else "")


def _leftovers() -> Finding:
    swept = sweep(cache_folder() / "runs")
    return Finding(True, f"{len(swept)} folders of dead runs were removed" if swept else "no leftovers of dead runs")
