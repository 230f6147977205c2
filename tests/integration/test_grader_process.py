"""The process that holds a grader: where it finds its way, and what is told when it does not come up."""

from __future__ import annotations

import os
import shlex
import signal
import site
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from labrunner import cli
from labrunner.errors import ExitCode
from labrunner.ports import SuiteBroken
from labrunner.suites import spawn
from labrunner.suites.spawn import Spawned
from labrunner.suites.suite import PytestSuite
from tests.command import PATIENCE, finish, is_alive, lab, processes, start, survivors, until

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.command import Process

ROOT = Path(__file__).parents[2]
WORDS = "libpython3.so: cannot open shared object file"


@pytest.fixture(autouse=True)
def _pack(pack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_PACK", str(pack))


@pytest.fixture
def broken_python(tmp_path: Path) -> Path:
    """An interpreter that starts everything but a grader's process, as one that lacks something starts nothing."""
    path = tmp_path / "python"
    path.write_text(
        f'#!/bin/sh\ncase "$*" in *suites*) echo "{WORDS}" >&2; exit 127;; esac\nexec {shlex.quote(sys.executable)} "$@"\n'
    )
    path.chmod(0o755)
    return path


def _main(
    arguments: list[str], cwd: Path, *before: str, stdout: int = subprocess.PIPE
) -> subprocess.CompletedProcess[str]:
    """`lab` in a process of its own, with something done to it before."""
    program = ["import sys", *before, f"sys.argv = {['lab', *arguments]!r}", "from labrunner.cli import main", "main()"]
    return subprocess.run([sys.executable, "-c", "\n".join(program)], cwd=cwd, stdout=stdout, stderr=subprocess.PIPE,
                          env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=PATIENCE, text=True, check=False)  # fmt: skip


# -- it dies ------------------------------------------------------------------------------------------------------


def test_one_that_is_gone_before_its_order_comes_is_a_broken_suite(
    broken_python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its last words; and it is buried."""
    monkeypatch.setattr(sys, "executable", str(broken_python))
    early = Spawned()
    assert early.end.recv(1) == b""  # it has ended
    with pytest.raises(SuiteBroken, match=f"the grader's process is gone: .*{WORDS}"):
        PytestSuite(tmp_path, "seed", tmp_path / "work", early=early)
    early.close()
    assert early.last_words() == "it was ended"


@pytest.mark.parametrize("command", [["test"], ["grade", "--allow-weak-isolation"]])
def test_a_run_without_one_is_no_success(reference: Path, broken_python: Path, command: list[str]) -> None:
    """CI must not go green without a result: exit code 3, one sentence, the process's last words, no traceback."""
    done = _main(command, reference, f"sys.executable = {str(broken_python)!r}")
    assert done.returncode == ExitCode.LAB_INVALID, done
    assert WORDS in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_one_that_is_gone_before_its_check_in_the_foreground_is_a_broken_suite(tmp_path: Path) -> None:
    """`lab validate --pdb`: the author is told, not left with a prompt."""
    grader = tmp_path / "grader"
    grader.mkdir()
    (grader / "test_01_first.py").write_text("def test_a(): pass")
    suite = PytestSuite(grader, "seed", tmp_path / "work", foreground=())
    assert suite.checks() == ("first/a",)
    suite.close()
    with pytest.raises(SuiteBroken, match="the grader's process is gone: it was ended"):
        suite.run("first/a", attempt=0, service={}, bench=_NoBench())


class _NoBench:
    def call(self, action: str, arguments: Mapping[str, object]) -> dict[str, object]:
        raise LookupError(action)


# -- who reads what we write --------------------------------------------------------------------------------------


def _unread() -> int:
    """The write end of a pipe that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    return writer


@pytest.mark.parametrize("arguments", [["list"], ["test", "--report", "json"]])
def test_output_that_nobody_reads_is_no_success(reference: Path, arguments: list[str]) -> None:
    """`lab ... | head`: quiet, but 141 as a shell tells of such an end; a failing run must not seem to have passed."""
    (reference / "main.py").write_text("raise SystemExit(7)")
    writer = _unread()
    try:
        done = _main(arguments, reference, stdout=writer)
    finally:
        os.close(writer)
    assert done.returncode == ExitCode.UNREAD, done
    assert "Traceback" not in done.stderr


def test_another_broken_pipe_is_told(tmp_path: Path) -> None:
    """Only a reader of ours may go without a word; what else breaks is a fault, and no success."""
    broken = [
        "from labrunner.cli.app import app",
        "def broken(*_): raise BrokenPipeError(32, 'Broken pipe')",
        "app.invoke = broken",
    ]
    done = _main(["list"], tmp_path, *broken)
    assert done.returncode == ExitCode.UNDECIDED, done
    assert "labrunner itself failed: BrokenPipeError" in done.stderr


def test_output_that_finds_no_room_is_no_success(tmp_path: Path) -> None:
    """`lab list > /dev/full`."""
    with Path("/dev/full").open("wb") as full:
        done = _main(["list"], tmp_path, stdout=full.fileno())
    assert done.returncode == ExitCode.ENVIRONMENT, done
    assert "No space left on device" in done.stderr


# -- where it finds its way ---------------------------------------------------------------------------------------


def test_an_installation_of_the_users_own_is_found(reference: Path, tmp_path: Path) -> None:
    """`pip install --user`: the child, which must not look into the user's folders, is told where we were found."""
    home = tmp_path / "home"
    packages = Path(sysconfig.get_path("purelib", "posix_user", vars={"userbase": str(home)}))
    packages.parent.mkdir(parents=True)
    packages.symlink_to(site.getsitepackages()[0])
    base = getattr(sys, "_base_executable", sys.executable)
    done = subprocess.run([base, "-P", "-m", "labrunner", "test", "--all"], cwd=reference, capture_output=True, timeout=PATIENCE, text=True,
                          env={"PATH": os.defpath, "PYTHONUSERBASE": str(home)} | _ours(), check=False)  # fmt: skip
    assert done.returncode == 0, done


def test_an_installation_that_a_variable_names_is_found(reference: Path, tmp_path: Path) -> None:
    """PYTHONPATH, which the child does not get to see."""
    packages = tmp_path / "packages"
    packages.mkdir()
    for entry in Path(site.getsitepackages()[0]).iterdir():
        (packages / entry.name).symlink_to(entry)
    for name in ("labrunner", "labs", "graders", "scaffolds"):
        (packages / name).symlink_to(ROOT / name)
    base = getattr(sys, "_base_executable", sys.executable)
    done = subprocess.run([base, "-s", "-P", "-m", "labrunner", "test", "--all"], cwd=reference, capture_output=True, timeout=PATIENCE,
                          text=True, env={"PATH": os.defpath, "PYTHONPATH": str(packages)} | _ours(), check=False)  # fmt: skip
    assert done.returncode == 0, done


def _ours() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith("LAB_")}


def test_a_learners_folder_is_never_imported_from(reference: Path) -> None:
    """C4: modules of the learner's that are called like those that the grader imports stay unread."""
    for name in ("_pytest", "conftest", "httpx", "os", "pytest", "sitecustomize", "usercustomize"):
        (reference / f"{name}.py").write_text("raise SystemExit('the learner was here')")
    done = lab("test", "--all", cwd=reference, env={"PYTHONSAFEPATH": "1"})
    assert done.code == 0, done


def test_what_was_open_around_us_is_closed(tmp_path: Path) -> None:
    """A pipe of the caller's must not stay open because a grader's process has it too."""
    grader = tmp_path / "grader"
    grader.mkdir()
    (grader / "environment.py").write_text(
        "import os\n"
        "def names(): return (entry.path for entry in os.scandir('/proc/self/fd'))\n"
        "def environment(rng): return {'OPEN': ' '.join(os.readlink(name) for name in names() if os.path.lexists(name))}\n"
    )
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    suite = PytestSuite(grader, "seed", tmp_path / "work", with_checks=False)
    try:
        held = suite.environment()["OPEN"]
        assert "memfd:" in held
        assert f"pipe:[{os.fstat(writer).st_ino}]" not in held
    finally:
        suite.close()
        os.close(reader)
        os.close(writer)


# -- spawned ahead ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments, is_asked",
    [
        (["test"], True),
        (["test", "1", "--report", "json"], True),
        (["grade", "somewhere"], True),
        (["test", "-h"], False),
        (["grade", "--help"], False),
        (["status"], False),
        (["--version"], False),
        ([], False),
    ],
)
def test_only_a_run_has_one_spawned(arguments: list[str], is_asked: bool) -> None:
    """`lab --help` and its like stay as quick as they are."""
    assert cli._wants_a_grader(arguments) is is_asked


def test_a_run_takes_the_one_that_was_spawned_ahead() -> None:
    """And no second one; at its end it is buried, with its forks."""
    spawn.ahead()
    (waiting,) = spawn._ahead
    with spawn.early() as first, spawn.early() as second:
        assert first is waiting
        assert second is not waiting
        assert is_alive(first.pid)
    spawn.dismiss()
    for each in (first, second):
        with pytest.raises(ChildProcessError):
            os.waitpid(each.pid, 0)


def test_one_that_nobody_takes_is_ended_and_buried() -> None:
    """No zombie stays."""
    spawn.ahead()
    (child,) = spawn._ahead
    spawn.dismiss()
    assert spawn._ahead == []
    with pytest.raises(ChildProcessError):
        os.waitpid(child.pid, 0)


@pytest.mark.parametrize("arguments", [["--no-such-option"], ["--seed", "a b"], [], ["--runtime", "magic"]])
def test_a_command_that_comes_to_nothing_leaves_nothing(tmp_path: Path, arguments: list[str]) -> None:
    """Mistyped, or outside of a solution: a sentence, 2, and no process."""
    process = start("test", *arguments, cwd=tmp_path)
    family: set[Process] = set()
    while process.poll() is None:
        family |= processes(process.pid)
    assert finish(process).code == ExitCode.USAGE
    assert family
    until(lambda: not survivors(family), "the end of all it had started")


def test_one_whose_runner_is_killed_ends_by_itself(tmp_path: Path) -> None:
    """At any moment, from the first."""
    runner = os.fork()
    if runner == 0:
        try:
            spawn.ahead()
            (tmp_path / "pid").write_text(str(spawn._ahead[0].pid))
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(runner, 0)
    pid = int((tmp_path / "pid").read_text())
    until(lambda: not is_alive(pid), "the end of the grader's process")


def test_it_is_spawned_before_anything_is_imported_and_a_run_imports_what_it_needs(reference: Path) -> None:
    """What takes longest begins first; and no check waits for what measures load, or speaks HTTP to companions."""
    watched = [
        "from labrunner.suites import spawn",
        "began = spawn.ahead",
        "def ahead(): print('click' in sys.modules, file=sys.stderr); began()",
        "spawn.ahead = ahead",
        "import os",
        "left = os._exit",
        "unneeded = ('http.client', 'labrunner.loadtest.measure', 'statistics')",
        "def leave(code): print([n for n in unneeded if n in sys.modules], file=sys.stderr, flush=True); left(code)",
        "os._exit = leave",
    ]
    done = _main(["test"], reference, *watched)
    assert done.returncode == 0, done
    assert done.stderr.split("\n", 1)[0] == "False"
    assert done.stderr.splitlines()[-1] == "[]"
