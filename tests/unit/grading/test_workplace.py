"""The folders of runs: removed when their owner is gone, and only then."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from labrunner.grading import workplace
from labrunner.runtimes.owner import owner

if TYPE_CHECKING:
    from pathlib import Path


def _folder(runs: Path, *, days: int = 0, **changed: str) -> Path:
    """As a run of ours made it, but for some parts of its name, and its age."""
    parts = dict(zip(("pid", "started", "boot", "view", "host"), owner().split("-"), strict=True))
    made = runs / "-".join([*{**parts, **changed}.values(), "0123abcd"])
    (made / "data").mkdir(parents=True)
    os.utime(made, (time.time() - days * 86_400,) * 2)
    return made


def test_a_run_sweeps_what_the_dead_left_and_nothing_else(tmp_path: Path) -> None:
    """Not its own, not that of a live run on another machine or in a container, not what is none of ours."""
    runs = tmp_path / "runs"
    dead = _folder(runs, started="1")
    before_a_crash = _folder(runs, boot="other")
    kept = [
        _folder(runs),
        _folder(runs, pid="1", started="2", boot="another", host="elsewhere"),
        _folder(runs, pid="1", started="2", view="1", days=6),
        runs / "notes",
    ]
    kept[-1].mkdir()
    with workplace.workplace(tmp_path) as ours:
        assert {*runs.iterdir()} == {*kept, ours}
    assert {*runs.iterdir()} == {*kept}
    assert not dead.exists()
    assert not before_a_crash.exists()


def test_what_nobody_here_can_judge_goes_after_a_week(tmp_path: Path) -> None:
    """Containers with a shared cache, that were killed, must not fill it."""
    old = _folder(tmp_path, pid="1", view="1", days=8)
    of_a_long_run = _folder(tmp_path, days=8)
    assert workplace.sweep(tmp_path) == [old.name]
    assert of_a_long_run.exists()
