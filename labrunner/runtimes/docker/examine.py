"""What `lab doctor` asks the engine; and a proof, not a promise, that its limits bite."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from labrunner.errors import LabError
from labrunner.model.finding import Finding
from labrunner.model.status import Reason
from labrunner.runtimes.docker import network, recipes
from labrunner.runtimes.docker.armed import Reaper
from labrunner.runtimes.docker.container import Plan
from labrunner.runtimes.docker.engine import Engine, connect, told
from labrunner.runtimes.docker.labels import Run
from labrunner.runtimes.docker.life import Life
from labrunner.runtimes.docker.profile import FUNCTIONAL, MIB
from labrunner.runtimes.docker.tenant import INIT
from labrunner.runtimes.log import Log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from labrunner.runtimes.docker.profile import Profile

SMALL = dataclasses.replace(FUNCTIONAL, memory=48 * MIB, processes=24)
WATCHED_SECONDS = 20.0
HOG = "my @kept; push @kept, 'x' x 1_000_000 while 1"
BOMB = "while (1) { my $pid = fork; exit 7 unless defined $pid; if (!$pid) { sleep 60; exit } }"


def examine() -> Iterator[Finding]:
    """Everything about an engine that answers, good and bad.

    Raises:
        EnvironmentProblem: it does not answer.
    """
    engine = connect()
    run = Run()
    reaper = Reaper(engine.address.url, run)
    try:
        with told():
            info = engine.client.info()
        yield _version(engine, info)
        yield _control_groups(info)
        yield _sound(lambda: _pools(engine, run))
        base = engine.image_id(recipes.RECIPES["base"].tag)
        if base is not None:
            yield _sound(lambda: _bites(engine, run, base, HOG, Reason.OOM, f"{SMALL.memory // MIB} MiB of memory"))
            yield _sound(lambda: _bites(engine, run, base, BOMB, Reason.PIDS, f"{SMALL.processes} processes"))
    finally:
        reaper.stand_down(is_clean=True)
        engine.close()


def _sound(look: Callable[[], Finding]) -> Finding:
    try:
        return look()
    except LabError as fault:
        return Finding(False, fault.message, fault.hint)


def _version(engine: Engine, info: dict[str, Any]) -> Finding:
    where = engine.address
    return Finding(True, f"Docker engine {info.get('ServerVersion')} at {where.url} ({where.origin})")


def _control_groups(info: dict[str, Any]) -> Finding:
    wanted = {"MemoryLimit": "memory", "PidsLimit": "processes", "CpuCfsQuota": "CPU time"}
    lacking = [what for key, what in wanted.items() if not info.get(key)]
    version = info.get("CgroupVersion", "1")
    if lacking:
        return Finding(
            False,
            f"control groups v{version}: this engine cannot bound {', '.join(lacking)}",
            "A rootless engine needs cgroup v2 with delegation; see the engine's documentation on resource limits.",
        )
    return Finding(True, f"control groups v{version}; memory, processes and CPU time can be bounded")


def _pools(engine: Engine, run: Run) -> Finding:
    made = network.inner(engine, run)
    made.remove()
    return Finding(True, f"networks can be made (tried {made.block})")


def _bites(engine: Engine, run: Run, image: str, program: str, expected: Reason, limit: str) -> Finding:
    """A small hog, watched being stopped."""
    profile: Profile = SMALL
    plan = Plan(image=image, command=[INIT, "perl", "-e", program], profile=profile)
    life = Life(engine, run, plan, Log(hide="/app/"), has_init=True)
    try:
        life.wait_exit(WATCHED_SECONDS)
        if life.limit() is expected:
            return Finding(True, f"a container was stopped at its limit of {limit} (tried)")
        return Finding(
            False,
            f"a container was not stopped at its limit of {limit}",
            "Do not run others' code on this engine; see its documentation on resource limits.",
        )
    finally:
        life.close()
