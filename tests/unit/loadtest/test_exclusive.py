from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from labrunner.errors import EnvironmentProblem
from labrunner.loadtest.exclusive import exclusive

if TYPE_CHECKING:
    from pathlib import Path

HOLDER = """
import sys
from labrunner.loadtest.exclusive import exclusive
with exclusive(lambda: None, path=sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


def _holder(path: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    return process


def test_only_one_measures_at_a_time(tmp_path: Path) -> None:
    """Who comes second is told so, and in the end that it cannot be had."""
    path = tmp_path / "lock"
    told: list[int] = []
    with _holder(path) as holder:
        with (
            pytest.raises(EnvironmentProblem, match="Another load measurement"),
            exclusive(lambda: told.append(1), path=str(path), patience=0.3),
        ):
            pass
        holder.kill()
        holder.wait()
        assert set(told) == {1}
        # A lock of the dead holds nobody up.
        with exclusive(lambda: told.append(2), path=str(path), patience=30.0):
            pass
    assert set(told) == {1}


def test_whoever_waits_may_give_up(tmp_path: Path) -> None:
    """A run that is interrupted does not stand in line any more."""
    path = tmp_path / "lock"
    with _holder(path) as holder:
        with pytest.raises(RuntimeError, match="over"), exclusive(_is_over, path=str(path)):
            pass
        holder.kill()


def _is_over() -> None:
    raise RuntimeError("the run is over")


def test_the_lock_is_given_back(tmp_path: Path) -> None:
    """Also when the measurement failed."""
    path = str(tmp_path / "lock")
    with pytest.raises(ValueError, match="broken"), exclusive(lambda: None, path=path):
        raise ValueError("broken")
    with exclusive(lambda: pytest.fail("nobody holds it"), path=path):
        pass


def test_a_link_in_its_place_is_refused(tmp_path: Path) -> None:
    """Anybody may write where it lies; nobody makes us open something else."""
    (tmp_path / "lock").symlink_to(tmp_path / "secret")
    with (
        pytest.raises(EnvironmentProblem, match="cannot be opened"),
        exclusive(lambda: None, path=str(tmp_path / "lock")),
    ):
        pass
