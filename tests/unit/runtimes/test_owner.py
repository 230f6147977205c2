"""Whose something is that a run left behind: told from its name alone, and never a guess that removes what is in use."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from labrunner.runtimes.owner import PARTS, is_alive, owner

if sys.platform != "linux":
    pytest.skip("the kernel's boot and name spaces are looked up in /proc", allow_module_level=True)


def _with(**changed: str) -> str:
    """Our own name, but for some of its parts."""
    parts = dict(zip(("pid", "started", "boot", "view", "host"), owner().split("-"), strict=True))
    return "-".join({**parts, **changed}.values())


def _of_the_dead() -> str:
    """The name that a process gave itself which has ended since."""
    program = "from labrunner.runtimes.owner import owner; print(owner())"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("is_shared", [False, True])
def test_here_the_living_are_told_from_the_dead(is_shared: bool) -> None:
    """Our own process lives; one that has ended does not, nor does one whose pid another has got since."""
    assert is_alive(owner(), is_shared=is_shared) is True
    assert is_alive(_of_the_dead(), is_shared=is_shared) is False
    assert is_alive(_with(started="1"), is_shared=is_shared) is False


def test_what_cannot_be_seen_from_here_is_left_open() -> None:
    """A process in another container, on another machine that shares the place, and what is no name at all."""
    assert is_alive(_with(view="1")) is None
    assert is_alive(_with(host="other", pid="1"), is_shared=True) is None
    assert is_alive(_with(host="other", boot="other"), is_shared=True) is None
    for name in ("", "notes", "1-2-3", f"x-{owner()}"):
        assert is_alive(name) is None


def test_before_this_boot_everything_is_over() -> None:
    """On this machine; where no other machine can have left it, whatever the machine was called then."""
    assert is_alive(_with(boot="other"), is_shared=True) is False
    assert is_alive(_with(boot="other", host="other")) is False


def test_a_name_is_of_its_process() -> None:
    """Short, of known parts, and another process's is another."""
    assert owner().split("-")[0] == str(os.getpid())
    assert owner().count("-") == PARTS - 1
    assert len(owner()) < 48
    assert _of_the_dead() != owner()
