from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from labrunner.errors import EnvironmentProblem, UsageError
from labrunner.solution.layout import FILE
from labrunner.solution.places import state_folder
from labrunner.solution.progress import Progress, write_whole
from labrunner.solution.registry import Registry


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    """H3: where the new content cannot be put in place, the old one is intact and nothing else is left."""
    target = tmp_path / "result.json"
    write_whole(target, b"old")
    write_whole(target, b"new")
    assert target.read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]
    assert target.stat().st_mode & 0o777 == 0o644


def test_a_folder_in_the_files_place_is_told(tmp_path: Path) -> None:
    """And nothing of ours is left beside it."""
    (tmp_path / "result.json").mkdir()
    with pytest.raises(EnvironmentProblem, match="cannot be written"):
        write_whole(tmp_path / "result.json", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]


def test_a_path_below_a_file_is_told(tmp_path: Path) -> None:
    """One sentence with what to do."""
    (tmp_path / "file").touch()
    with pytest.raises(EnvironmentProblem, match="cannot be written") as caught:
        write_whole(tmp_path / "file" / "result.json", b"x")
    assert caught.value.hint


def test_a_link_is_written_through_and_stays_a_link(tmp_path: Path) -> None:
    """Whoever made it wants the file that it names."""
    real = tmp_path / "real" / "r.json"
    real.parent.mkdir()
    real.write_bytes(b"old")
    link = tmp_path / "link.json"
    link.symlink_to(real)
    write_whole(link, b"new")
    assert link.is_symlink()
    assert real.read_bytes() == b"new"


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    """`--report json=/dev/stdout` must not put a file in the place of the device."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_whole(pipe, b"through")
    assert os.read(reader, 100) == b"through"
    os.close(reader)
    assert pipe.is_fifo()


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="needs /dev/full")
def test_a_full_device_is_told_as_such() -> None:
    """No room: one sentence, and the device stays."""
    with pytest.raises(EnvironmentProblem, match="No space left") as caught:
        write_whole(Path("/dev/full"), b"x")
    assert caught.value.hint == "Free some room."
    assert Path("/dev/full").is_char_device()


def test_the_newest_verdict_on_each_check_is_remembered(tmp_path: Path) -> None:
    """A run of one check says nothing about the others."""
    progress = Progress(tmp_path)
    assert progress.standing().statuses == {}
    progress.save(b"{}", "s1", {"a/x": "passed", "a/y": "failed"})
    progress.save(b"{}", "s2", {"a/y": "passed"})
    assert progress.standing().statuses == {"a/x": "passed", "a/y": "passed"}
    assert progress.standing().seed == "s2"
    assert progress.result_path.read_bytes() == b"{}"


def test_hints_are_counted_per_check(tmp_path: Path) -> None:
    """Over commands."""
    Progress(tmp_path).give_hint("a/x")
    Progress(tmp_path).give_hint("a/x")
    assert Progress(tmp_path).hints_given("a/x") == 2
    assert Progress(tmp_path).hints_given("a/y") == 0


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"statuses": 3}', b'{"a/x": "many"}', b"[" * 100_000,
               b'{"statuses": {"a/x": "splendid", "a/y": ["passed"]}}'],
    ids=["empty", "cut", "array", "null", "bytes", "mistyped", "text", "deep", "no-status"],
)  # fmt: skip
def test_damaged_memories_are_forgotten(tmp_path: Path, damage: bytes) -> None:
    """Nothing in .lab/ is worth an error; and what is written anew is good again."""
    progress = Progress(tmp_path)
    progress.folder.mkdir()
    for name in ("standing.json", "hints.json"):
        (progress.folder / name).write_bytes(damage)
    assert progress.standing().statuses == {}
    assert progress.hints_given("a/x") == 0
    progress.save(b"{}", "s", {"a/x": "passed"})
    assert progress.standing().statuses == {"a/x": "passed"}


def test_one_run_at_a_time_in_one_solution(tmp_path: Path) -> None:
    """H8: the second is told who holds it; when the first ends it is free again."""
    with Progress(tmp_path).lock():
        with pytest.raises(UsageError, match=f"process {os.getpid()}\\) is at work"), Progress(tmp_path).lock():
            pytest.fail("two runs at once")
        with Progress(tmp_path / "..").lock():
            pass  # another folder is another solution
    with Progress(tmp_path).lock():
        pass


def test_a_lock_left_by_a_dead_process_holds_nobody_up(tmp_path: Path) -> None:
    """The file stays, the kernel's lock does not."""
    (tmp_path / ".lab").mkdir()
    (tmp_path / ".lab" / "lock").write_text("99999")
    with Progress(tmp_path).lock():
        assert (tmp_path / ".lab" / "lock").read_text() == str(os.getpid())


def test_a_lock_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """Where .lab is a file."""
    (tmp_path / ".lab").write_text("x")
    with pytest.raises(EnvironmentProblem, match="cannot be written"), Progress(tmp_path).lock():
        pytest.fail("no lock was taken")


def _begun(folder: Path) -> Path:
    folder.mkdir()
    (folder / FILE).write_text("")
    return folder


def test_the_registry_remembers_where_labs_were_begun(tmp_path: Path) -> None:
    """Newest first, each once; folders that are gone are forgotten."""
    registry = Registry()
    first, second = _begun(tmp_path / "1"), _begun(tmp_path / "2")
    assert registry.folders("greeter") == []
    for folder in (first, second, first):
        registry.remember("greeter", folder)
    assert Registry().folders("greeter") == [first, second]
    assert registry.folders("other") == []
    (first / FILE).unlink()
    assert registry.folders("greeter") == [second]


def test_state_lies_where_the_user_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """LAB_STATE, else XDG_STATE_HOME, else below the home folder."""
    assert state_folder() == tmp_path / "state"
    monkeypatch.delenv("LAB_STATE")
    monkeypatch.setenv("XDG_STATE_HOME", "/xdg")
    assert state_folder() == Path("/xdg/labrunner")
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", "/home/ada")
    assert state_folder() == Path("/home/ada/.local/state/labrunner")


@pytest.mark.parametrize("damage", [b"", b"[]", b'{"greeter": 3}', b'{"greeter": [3, null]}', b"\xff"])
def test_a_damaged_registry_is_no_reason_to_refuse(tmp_path: Path, damage: bytes) -> None:
    """It is only a convenience."""
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "started.json").write_bytes(damage)
    assert Registry().folders("greeter") == []
    Registry().remember("greeter", _begun(tmp_path / "1"))
    assert Registry().folders("greeter") == [tmp_path / "1"]


def test_a_registry_that_cannot_be_written_refuses_nothing(tmp_path: Path) -> None:
    """A start still works."""
    (tmp_path / "file").touch()
    registry = Registry(tmp_path / "file")
    registry.remember("greeter", tmp_path)
    assert registry.folders("greeter") == []


def test_what_is_kept_is_json_that_others_can_read(tmp_path: Path) -> None:
    """Plain and indented."""
    Progress(tmp_path).save(b"{}", "s", {"a/x": "passed"})
    stored = json.loads((tmp_path / ".lab" / "standing.json").read_text())
    assert stored == {"seed": "s", "statuses": {"a/x": "passed"}}
