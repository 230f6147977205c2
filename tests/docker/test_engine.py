"""Finding the engine as `docker` finds it, and one sentence for each way in which it is not there."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from testcontainers.core.config import testcontainers_config
from testcontainers.core.docker_client import get_docker_host

from labrunner.errors import EnvironmentProblem
from labrunner.runtimes.docker import address
from labrunner.runtimes.docker.engine import connect
from labrunner.runtimes.docker.recipes import RECIPES
from tests.docker.harness import belongings, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from labrunner.runtimes.docker.address import Address

PACK = Path(__file__).parents[1] / "pack"
REFERENCE = PACK / "graders/greeter/references/python"


def _environ(tmp_path: Path, **variables: str) -> dict[str, str]:
    return {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path), **variables}


def test_docker_host_comes_first(tmp_path: Path) -> None:
    """Whatever the context says."""
    found = address.find(_environ(tmp_path, DOCKER_HOST="unix:///somewhere", DOCKER_CONTEXT="work"))
    assert found == address.Address("unix:///somewhere", "DOCKER_HOST")


@pytest.mark.parametrize("by", ["variable", "file"])
def test_the_current_context_is_followed(tmp_path: Path, by: str) -> None:
    """By DOCKER_CONTEXT, or as `docker context use` wrote it."""
    meta = tmp_path / ".docker/contexts/meta" / hashlib.sha256(b"work").hexdigest() / "meta.json"
    meta.parent.mkdir(parents=True)
    meta.write_text(json.dumps({"Name": "work", "Endpoints": {"docker": {"Host": "unix:///work.sock"}}}))
    (tmp_path / ".docker/config.json").write_text(json.dumps({"currentContext": "work" if by == "file" else "default"}))
    variables = {"DOCKER_CONTEXT": "work"} if by == "variable" else {}
    found = address.find(_environ(tmp_path, DOCKER_CONFIG=str(tmp_path / ".docker"), **variables))
    assert found == address.Address("unix:///work.sock", "context 'work'")


def test_a_context_that_names_no_engine(tmp_path: Path) -> None:
    """The context and its file are named."""
    with pytest.raises(EnvironmentProblem, match=r"context is 'gone', but .*meta\.json names no engine"):
        address.find(_environ(tmp_path, DOCKER_CONFIG=str(tmp_path), DOCKER_CONTEXT="gone"))


@pytest.mark.parametrize("host", ["ssh://me@elsewhere", "tcp://192.0.2.7:2375"])
def test_an_engine_on_another_machine_is_refused(tmp_path: Path, host: str) -> None:
    """Its services could not be reached on loopback."""
    with pytest.raises(EnvironmentProblem, match="is not on this machine"):
        address.find(_environ(tmp_path, DOCKER_HOST=host))


def test_no_socket_there(tmp_path: Path) -> None:
    """The path, and how to start it."""
    with pytest.raises(EnvironmentProblem, match="No Docker engine answers at /nowhere") as caught:
        address.reach(_environ(tmp_path, DOCKER_HOST="unix:///nowhere"))
    assert "--runtime process" in caught.value.hint


def test_nobody_behind_the_socket(tmp_path: Path) -> None:
    """A socket that an engine left behind."""
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with pytest.raises(EnvironmentProblem, match="Connection refused"):
        address.reach(_environ(tmp_path, DOCKER_HOST=f"unix://{path}"))


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", b"SSH-2.0-OpenSSH\r\n", b""],
    ids=["500", "ssh", "closed"],
)
def test_something_else_behind_the_socket(tmp_path: Path, answer: bytes) -> None:
    """What is no engine is called none."""
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()

        def serve() -> None:
            client, _ = server.accept()
            with client:
                client.recv(1000)
                client.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(EnvironmentProblem, match="engine"):
            address.reach(_environ(tmp_path, DOCKER_HOST=f"unix://{path}"))
        thread.join()


def test_the_environment_stays_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads of other runs may be reading it: a process that writes it beside them can crash (setenv(3))."""
    for name in ("DOCKER_HOST", "TESTCONTAINERS_RYUK_DISABLED"):
        monkeypatch.delenv(name, raising=False)
    before = dict(os.environ)
    with contextlib.closing(connect()) as engine:
        assert os.environ == before
        # What these said is known all the same.
        assert testcontainers_config.ryuk_disabled
        assert get_docker_host() == engine.address.url


def test_without_permission(tmp_path: Path, where: Address) -> None:
    """The sentence says so. Root is never refused, so an unprivileged child asks."""
    if os.geteuid() != 0:
        pytest.fail("needs root to give up")
    path = tmp_path / "s"
    for folder in [tmp_path, *tmp_path.parents][:-2]:
        folder.chmod(0o755)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        path.chmod(0o600)
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.setuid(65534)
            try:
                address.reach(_environ(tmp_path, DOCKER_HOST=f"unix://{path}"))
            except EnvironmentProblem as fault:
                os.write(write, fault.message.encode())
            os._exit(0)
        os.close(write)
        told = os.read(read, 1000).decode()
        os.waitpid(pid, 0)
        os.close(read)
    assert "permission denied" in told


# --- through the command ------------------------------------------------------------------------


@pytest.fixture
def solution(tmp_path: Path) -> Path:
    """The tiny lab's reference, as a learner's directory."""
    return Path(shutil.copytree(REFERENCE, tmp_path / "greeter"))


def _lab(solution: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "labrunner", *arguments, "--pack", str(PACK)]
    environment = {**os.environ, **variables}
    return subprocess.run(argv, cwd=solution, env=environment, capture_output=True, text=True, timeout=300, check=False)


def test_a_test_in_containers_passes_the_reference(where: Address, solution: Path) -> None:
    """The same checks, the same verdicts, isolation strong."""
    done = _lab(solution, "test", "--all", "--runtime", "docker", "--report", "json=result.json")
    assert done.returncode == 0, done.stderr
    result = json.loads((solution / "result.json").read_text())
    assert result["runtime"] == "docker"
    assert result["isolation"] == "strong"
    assert result["score"]["value"] == 1


def test_a_learners_own_dockerfile_is_graded(where: Address, solution: Path) -> None:
    """C-1: one program in any language: built, run as the image says, judged by the same checks."""
    (solution / "solution.toml").write_text('lab = "greeter"\nlanguage = "dockerfile"\n')
    image = RECIPES["python"].tag
    (solution / "Dockerfile").write_text(f'FROM {image}\nWORKDIR /app\nCOPY . .\nCMD ["python3", "main.py"]\n')
    done = _lab(solution, "test", "--all")
    assert done.returncode == 0, done.stderr
    assert "10 of 10 points" in done.stdout


def test_auto_takes_docker_where_it_can(where: Address, solution: Path) -> None:
    """And says nothing about it."""
    done = _lab(solution, "test")
    assert done.returncode == 0
    assert "docker runtime" in done.stdout
    assert done.stderr == ""


def test_auto_without_an_engine_says_so_and_goes_on(solution: Path) -> None:
    """One line: what that means, and what to type."""
    done = _lab(solution, "test", DOCKER_HOST="unix:///nowhere")
    assert done.returncode == 0
    assert "process runtime" in done.stdout
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("Without containers (process runtime)")


def test_docker_asked_for_and_absent_is_one_sentence(solution: Path) -> None:
    """Exit code 4, never a silent fallback."""
    done = _lab(solution, "test", "--runtime", "docker", DOCKER_HOST="unix:///nowhere")
    assert done.returncode == 4
    assert done.stderr.startswith("Error: No Docker engine answers at /nowhere")
    assert "Traceback" not in done.stderr


def test_a_grade_never_falls_back(solution: Path) -> None:
    """`lab grade` with `auto` and no engine is refused with the reason."""
    done = _lab(solution, "grade", DOCKER_HOST="unix:///nowhere")
    assert done.returncode == 4
    assert "No Docker engine answers at /nowhere" in done.stderr


def test_a_grade_in_containers_needs_no_excuse(where: Address, solution: Path) -> None:
    """Isolation is strong there."""
    assert _lab(solution, "grade").returncode == 0


def test_an_engine_that_stops_in_the_middle_is_nobodys_fault(where: Address, solution: Path, tmp_path: Path) -> None:
    """The engine's socket dies during the run: errored, never failed; score null; one sentence; nothing left behind."""
    before = belongings(where)["containers"]
    argv = ("test", "--all", "--runtime", "docker", "--report", "json=result.json")
    with _cut_off_engine(where, tmp_path / "proxy.sock") as (url, cut), ThreadPoolExecutor(1) as background:
        running = background.submit(_lab, solution, *argv, DOCKER_HOST=url)
        wait_for(lambda: len(belongings(where)["containers"] - before) >= 2)
        cut()
        done = running.result()
    assert done.returncode in {4, 5}, done.stderr
    assert "Traceback" not in done.stderr
    path = solution / "result.json"
    if path.exists():
        result = json.loads(path.read_text())
        assert result["score"]["value"] is None
        assert not [check for check in result["checks"] if check["outcome"]["status"] == "failed"]
    # Its reaper talks through the same dead socket; what is left bears a dead owner's name.
    cleaned = subprocess.run(
        [sys.executable, "-m", "labrunner", "doctor", "--clean"], capture_output=True, text=True, check=False
    )
    assert re.search(r"[1-9]\d* things that dead runs left in the engine were removed", cleaned.stdout), cleaned


@contextlib.contextmanager
def _cut_off_engine(where: Address, path: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    """The engine behind a socket of ours, and what cuts every connection of it."""
    target = where.url.removeprefix("unix://")
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen(128)
    ends: list[socket.socket] = []

    def pump(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = server.accept()
                engine = socket.socket(socket.AF_UNIX)
                engine.connect(target)
                ends.extend((client, engine))
                for pair in ((client, engine), (engine, client)):
                    threading.Thread(target=pump, args=pair, daemon=True).start()

    def cut() -> None:
        path.unlink(missing_ok=True)
        server.close()
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"unix://{path}", cut
    finally:
        cut()
        for end in ends:
            end.close()


def test_the_doctor_proves_that_limits_bite(where: Address) -> None:
    """A hog and a bomb were started, and seen stopped."""
    done = subprocess.run([sys.executable, "-m", "labrunner", "doctor"], capture_output=True, text=True, check=False)
    assert "a container was stopped at its limit of 48 MiB of memory (tried)" in done.stdout
    assert "a container was stopped at its limit of 24 processes (tried)" in done.stdout
    assert f"all {len(RECIPES)} images are built" in done.stdout


def test_listing_labs_loads_no_docker() -> None:
    """`lab list` starts as fast as ever."""
    program = (
        "import sys; from labrunner.cli.app import app; app.main(['list'], standalone_mode=False);"
        "print([name for name in ('docker', 'testcontainers', 'requests') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
