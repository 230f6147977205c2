from __future__ import annotations

import contextlib
import os
import shutil
import socket
from pathlib import Path

import pytest

from labrunner.errors import EnvironmentProblem
from labrunner.model.lab import Language
from labrunner.model.solution import Solution
from labrunner.model.status import Reason
from labrunner.ports.runtime import NotStarted
from labrunner.solution import intake


def _solution(folder: Path) -> Solution:
    return Solution(folder, "greeter", Language.PYTHON, ("python", "main.py"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small solution."""
    root = tmp_path / "mine"
    (root / "pkg").mkdir(parents=True)
    (root / "main.py").write_text("print('hello')\n")
    (root / "pkg" / "part.py").write_text("x = 1\n")
    (root / "run.sh").write_text("#!/bin/sh\n")
    (root / "run.sh").chmod(0o700)
    return root


def _rejection(folder: Path, tmp_path: Path) -> str:
    with pytest.raises(NotStarted) as caught:
        intake.stage(_solution(folder), tmp_path / "copy")
    assert caught.value.startup.reason is Reason.REJECTED
    assert caught.value.deadline is None
    assert caught.value.startup.failure.why
    return caught.value.startup.failure.got


def test_the_copy_holds_what_counts_and_nothing_else(folder: Path, tmp_path: Path) -> None:
    """Ours, version control's and installed files stay out; modes are made plain."""
    for name in (".lab", ".git", ".venv", "node_modules", "__pycache__"):
        (folder / name).mkdir()
        (folder / name / "left-out").write_text("x")
    (folder / ".env").write_text("A=1")
    staged = intake.stage(_solution(folder), tmp_path / "copy")
    found = sorted(str(path.relative_to(staged.path)) for path in staged.path.rglob("*") if path.is_file())
    assert found == [".env", "main.py", "pkg/part.py", "run.sh"]
    assert (staged.path / "main.py").stat().st_mode & 0o777 == 0o644
    assert (staged.path / "run.sh").stat().st_mode & 0o777 == 0o755
    assert (staged.path / "pkg").stat().st_mode & 0o777 == 0o755


def test_the_copy_can_be_read_by_another_user_whatever_our_umask(folder: Path, tmp_path: Path) -> None:
    """H17: the service may run as an unprivileged user."""
    before = os.umask(0o077)
    try:
        staged = intake.stage(_solution(folder), tmp_path / "copy")
    finally:
        os.umask(before)
    assert all(path.stat().st_mode & 0o004 for path in [staged.path, *staged.path.rglob("*")])


def test_equal_content_has_an_equal_digest(folder: Path, tmp_path: Path) -> None:
    """Whatever the times, the owner's other modes, and what is left out."""
    first = intake.stage(_solution(folder), tmp_path / "first").digest
    os.utime(folder / "main.py", (1, 1))
    (folder / "main.py").chmod(0o600)
    (folder / ".lab").mkdir()
    (folder / ".lab" / "result.json").write_text("{}")
    assert intake.stage(_solution(folder), tmp_path / "second").digest == first
    assert first.startswith("sha256:")


@pytest.mark.parametrize("change", ["content", "name", "mode", "moved", "added"])
def test_any_change_that_counts_changes_the_digest(folder: Path, tmp_path: Path, change: str) -> None:
    """Content, name, being a program, and where a file lies."""
    before = intake.stage(_solution(folder), tmp_path / "first").digest
    match change:
        case "content":
            (folder / "main.py").write_text("print('hullo')\n")
        case "name":
            (folder / "main.py").rename(folder / "mein.py")
        case "mode":
            (folder / "main.py").chmod(0o755)
        case "moved":
            (folder / "pkg" / "part.py").rename(folder / "part.py")
        case _:
            (folder / "empty.py").touch()
    assert intake.stage(_solution(folder), tmp_path / "second").digest != before


def test_what_is_edited_meanwhile_does_not_matter(folder: Path, tmp_path: Path) -> None:
    """What runs is a private copy."""
    staged = intake.stage(_solution(folder), tmp_path / "copy")
    (folder / "main.py").write_text("broken")
    assert (staged.path / "main.py").read_text() == "print('hello')\n"


@pytest.mark.parametrize("target", ["/etc/passwd", "main.py", "missing", "."])
def test_no_link_is_followed(folder: Path, tmp_path: Path, target: str) -> None:
    """D3: not to secrets, not within, not to nowhere, not to a folder: REJECTED, and named."""
    (folder / "link").symlink_to(target)
    assert _rejection(folder, tmp_path) == "link is a symbolic link"


@pytest.mark.parametrize("kind", ["fifo", "socket"])
def test_special_files_are_refused_without_opening_them(folder: Path, tmp_path: Path, kind: str) -> None:
    """D4: opening a pipe would wait for ever."""
    path = folder / "odd"
    if kind == "fifo":
        os.mkfifo(path)
        assert _rejection(folder, tmp_path) == "odd is a special file"
    else:
        with socket.socket(socket.AF_UNIX) as server:
            here = Path.cwd()
            os.chdir(folder)  # a socket's path is short
            try:
                server.bind("odd")
            finally:
                os.chdir(here)
            assert _rejection(folder, tmp_path) == "odd is a special file"


def test_a_hostile_name_is_shown_escaped(folder: Path, tmp_path: Path) -> None:
    """G7: a file's name is the learner's text too."""
    (folder / "\x1b[2J").symlink_to("x")
    assert _rejection(folder, tmp_path) == "\\x1b[2J is a symbolic link"


def test_a_sparse_giant_is_refused_while_walking(folder: Path, tmp_path: Path) -> None:
    """D5: by its size, before a byte is copied."""
    with (folder / "giant").open("wb") as file:
        file.truncate(intake.MAX_BYTES + 1)
    assert "more than 64 MiB" in _rejection(folder, tmp_path)
    assert not (tmp_path / "copy" / "giant").exists()


def test_too_many_files_are_refused(folder: Path, tmp_path: Path) -> None:
    """D5."""
    many = folder / "many"
    many.mkdir()
    for number in range(intake.MAX_FILES):
        (many / str(number)).touch()
    assert _rejection(folder, tmp_path) == "more than 5,000 files"


def test_too_deep_folders_are_refused(folder: Path, tmp_path: Path) -> None:
    """Nobody nests so deeply by hand."""
    (folder / Path(*["d"] * (intake.MAX_DEPTH + 1))).mkdir(parents=True)
    assert "nested deeper than 32" in _rejection(folder, tmp_path)


def test_names_in_any_bytes_are_copied(folder: Path, tmp_path: Path) -> None:
    """H17: spaces, other scripts, and what is no UTF-8."""
    names = [b"a b", "größe".encode(), b"\xff\xfe"]
    for name in names:
        with open(os.path.join(os.fsencode(folder), name), "wb") as file:  # noqa: PTH118, PTH123 - bytes
            file.write(b"x")
    staged = intake.stage(_solution(folder), tmp_path / "copy")
    assert set(names) <= {os.fsencode(path.name) for path in staged.path.iterdir()}


def test_a_folder_that_is_gone_is_the_machines_fault(tmp_path: Path) -> None:
    """No verdict on a solution that cannot be read."""
    with pytest.raises(EnvironmentProblem, match="cannot be read"):
        intake.stage(_solution(tmp_path / "gone"), tmp_path / "copy")


def test_a_folder_swapped_for_a_link_is_not_followed(folder: Path, tmp_path: Path) -> None:
    """Between the look and the opening lies a moment; what is opened is still no link."""
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "part.py").write_text("a secret")
    real = os.stat

    def swap(name: str, *, dir_fd: int | None = None, follow_symlinks: bool = True) -> os.stat_result:
        status = real(name, dir_fd=dir_fd, follow_symlinks=follow_symlinks)
        if name == "pkg":
            (folder / "pkg").rename(tmp_path / "away")
            (folder / "pkg").symlink_to(secret)
        return status

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "stat", swap)
        assert _rejection(folder, tmp_path) == "pkg was changed while it was read"


@pytest.mark.parametrize("swapped", ["link", "fifo"])
def test_a_file_swapped_for_something_else_is_not_read(folder: Path, tmp_path: Path, swapped: str) -> None:
    """Nor waited for: a pipe has no end."""
    real = os.stat

    def swap(name: str, *, dir_fd: int | None = None, follow_symlinks: bool = True) -> os.stat_result:
        status = real(name, dir_fd=dir_fd, follow_symlinks=follow_symlinks)
        if name == "main.py":
            (folder / name).unlink()
            (folder / name).symlink_to("/etc/passwd") if swapped == "link" else os.mkfifo(folder / name)
        return status

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "stat", swap)
        assert _rejection(folder, tmp_path) in {"main.py was changed while it was read", "main.py is a special file"}


def test_empty_folders_count_too(folder: Path, tmp_path: Path) -> None:
    """D5: a million folders without a file are a million entries."""
    for number in range(intake.MAX_FILES):
        (folder / f"empty{number}").mkdir()
    assert _rejection(folder, tmp_path) == "more than 5,000 files"


def test_a_path_longer_than_the_system_opens_is_refused(folder: Path, tmp_path: Path) -> None:
    """A learner's fault, never the machine's: nothing that is pushed may make a result ungraded."""
    handle = os.open(folder, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("n" * 250, dir_fd=handle)
        deeper = os.open("n" * 250, os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = deeper
    os.close(handle)
    assert "a name of more than 1,000 bytes" in _rejection(folder, tmp_path)
    shutil.rmtree(folder)


@pytest.mark.parametrize("breaks_off", [False, True])
def test_a_walk_leaves_nothing_open(folder: Path, tmp_path: Path, breaks_off: bool) -> None:
    """Thousands of submissions are taken in by one process."""
    if breaks_off:
        (folder / "zzz").symlink_to("main.py")
    with contextlib.suppress(NotStarted):
        intake.stage(_solution(folder), tmp_path / "copy")
    if Path("/proc/self/fd").exists():
        assert [name for name in _open_files() if name.startswith(str(tmp_path))] == []


def _open_files() -> list[str]:
    found = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the listing's own is gone
            found.append(str(descriptor.readlink()))
    return found


def test_the_solutions_own_folder_may_be_reached_by_a_link(folder: Path, tmp_path: Path) -> None:
    """Where it lies is the user's choice; only what is in it is the learner's."""
    (tmp_path / "here").symlink_to(folder)
    assert intake.stage(_solution(tmp_path / "here"), tmp_path / "copy").digest
