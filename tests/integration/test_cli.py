"""The command `lab` from outside: what goes in, what comes out, with which exit code, and what is left of it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from labrunner.errors import ExitCode
from labrunner.runtimes.process.ports import Ports
from tests import command
from tests.command import Done, lab, processes, start, survivors, that_mention, until
from tests.integration.conftest import copy_of

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
GREETER = ROOT / "tests" / "pack" / "graders" / "greeter"


@pytest.fixture(autouse=True)
def with_the_tiny_pack(pack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a user of further labs has it."""
    monkeypatch.setenv("LAB_PACK", str(pack))


@pytest.fixture
def own_cache(cache: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache by whose name everything that a command starts can be found, and ended."""
    folder = cache / f"cli-{abs(hash(request.node.nodeid)):x}"
    folder.mkdir()
    if (cache / "builds").is_dir():
        (folder / "builds").symlink_to(cache / "builds")
    monkeypatch.setenv("LAB_CACHE", str(folder))
    yield folder
    try:
        until(lambda: not that_mention(str(folder)), "the end of all that the command had started")
    finally:
        command.end(that_mention(str(folder)))


def _told(done: Done, code: int, *says: str) -> None:
    """One sentence and what to do next; no traceback."""
    assert done.code == code, done
    assert "Traceback" not in done.err + done.out
    assert "labrunner itself failed" not in done.err
    for words in says:
        assert words in re.sub(r"\s+", " ", done.err + done.out), done
    if code in {ExitCode.USAGE, ExitCode.ENVIRONMENT, ExitCode.LAB_INVALID}:
        assert 1 <= len(done.err.strip().splitlines()) <= 5, done.err


# -- the way of a learner -----------------------------------------------------------------------------------------


def test_the_way_of_a_learner(tmp_path: Path) -> None:
    """List, start, test, hint, status, spec, mend, test again: each command says what the next one needs."""
    _told(lab("list", cwd=tmp_path), 0, "pack:greeter", "beginner, 1 h, python", "not started: lab start pack:greeter")
    _told(lab("start", "greeter", cwd=tmp_path), 0, "Greeter is ready in", "cd greeter lab test")
    mine = tmp_path / "greeter"
    _told(lab("status", cwd=mine), 0, "Not tested yet: lab test")
    first = lab("test", cwd=mine)
    _told(first, 1, "1 of 10 points", "Expected 200 OK Got 501 Not Implemented", "curl -i http://127.0.0.1:8000/hello/",
          "lab hint greet/says-hello")  # fmt: skip
    assert "\x1b" not in first.out
    _told(lab("hint", cwd=mine), 0, "1. Look at the path.", "1 more")
    _told(lab("hint", "says-hello", cwd=mine), 0, "2. Answer hello, and the name.", "lab spec GR-2")
    _told(lab("spec", cwd=mine), 0, "GR-1: Healthy GR-2: Greeting")
    _told(lab("spec", "gr-2", cwd=mine), 0, "GR-2: Greeting", "curl -i $URL/hello/ada")
    for name in ("main.py", "greeting.py"):
        shutil.copyfile(GREETER / "references" / "python" / name, mine / name)
    _told(lab("test", cwd=mine), 0, "10 of 10 points", "Well done!")
    _told(lab("status", cwd=mine / ".lab"), 0, "10 of 10 points, by the newest verdict")
    _told(lab("list", cwd=tmp_path), 0, f"10 of 10 points in {mine}")
    _told(lab("reset", "main.py", "--yes", cwd=mine), 0, "Brought back main.py", ".lab/backups/")
    assert "Your greeter" in (mine / "main.py").read_text()


def test_a_second_start_says_where_the_first_is(tmp_path: Path) -> None:
    """And does not touch it; elsewhere it may begin again."""
    lab("start", "greeter", cwd=tmp_path)
    (tmp_path / "greeter" / "main.py").write_text("mine")
    _told(lab("start", "greeter", cwd=tmp_path), 2, f"You have started greeter already, in {tmp_path / 'greeter'}")
    _told(lab("start", "greeter", "greeter", cwd=tmp_path), 2, "already there and not empty")
    assert (tmp_path / "greeter" / "main.py").read_text() == "mine"
    _told(lab("start", "greeter", "a b/ü", cwd=tmp_path), 0, "cd 'a b/ü'")


def test_a_start_sees_through_a_path_that_turns_back(tmp_path: Path) -> None:
    """`new/..` is the folder at hand, with what is in it, though there is no `new`."""
    (tmp_path / "main.py").write_text("mine")
    _told(lab("start", "greeter", "new/..", cwd=tmp_path), 2, "already there and not empty")
    assert (tmp_path / "main.py").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["main.py"]


def test_a_reset_asks_first(tmp_path: Path) -> None:
    """Without an answer, or with no, nothing happens."""
    lab("start", "greeter", cwd=tmp_path)
    mine = tmp_path / "greeter"
    (mine / "main.py").write_text("mine")
    for answer, code in (("", 130), ("n\n", 0)):
        assert lab("reset", cwd=mine, stdin=answer).code == code
        assert (mine / "main.py").read_text() == "mine"
    _told(lab("reset", cwd=mine, stdin="y\n"), 0, "Brought back")


# -- bad input ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments, says",
    [
        (("start", "greter"), ("There is no lab 'greter'.", "Did you mean greeter?")),
        (("start", "zzzzzz"), ("There is no lab 'zzzzzz'.", "See `lab list`.")),
        (("start", "greeter", "--lang", "cobol"), ("not offered in 'cobol'", "It is offered in python.")),
        (("start",), ("Missing argument",)),
        (("test",), ("is not inside a solution", "lab start ID")),
        (("grade", "missing"), ("There is no directory missing.", "Give the path")),
        (("run",), ("is not inside a solution",)),
        (("hint",), ("is not inside a solution",)),
        (("tset",), ("There is no command 'tset'. Did you mean 'test'?",)),
        (("test", "--report", "xml"), ("There is no report format 'xml'.", "Known: json")),
        (("test", "--report", "json", "--report", "json"), ("cannot both go to standard output",)),
        (("test", "--seed", "a b"), ("a seed is 1 to 64 characters",)),
        (("test", "--runtime", "magic"), ("'magic' is not one of",)),
        (("list", "--pack", "/nowhere"), ("/nowhere is no pack",)),
        (("validate", "greter"), ("Did you mean greeter?",)),
        (("run", "--port", "99999"), ("99999",)),
        (("--no-such-option",), ("--no-such-option",)),
    ],
)
def test_what_cannot_be_done_is_told_in_a_sentence(
    tmp_path: Path, arguments: tuple[str, ...], says: tuple[str, ...]
) -> None:
    """Exit code 2, what is wrong, what to do next; nothing is written."""
    _told(lab(*arguments, cwd=tmp_path), 2, *says)
    assert [path.name for path in tmp_path.iterdir() if path.name != "state"] == []


@pytest.mark.parametrize(
    "old, new, code, says",
    [
        ("run =", "run = = ", 2, ("solution.toml:3: not valid TOML",)),
        ("run =", "rum =", 2, ("solution.toml:3: unknown key 'rum'", "Did you mean 'run'?")),
        ("run =", "extra = 1\nrun =", 2, ("solution.toml:3: unknown key 'extra'",)),
        ('"greeter"', '"greter"', 2, ("names the lab 'greter', which is not known here", "Did you mean greeter?")),
        ('"python"\n', '"perl"\n', 2, ("solution.toml:2: 'language' must be one of",)),
        ('"python"\n', '"go"\n', 2, ("the lab 'greeter' is not offered in go", "It is offered in python.")),
        ('["python", "main.py"]', "[]", 2, ("solution.toml:3: 'run' must be an array",)),
        ('["python", "main.py"]', '["./nothing.py"]', 2, ("`run` names './nothing.py'", "no such file")),
        ('["python", "main.py"]', '["no-such-program"]', 4, ("'no-such-program' of `run` is not on this machine",)),
        ('["python", "main.py"]', '["\\u001b[2J"]', 4, (r"'\x1b[2J' of `run`",)),
        ('["python", "main.py"]', '["a\\u0000b"]', 4, (r"'a\x00b' of `run`",)),
        ('["python", "main.py"]', '["python", "missing.py"]', 1, ("exited with code 2", "missing.py")),
        ('["python", "main.py"]', '["./main.py"]', 1, ("cannot be started: permission denied",)),
        ("run =", 'build = ["false"]\nrun =', 1, ("`false` ended with code 1",)),
        ("run =", 'build = ["no-such-tool"]\nrun =', 1, ("`no-such-tool` cannot be started",)),
        ("run =", 'build = ["a\\u0000b"]\nrun =', 1, ("cannot be started",)),
        ("run =", 'build = ["sh", "-c", "echo \\u001b[2J; exit 3"]\nrun =', 1, (r"| \x1b[2J", "ended with code 3")),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("own_cache")
def test_a_solution_file_that_is_wrong_is_told_in_a_sentence(
    reference: Path, old: str, new: str, code: int, says: tuple[str, ...]
) -> None:
    """file:line where it is the file; 4 where it is the machine; 1 where it is the service. Nothing is left running."""
    path = reference / "solution.toml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    done = lab("test", cwd=reference)
    assert done.code == code, done
    assert "Traceback" not in done.err
    for words in says:
        assert words in re.sub(r"\s+", " ", done.err + done.out), done
    assert "\x1b" not in done.err + done.out
    assert "\x00" not in done.err + done.out


def test_a_solution_in_a_language_of_its_own_is_judged(reference: Path) -> None:
    """C-1: one program in any language, run with what is on the machine; where imports are forbidden, no."""
    path = reference / "solution.toml"
    own = path.read_text().replace('language = "python"', 'language = "other"')
    path.write_text(own.replace('["python", ', f'["{sys.executable}", '))
    _told(lab("test", "--all", cwd=reference), 0, "10 of 10 points")
    path.write_text(own.replace('"greeter"', '"http-server"'))
    _told(lab("test", cwd=reference), 2, "the lab 'http-server' is not offered in other")


def test_names_from_a_file_reach_the_terminal_escaped(reference: Path) -> None:
    """G7: an instructor grades what others wrote; a key of their file must not speak to the terminal."""
    (reference / "solution.toml").write_text(
        'lab = "greeter"\nlanguage = "python"\nrun = ["x"]\n"\\u001b]0;x\\u0007" = 1\n'
    )
    done = lab("grade", str(reference), cwd=reference)
    _told(done, 2, r"unknown key '\x1b]0;x\x07'")
    assert "\x1b" not in done.err


def test_a_solution_of_another_lab_is_refused(reference: Path) -> None:
    """`lab grade --lab ID` insists."""
    _told(lab("grade", "--lab", "other", cwd=reference), 2, "is a solution of 'greeter', not of 'other'")


@pytest.mark.parametrize("name", ["4", "gret", "greet/polit"])
def test_a_check_that_does_not_exist_is_told(reference: Path, name: str) -> None:
    """With the nearest names."""
    _told(lab("test", name, cwd=reference), 2, f"There is no stage or check '{name}'.")


def test_a_broken_lab_is_its_authors_to_mend(reference: Path, pack: Path, tmp_path: Path) -> None:
    """Exit code 3, with file and line."""
    broken = tmp_path / "broken"
    shutil.copytree(pack, broken)
    path = broken / "labs" / "greeter" / "lab.toml"
    path.write_text(path.read_text().replace("hours = 1", "hours = 0"))
    _told(lab("test", "--pack", str(broken), cwd=reference), 3, "labs/greeter/lab.toml:7: 'hours' must be")


def test_a_lab_without_a_grader_can_be_started_but_not_tested(pack: Path, tmp_path: Path) -> None:
    """What a pack for learners may be."""
    bare = tmp_path / "bare"
    shutil.copytree(pack, bare, ignore=shutil.ignore_patterns("graders"))
    _told(lab("start", "greeter", "mine", "--pack", str(bare), cwd=tmp_path), 0, "is ready")
    _told(lab("test", "--pack", str(bare), cwd=tmp_path / "mine"), 3, "holds no grader for 'greeter'")


# -- the machine --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", ["file/mine", "/proc/mine"])
def test_a_place_that_cannot_be_written_is_told(tmp_path: Path, folder: str) -> None:
    """Below a file, or where even root may not: 4, and nothing half-made."""
    (tmp_path / "file").write_text("x")
    _told(lab("start", "greeter", folder, cwd=tmp_path), 4, "cannot be written")


def test_a_name_that_is_too_long_is_told(tmp_path: Path) -> None:
    """As the system says it."""
    _told(lab("start", "greeter", "x" * 300, cwd=tmp_path), 4, "File name too long")


def test_a_cache_that_cannot_be_made_is_told(reference: Path) -> None:
    """With the variable that names another."""
    _told(lab("test", cwd=reference, env={"LAB_CACHE": "/proc/nowhere"}), 4, "cannot be made", "LAB_CACHE")


def test_a_report_that_cannot_be_written_is_told_after_the_verdict(reference: Path) -> None:
    """The verdict is not lost."""
    done = lab("test", "greet/healthy", "--report", "json=/proc/r.json", cwd=reference)
    assert done.code == 4
    assert "1 passed" in done.out
    assert "/proc/r.json cannot be written" in done.err


@pytest.fixture
def tiny_disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A file system with room for almost nothing."""
    size = getattr(request, "param", "16k")
    folder = tmp_path / "tiny"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("only root may mount a full disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_told_and_leaves_nothing_half_made(tiny_disk: Path) -> None:
    """H3: `lab start` writes all or nothing."""
    (tiny_disk / "filler").write_bytes(b"x" * 8192)
    _told(lab("start", "greeter", "mine", cwd=tiny_disk), 4, "No space left on device")
    assert [path.name for path in tiny_disk.iterdir()] == ["filler"]


def test_a_full_cache_is_told(tiny_disk: Path, reference: Path, cache: Path) -> None:
    """The copy of the solution finds no room: 4, one sentence, nothing running."""
    (reference / "big").write_bytes(b"x" * 65536)
    _told(lab("test", cwd=reference, env={"LAB_CACHE": str(tiny_disk)}), 4, "No space left on device")
    assert not that_mention(str(tiny_disk))


@pytest.mark.parametrize("tiny_disk", ["128k"], indirect=True)
def test_a_result_that_finds_no_room_leaves_the_old_one(tiny_disk: Path, reference: Path) -> None:
    """H3: the page is shown, the old result is intact."""
    mine = copy_of(reference, tiny_disk / "mine")
    (mine / ".lab").mkdir()
    (mine / ".lab" / "result.json").write_text("{}")
    (mine / ".lab" / "lock").write_text("1")
    with (tiny_disk / "filler").open("wb", buffering=0) as filler, contextlib.suppress(OSError):
        while True:
            filler.write(b"x" * 512)
    done = lab("test", "greet/healthy", cwd=mine)
    assert done.code == 4, done
    assert "Traceback" not in done.err
    assert "1 passed" in done.out
    assert "No space left" in done.err
    assert (mine / ".lab" / "result.json").read_text() == "{}"


def test_a_port_that_is_taken_is_told(reference: Path) -> None:
    """`lab run` names it, and how to choose another."""
    import socket  # noqa: PLC0415

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        _told(lab("run", "--port", port, cwd=reference), 4, f"Port {port} cannot be used", "--port")


def test_a_second_run_in_one_solution_is_refused(reference: Path, own_cache: Path) -> None:
    """H8: it says who is at work."""
    _slow(reference)
    first = start("test", cwd=reference)
    until(lambda: bool(that_mention(str(own_cache / "runs"))), "the first run")
    done = lab("test", cwd=reference)
    first.send_signal(signal.SIGINT)
    command.finish(first)
    _told(done, 2, f"Another lab command (process {first.pid}) is at work")


def test_the_doctor_says_what_it_looked_at(tmp_path: Path) -> None:
    """Each finding a line. What Docker lacks on this machine, or others left in it, is not this test's."""
    done = lab("doctor", cwd=tmp_path)
    assert done.code in {0, 4}
    for words in ("Python 3", "loopback connections work", "process runtime", "cache at", "Node for", "Go for"):
        assert f"✓ {words}" in done.out
    assert (done.code == 4) == ("✗" in done.out)
    assert "Traceback" not in done.err


# -- the end, before the end --------------------------------------------------------------------------------------


def _slow(folder: Path) -> None:
    """A service that answers the first check at once and the others never; it has a daemon, and is deaf to SIGTERM."""
    path = folder / "main.py"
    text = path.read_text()
    assert "    def do_GET(self) -> None:\n" in text
    path.write_text(
        text.replace(
            "    def do_GET(self) -> None:\n",
            "    def do_GET(self) -> None:\n        import time\n        if 'hello' in self.path: time.sleep(600)\n",
        ).replace(
            "def main() -> None:\n",
            "def main() -> None:\n    import subprocess\n    subprocess.Popen(['setsid', sys.executable, '-c',"
            " 'import time; time.sleep(600)'])\n",
        )
    )


def _moments(own_cache: Path) -> dict[str, Any]:
    runs = own_cache / "runs"
    return {
        "at once": lambda: runs.is_dir() and any(runs.iterdir()),
        "while starting": lambda: any("solution" in str(path) for path in runs.glob("*/solution")),
        "while checking": lambda: len(that_mention(str(runs))) >= 3,
    }


@pytest.mark.parametrize("moment", ["at once", "while starting", "while checking"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_run_ends_everything_and_keeps_what_it_knew(
    reference: Path, own_cache: Path, moment: str, number: signal.Signals
) -> None:
    """H4: 130 at any moment, nothing left running, no traceback; the partial result is kept when there is one."""
    _slow(reference)
    process = start("test", "--all", cwd=reference)
    until(_moments(own_cache)[moment], moment)
    family = processes(process.pid)
    os.killpg(process.pid, number)
    done = command.finish(process)
    # Python ends itself by SIGINT where it was just making a dataclass; to a shell both are 130.
    assert done.code in {130, -signal.SIGINT}, done
    assert "Traceback" not in done.err
    until(lambda: not survivors(family), "the end of all it had started")
    until(lambda: not that_mention(str(own_cache)), "the end of what began meanwhile")
    assert list((own_cache / "runs").iterdir()) == []
    result = reference / ".lab" / "result.json"
    if moment == "while checking":
        stored = json.loads(result.read_text())
        assert stored["interrupted"]
        assert "Interrupted: what was known until then is kept." in done.out
    elif result.exists():
        assert json.loads(result.read_text())["interrupted"]


def test_an_interrupted_grade_is_handed_to_nobody(reference: Path, own_cache: Path, tmp_path: Path) -> None:
    """No envelope, nothing kept by content, and no score in what was written."""
    _slow(reference)
    envelope, store, page = (tmp_path / name for name in ("envelope.json", "store", "result.json"))
    process = start(
        "grade", "--runtime", "process", "--allow-weak-isolation", "--owner", "ada", "--envelope", str(envelope),
        "--store", str(store), "--report", f"json={page}", cwd=reference,
    )  # fmt: skip
    until(_moments(own_cache)["while checking"], "checks")
    os.killpg(process.pid, signal.SIGINT)
    done = command.finish(process)
    assert done.code == 130, done
    assert json.loads(page.read_text())["score"]["value"] is None
    assert not envelope.exists()
    assert not store.exists() or list(store.iterdir()) == []


def test_a_killed_run_leaves_no_process(reference: Path, own_cache: Path) -> None:
    """H5: SIGKILL to the runner at several moments: services, daemons, checks and supervisors end by themselves."""
    _slow(reference)
    for moment, reached in _moments(own_cache).items():
        process = start("test", cwd=reference)
        until(reached, moment)
        family = processes(process.pid)
        process.kill()
        command.finish(process)
        until(lambda family=family: not survivors(family), f"the end of all that was started {moment}")  # type: ignore[misc]
        until(lambda: not that_mention(str(own_cache)), f"the end of daemons started {moment}")


def test_what_a_killed_run_left_is_swept_by_the_next(reference: Path, own_cache: Path) -> None:
    """H5: folders of dead runs go; those of living ones stay."""
    _slow(reference)
    process = start("test", cwd=reference)
    until(_moments(own_cache)["while checking"], "the checks")
    process.kill()
    command.finish(process)
    (dead,) = (own_cache / "runs").iterdir()
    lab("test", "greet/healthy", cwd=reference)
    assert not dead.exists()


def test_a_killed_build_leaves_no_process(reference: Path, own_cache: Path) -> None:
    """H5: nor does an interrupted one; what the build forked included."""
    toml = reference / "solution.toml"
    script = f"setsid sleep 600 & echo {own_cache} > /dev/null; sleep 600"
    toml.write_text(toml.read_text() + f'build = ["sh", "-c", "{script}"]\n')
    for number in (signal.SIGKILL, signal.SIGINT):
        process = start("test", cwd=reference)
        until(lambda: bool(that_mention(f"echo {own_cache}")), "the build")
        until(lambda process=process: len(processes(process.pid)) >= 4, "what the build forks")  # type: ignore[misc]
        family = processes(process.pid)
        process.send_signal(number)
        command.finish(process)
        until(lambda family=family: not survivors(family), "the end of the build")  # type: ignore[misc]


def test_a_build_leaves_no_process_when_it_ends(reference: Path, own_cache: Path) -> None:
    """Whatever it put in the background."""
    toml = reference / "solution.toml"
    script = f"(exec -a {own_cache}/left sleep 600) & setsid sh -c 'exec sleep 600 {own_cache}' & exit 0"
    toml.write_text(toml.read_text() + f'build = ["bash", "-c", "{script}"]\n')
    lab("test", "greet/healthy", cwd=reference)
    assert not that_mention(str(own_cache))


def test_lab_run_serves_until_it_is_interrupted(reference: Path, own_cache: Path) -> None:
    """Its address, its variables, the first lines to try, its log; Ctrl-C ends it, 130."""
    import socket  # noqa: PLC0415
    import urllib.request  # noqa: PLC0415

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = start("run", "--port", str(port), "--seed", "s", cwd=reference, env={"PYTHONUNBUFFERED": "1"})
    assert process.stdout is not None
    lines: list[str] = []
    while not lines or "curl" not in lines[-1]:
        lines.append(process.stdout.readline().decode())
        assert lines[-1], process.stderr
    text = "".join(lines)
    assert "GREETING=" in text
    assert f"Ready at http://127.0.0.1:{port}" in text
    assert f"curl -i http://127.0.0.1:{port}/healthz" in text
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/hello/ada", timeout=30) as answer:
        assert answer.status == 200
    os.killpg(process.pid, signal.SIGINT)
    done = command.finish(process)
    assert done.code == 130
    assert "| 127.0.0.1 - - " in done.out
    assert "Traceback" not in done.err


def test_lab_run_of_a_service_that_ends_says_how(reference: Path, own_cache: Path) -> None:
    """Before it is ready, or after."""
    (reference / "main.py").write_text("print('bye'); raise SystemExit(7)")
    done = lab("run", "--port", "0", cwd=reference)
    assert done.code == 2  # port 0 is none
    with contextlib.closing(Ports("127.0.0.1")) as ports:
        done = lab("run", "--port", str(ports.reserve()), cwd=reference)
    assert done.code == 1
    assert "exited with code 7" in done.err


def test_a_reader_who_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    """`lab list | head -1`."""
    argv = f"{sys.executable} -m labrunner list | head -c 1"
    done = subprocess.run(["bash", "-c", argv], cwd=tmp_path, capture_output=True, timeout=60,
                          env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)  # fmt: skip
    assert len(done.stdout) == 1
    assert done.stderr == b""


def test_a_shell_that_completes_is_answered(tmp_path: Path) -> None:
    """What `lab completion` prints asks `lab` itself, by variables."""
    asked = {"_LAB_COMPLETE": "bash_complete", "COMP_WORDS": "lab st", "COMP_CWORD": "1"}
    assert lab(cwd=tmp_path, env=asked).out == "plain,start\nplain,status\n"


# -- reports ------------------------------------------------------------------------------------------------------

SCHEMA = ROOT / "docs" / "result.schema.json"


def _valid(text: str | bytes) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(text)
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text())).validate(result)
    return result


def test_a_report_to_standard_output_is_nothing_but_json(reference: Path) -> None:
    """The page for people goes to standard error then; both are whole."""
    done = lab("test", "--report", "json", "--seed", "abc", cwd=reference)
    assert done.code == 0
    result = _valid(done.out)
    assert result["seed"] == "abc"
    assert result["score"] == {"earned": 10, "possible": 10, "value": 1.0}
    assert "10 of 10 points" in done.err


def test_reports_to_files_and_standard_output_agree(reference: Path, tmp_path: Path) -> None:
    """One run, one result, also in .lab/."""
    target = tmp_path / "new folder" / "r.json"
    done = lab("test", "--report", f"json={target}", "--report", "json=-", cwd=reference)
    assert done.code == 0
    assert _valid(target.read_text()) == json.loads(done.out)
    assert json.loads((reference / ".lab" / "result.json").read_text()) == json.loads(done.out)


def test_a_report_to_a_device_does_not_replace_it(reference: Path) -> None:
    """`--report json=/dev/stdout` as people type it."""
    done = lab("test", "greet/healthy", "--report", "json=/dev/stdout", cwd=reference)
    assert done.code == 0
    assert '"lab": "greeter"' in done.out
    assert Path("/dev/stdout").is_symlink()


@pytest.mark.parametrize("case", ["failing", "crashing", "not-starting", "broken-grader"])
def test_every_result_that_is_written_fits_the_schema(reference: Path, tmp_path: Path, pack: Path, case: str) -> None:
    """Whatever happened; and the exit code says what."""
    code, extra = 1, list[str]()
    match case:
        case "failing":
            shutil.copyfile(GREETER / "mutants" / "nameless" / "greeting.py", reference / "greeting.py")
        case "crashing":
            shutil.copyfile(GREETER / "mutants" / "crashes" / "greeting.py", reference / "greeting.py")
        case "not-starting":
            (reference / "main.py").write_text(
                "print('\\x1b[2J \\ud800' .encode('utf-8', 'replace')); raise SystemExit(3)"
            )
        case _:
            broken = tmp_path / "broken"
            shutil.copytree(pack, broken)
            (broken / "graders" / "greeter" / "test_02_stay.py").write_text("def test_(: pass")
            code, extra = 3, ["--pack", str(broken)]
    target = tmp_path / "r.json"
    done = lab("test", "--all", "--report", f"json={target}", *extra, cwd=reference)
    assert done.code == code, done
    result = _valid(target.read_text())
    assert (result["score"]["value"] is None) == (case == "broken-grader")


def test_the_documented_schema_is_current() -> None:
    """`scripts/schema` writes it anew."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "schema"), "--check"], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()


def test_a_grade_wants_strong_isolation_unless_told(reference: Path, tmp_path: Path) -> None:
    """Never silently weaker; and the result says what it was."""
    _told(lab("grade", cwd=reference), 4, "a grade needs 'strong'", "--allow-weak-isolation")
    target = tmp_path / "r.json"
    done = lab("grade", str(reference), "--allow-weak-isolation", "--report", f"json={target}", cwd=tmp_path)
    assert done.code == 0
    assert _valid(target.read_text())["isolation"] in {"partial", "none"}


def test_options_can_be_given_as_variables(reference: Path) -> None:
    """CI sets them once."""
    done = lab("test", "greet/healthy", cwd=reference, env={"LAB_SEED": "from-env", "LAB_REPORT": "json"})
    assert _valid(done.out)["seed"] == "from-env"


def test_a_lab_is_proved_by_its_own_solutions(tmp_path: Path) -> None:
    """`lab validate`: the tiny lab is valid, and says so in a line."""
    _told(lab("validate", "greeter", "--runs", "1", cwd=tmp_path), 0, "greeter is valid")


# -- what a start costs -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("list",), ("test", "--help"), ("status",)])
def test_light_commands_import_nothing_heavy(reference: Path, arguments: tuple[str, ...]) -> None:
    """Only click, the standard library and our own light rooms: `lab --help` starts at once."""
    program = (
        "import sys, json\n"
        "before = set(sys.modules)\n"
        "from labrunner.cli.ending import run\n"
        f"sys.argv = ['lab', *{list(arguments)!r}]\n"
        "code = run()\n"
        "names = sorted({name.split('.')[0] for name in set(sys.modules) - before})\n"
        "ours = sorted(name for name in sys.modules if name.startswith('labrunner.'))\n"
        "print(json.dumps([code, names, ours]), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=reference, capture_output=True, timeout=60, text=True,
                          env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)  # fmt: skip
    code, names, ours = json.loads(done.stderr.splitlines()[-1])
    assert code == 0
    foreign = {name for name in names if name not in sys.stdlib_module_names and not name.startswith("_")}
    assert foreign <= {"click", "labrunner"}
    heavy = ("checks", "grading", "reports", "runtimes", "suites", "wiring", "authoring")
    assert [name for name in ours if name.split(".")[1] in heavy] == []
    assert "asyncio" not in names
