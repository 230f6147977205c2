"""What the build phase keeps between runs: made once, used by many, and not for ever."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from labrunner.model.lab import Language
from labrunner.model.solution import Solution, Staged
from labrunner.runtimes.process import build_steps
from labrunner.runtimes.process.build import build
from labrunner.runtimes.process.build_steps import once

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

USES = """\
import contextlib, pathlib, sys
from labrunner.runtimes.process.build_steps import once
with contextlib.ExitStack() as users:
    with once(pathlib.Path(sys.argv[1]), users) as is_missing:
        pass
    print(is_missing, flush=True)  # used now, before all that come next
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of a kind are kept."""
    monkeypatch.setattr(build_steps, "KEPT", 2)


@pytest.fixture
def run() -> Iterator[contextlib.ExitStack]:
    """What a run uses, until its end."""
    with contextlib.ExitStack() as users:
        yield users


def _use(home: Path, users: contextlib.ExitStack | None = None) -> bool:
    """Whether it had to be made; used by a run that is over at once, unless `users` says for how long."""
    with contextlib.ExitStack() as soon_over, once(home, users or soon_over) as is_missing:
        if is_missing:
            home.mkdir()
            (home / "content").touch()
        return is_missing


def _left(builds: Path) -> list[str]:
    return sorted(path.name for path in builds.iterdir())


def test_the_last_used_of_each_kind_are_kept(tmp_path: Path) -> None:
    """A use counts like a making, and kinds do not drive one another out; of what goes, nothing stays."""
    _use(tmp_path / "python-a")
    for name in ("solution-a", "solution-b"):
        assert _use(tmp_path / name)
    assert not _use(tmp_path / "solution-a")
    assert _use(tmp_path / "solution-c")
    assert _left(tmp_path) == [
        *("python-a", "python-a.lock", "solution-a", "solution-a.lock", "solution-c", "solution-c.lock")
    ]


def test_what_a_run_uses_stays_until_its_end(tmp_path: Path, run: contextlib.ExitStack) -> None:
    """However old it is, and though another run made all the newer ones."""
    _use(tmp_path / "node-mine", run)
    for name in "abc":
        _use(tmp_path / f"node-{name}")
    assert (tmp_path / "node-mine" / "content").exists()
    run.close()
    _use(tmp_path / "node-d")
    assert not (tmp_path / "node-mine").exists()


def test_what_another_process_uses_stays(tmp_path: Path) -> None:
    """And goes when that process is gone, however it went."""
    _use(tmp_path / "node-theirs")
    argv = [sys.executable, "-c", USES, str(tmp_path / "node-theirs")]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "False\n"
        for name in "abc":
            _use(tmp_path / f"node-{name}")
        assert (tmp_path / "node-theirs" / "content").exists()
        other.kill()
    _use(tmp_path / "node-d")
    assert not (tmp_path / "node-theirs").exists()


def test_who_comes_while_it_is_made_finds_it_made(tmp_path: Path, run: contextlib.ExitStack) -> None:
    """Two runs begin at once: one makes it, the other waits, and both use it from then on."""
    home = tmp_path / "node-a"
    found: list[bool] = []
    with once(home, run) as is_missing:
        assert is_missing
        other = threading.Thread(target=lambda: found.append(_use(home)))
        other.start()
        home.mkdir()
        other.join(0.2)
        assert not found
    other.join(60)
    assert found == [False]


def test_what_failed_is_made_anew(tmp_path: Path, run: contextlib.ExitStack) -> None:
    """In the same run and in the next; nothing of it is left meanwhile."""
    home = tmp_path / "node-a"
    home.with_name("in the way").touch()
    with pytest.raises(NotADirectoryError), once(home, run):
        shutil.copytree(home.with_name("in the way"), home)
    assert _left(tmp_path) == ["in the way"]
    assert _use(home, run)
    assert not _use(home)


def test_a_day_of_edits_leaves_a_few_builds(tmp_path: Path) -> None:
    """Each edit of a solution with a `build` keeps a whole tree; an old one is built again as if it were new."""
    for edit in (1, 2, 3, 4, 1):
        folder = tmp_path / f"copy-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        found = Solution(folder, "any", Language.OTHER, ("./service",), ("touch", "service"))
        with contextlib.ExitStack() as users:
            build(Staged(found, folder, f"sha256:{edit}"), tmp_path / "cache", users)
        assert (folder / "service").exists()
    assert len([path for path in (tmp_path / "cache" / "builds").iterdir() if path.is_dir()]) == 2
