"""Nothing survives a runner, however it ends."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import docker.errors
import pytest

from labrunner.runtimes.docker import labels, leftovers, wire
from labrunner.runtimes.docker.engine import connect
from labrunner.runtimes.owner import owner
from labrunner.runtimes.process.tree import state
from tests.command import processes, survivors
from tests.docker.harness import PROGRAMS, belongings, until_clean, wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from labrunner.runtimes.docker.address import Address

TIMES = int(os.environ.get("LABRUNNER_KILLS", "6"))
"""`make validate` asks for 50."""
WHOLE_RUN = 3.5
"""Seconds of one round of `programs/runner.py`, about."""


def _runner(tmp_path: Path) -> subprocess.Popen[str]:
    folder = tmp_path / "solution"
    folder.mkdir(exist_ok=True)
    shutil.copy(PROGRAMS / "probe.py", folder / "main.py")
    argv = [sys.executable, str(PROGRAMS / "runner.py"), str(folder), str(random.getrandbits(64))]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    return process


@pytest.mark.parametrize("number", range(TIMES))
def test_a_killed_runner_leaves_nothing(where: Address, tmp_path: Path, number: int) -> None:
    """SIGKILL at a random moment: containers, networks, volumes and images of the run go away by themselves."""
    before = belongings(where)
    process = _runner(tmp_path)
    time.sleep(random.uniform(number, number + 1) / TIMES * WHOLE_RUN)
    process.send_signal(signal.SIGSTOP)
    wait_for(lambda: state(process.pid) == "T")
    family = processes(process.pid)
    process.kill()
    process.communicate()
    # Only then: what the engine was asked for with the last breath may come into being late.
    wait_for(lambda: not survivors(family), 120)
    left = until_clean(where, before, 0)
    assert not any(left.values())


def test_an_interrupted_test_leaves_nothing(where: Address, tmp_path: Path) -> None:
    """Ctrl-C in the middle of a run ends it with 130 and an engine as it was."""
    before = belongings(where)
    process = _runner(tmp_path)
    time.sleep(1.5)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    left = until_clean(where, before, 60)
    assert not any(left.values())


def test_what_was_left_by_a_power_cut_is_found_and_cleaned(where: Address) -> None:
    """Runner and reaper both gone: `lab doctor` finds what bears a dead owner's name, and nothing of the living."""
    dead = {labels.RUN: "0123456789abcdef", labels.OWNER: "1-1-otherboot-1-here"}
    living = {labels.RUN: "fedcba9876543210", labels.OWNER: owner()}
    leftovers.clean(where)
    stuck = leftovers.find(where)  # what an engine of this machine does not let go, seen after a day of tests
    before = _networks(where)
    engine = connect()
    networks: list[str] = []
    try:
        for number, of in enumerate((dead, living)):
            networks.append(engine.api.create_network(f"lab-test-{number}", labels=of)["Id"])
        assert [found for found in leftovers.find(where) if found not in stuck] == [("networks", networks[0])]
        assert leftovers.clean(where) == 1
        assert leftovers.find(where) == stuck
        assert _networks(where) - before == {networks[1]}
    finally:
        for identity in networks:
            with contextlib.suppress(docker.errors.NotFound):
                engine.api.remove_network(identity)
        engine.close()


def _networks(where: Address) -> set[str]:
    return {network["Id"] for network in wire.labelled(where.url, "networks", labels.RUN, 30)}
