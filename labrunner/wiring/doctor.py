"""What `lab doctor` looks at: each finding a sentence, with what to do when it is bad."""

from __future__ import annotations

import contextlib
import platform
import shutil
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from labrunner.catalog.folders import core
from labrunner.errors import LabError
from labrunner.grading.workplace import sweep, workplace
from labrunner.model.finding import Finding
from labrunner.model.result import Isolation
from labrunner.runtimes.docker import address, leftovers, recipes
from labrunner.runtimes.process.runtime import ProcessRuntime
from labrunner.runtimes.process.toolchains import find_go, find_node
from labrunner.solution.places import cache_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LEAST_FREE = 512 * 1024 * 1024


def examine(*, is_cleaning: bool = False) -> Iterator[Finding]:
    """Everything, good and bad.

    Args:
        is_cleaning: remove what dead runs left in the Docker engine.
    """
    for look in (_python, _labs, _cache, _loopback, _isolation, _leftovers):
        yield _sound(look)
    yield from _languages()
    yield from _companions()
    yield from _docker(is_cleaning=is_cleaning)


def _docker(*, is_cleaning: bool) -> Iterator[Finding]:
    """Docker may be missing: then labs run without it. What is there must be right."""
    try:
        address.find()
    except LabError as fault:
        yield Finding(True, f"{fault.message} Labs run in the process runtime.", fault.hint)
        return
    try:
        where = address.reach()
        yield from _engine()
        yield _images(where.url)
        yield _orphans(where, is_cleaning=is_cleaning)
    except LabError as fault:
        yield Finding(False, fault.message, fault.hint)


def _engine() -> Iterator[Finding]:
    """What the engine itself can tell and prove."""
    from labrunner.runtimes.docker.examine import examine as examine_engine

    yield from examine_engine()


def _images(url: str) -> Finding:
    lacking = recipes.missing(url, list(recipes.RECIPES.values()))
    if not lacking:
        return Finding(True, f"all {len(recipes.RECIPES)} images are built")
    names = ", ".join(recipe.name for recipe in lacking)
    return Finding(True, f"not built yet: the images {names}", "Type `lab images build` to run labs in containers.")


def _orphans(where: address.Address, *, is_cleaning: bool) -> Finding:
    if is_cleaning:
        return Finding(True, f"{leftovers.clean(where)} things that dead runs left in the engine were removed")
    if found := leftovers.find(where):
        return Finding(False, f"{len(found)} things of dead runs are left in the engine", "Type `lab doctor --clean`.")
    return Finding(True, "nothing of dead runs is left in the engine")


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
    with (
        tempfile.TemporaryDirectory() as work,
        contextlib.closing(ProcessRuntime(cache_folder(), Path(work))) as runtime,
    ):
        weak = runtime.isolation is Isolation.NONE
        return Finding(True, f"process runtime, isolation {runtime.isolation}", " ".join(runtime.notes) if weak else "")


def _languages() -> Iterator[Finding]:
    """What solutions are written in beside Python; who writes in none of them runs without, and containers bring them."""
    for name, look in (("Node", find_node), ("Go", find_go)):
        try:
            yield Finding(True, f"{name} for solutions without containers: {look()}")
        except LabError as fault:
            yield Finding(True, fault.message, fault.hint)


def _companions() -> Iterator[Finding]:
    """What labs start beside a solution; a lab that needs none of it runs without."""
    from labrunner.companions.known import lacking, there
    from labrunner.model.lab import BUILT_IN_COMPANIONS

    for name, program in there(BUILT_IN_COMPANIONS).items():
        yield Finding(True, f"{name} for labs without containers: {program}")
    for fault in lacking(BUILT_IN_COMPANIONS):
        yield Finding(True, fault.message, fault.hint)


def _leftovers() -> Finding:
    swept = sweep(cache_folder() / "runs")
    return Finding(True, f"{len(swept)} folders of dead runs were removed" if swept else "no leftovers of dead runs")
