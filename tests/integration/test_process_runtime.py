"""The process runtime with real services: what it starts it ends, what it hurts is hurt, what it says is true."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from labrunner.checks import Client
from labrunner.errors import EnvironmentProblem
from labrunner.model.lab import ServiceSpec
from labrunner.model.status import Reason
from labrunner.ports.runtime import NotStarted
from labrunner.runtimes.log import FIRST_LINES, LAST_LINES
from labrunner.runtimes.process.listening import listeners
from labrunner.runtimes.process.tree import descendants, state
from tests.command import is_alive, processes, survivors, that_mention, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from labrunner.runtimes.process.runtime import ProcessRuntime
    from labrunner.runtimes.process.service import ProcessService

    Launch = Callable[..., ProcessService]

SPEC = ServiceSpec(ready="/healthz", ready_within_ms=30_000, try_lines=())


def _asked(service: ProcessService, target: str) -> dict[str, Any]:
    client = Client(service.url)
    told: dict[str, Any] = json.loads(client.get(target, deadline=30).body)
    client.close()
    return told


def _below(service: ProcessService) -> list[int]:
    return [pid for pid in descendants(service.pid) if is_alive(pid)]


# -- nothing survives ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("vice, least", [("none", 1), ("forks", 4), ("stubborn", 2), ("storm", 2)])
def test_nothing_survives_a_kill(launch: Launch, vice: str, least: int) -> None:
    """C-14: SIGKILL to every process: children, new sessions, daemons, the stubborn, and those just being forked."""
    service = launch("misbehaving", vice)
    service.wait_ready(SPEC)
    until(lambda: len(_below(service)) >= least, f"{least} processes")
    before = processes(service.pid)
    service.kill()
    assert _below(service) == []
    assert survivors(before) == set()
    assert service.epitaph() == "was killed by SIGKILL"


def test_nothing_survives_a_kill_at_any_moment(launch: Launch, work: Path) -> None:
    """Processes that are just being made, or are losing their parents, are in no list: they are found all the same."""
    service = launch("misbehaving", "busy")
    for _ in range(10):
        service.wait_ready(SPEC)
        service.kill()
        assert _below(service) == []
        assert that_mention(str(work)) == set()
        service.start_again()


@pytest.mark.parametrize("vice", ["forks", "stubborn", "storm"])
def test_nothing_survives_the_close(launch: Launch, work: Path, vice: str) -> None:
    """The end of a run is the end of all that it started."""
    service = launch("misbehaving", vice)
    service.wait_ready(SPEC)
    service.close()
    service.close()
    assert that_mention(str(work)) == set()


def test_the_rest_goes_when_the_first_process_ends(launch: Launch) -> None:
    """A service that dies leaves no daemon behind to answer in its place."""
    service = launch("misbehaving", "dies-with-family")
    service.wait_ready(SPEC)
    service.put_data("now", b"")
    until(lambda: service.epitaph() is not None, "the end")
    assert service.epitaph() == "exited with code 7"
    until(lambda: not _below(service), "the end of its family")


RUNNER = """
import pathlib, sys, time
from labrunner.model.lab import Language, ServiceSpec
from labrunner.model.solution import Solution
from labrunner.runtimes.process.runtime import ProcessRuntime
from labrunner.solution import intake
from tests.integration.conftest import SOLUTIONS
cache, work = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
runtime = ProcessRuntime(cache, work)
runtime.witness()
(work / "mine").mkdir()
(work / "mine" / "main.py").write_bytes((SOLUTIONS / "misbehaving.py").read_bytes())
for vice in ("forks", "stubborn", "paused"):
    solution = Solution(work / "mine", "greeter", Language.PYTHON, ("python", "main.py", vice))
    staged = intake.stage(solution, work / vice)
    runtime.build(staged)
    service = runtime.launch(staged, {}, name=vice)
    service.wait_ready(ServiceSpec("/healthz", 30_000, ()))
service.pause()
print("up", flush=True)
time.sleep(600)
"""


def test_nothing_survives_the_runners_own_death(work: Path, cache: Path) -> None:
    """H5: SIGKILL to the runner, and its services end by themselves: daemons, new sessions, and paused ones too."""
    root = str(Path(__file__).parents[2])
    runner = subprocess.Popen([sys.executable, "-c", RUNNER, str(cache), str(work)], stdout=subprocess.PIPE,
                              env={**os.environ, "PYTHONPATH": root})  # fmt: skip
    with runner:
        assert runner.stdout is not None
        assert runner.stdout.readline() == b"up\n"
        until(lambda: len(processes(runner.pid)) >= 10, "supervisors, services and their children")
        family = processes(runner.pid)
        runner.kill()
    until(lambda: not survivors(family), "the end of the services")
    until(lambda: not that_mention(str(work)), "the end of the daemons")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def test_a_service_that_kills_its_supervisor_goes_with_it(launch: Launch) -> None:
    """C6: where it runs as our user it can; then commands are refused in a sentence, and the close still works."""
    service = launch("misbehaving", "parricide")
    service.wait_ready(SPEC)
    family = processes(os.getpid())
    own = {(pid, began) for pid, began in family if pid in _below(service)}
    assert own
    if Path(f"/proc/{service.pid}").stat().st_uid != Path(f"/proc/{_below(service)[0]}").stat().st_uid:
        pytest.skip("it runs as another user, and cannot kill its supervisor")
    service.put_data("now", b"")
    until(lambda: not survivors(own), "the end of the service")
    with pytest.raises(EnvironmentProblem, match="supervisor"):
        service.pause()
    service.close()


# -- faults -------------------------------------------------------------------------------------------------------


def test_a_pause_stops_every_process_and_a_resume_undoes_it(launch: Launch) -> None:
    """C-14: confirmed stopped, children too; connections stay open; on resume what was buffered is carried out."""
    service = launch("misbehaving", "forks")
    service.wait_ready(SPEC)
    service.pause()
    assert {state(pid) for pid in _below(service)} == {"T"}
    with socket.create_connection(("127.0.0.1", int(service.url.rsplit(":", 1)[1])), 30) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        service.resume()
        connection.settimeout(30)
        assert connection.recv(8) == b"HTTP/1.1"
    assert "T" not in {state(pid) for pid in _below(service)}


def test_a_paused_service_can_be_killed(launch: Launch) -> None:
    """SIGKILL does not wait for a resume."""
    service = launch("misbehaving", "forks")
    service.wait_ready(SPEC)
    service.pause()
    service.kill()
    assert _below(service) == []


def test_a_restart_keeps_address_and_data(launch: Launch) -> None:
    """C-4, C-7: same port, same DATA_DIR, other process; several times."""
    service = launch("misbehaving")
    service.wait_ready(SPEC)
    first = _asked(service, "/environ")["environ"]
    for _ in range(3):
        pids = _below(service)
        service.kill()
        assert service.epitaph() is not None
        service.start_again()
        service.wait_ready(SPEC)
        assert service.epitaph() is None
        assert _asked(service, "/environ")["environ"] == first
        assert not set(pids) & set(_below(service))


def test_a_polite_stop_tells_the_exit_code(launch: Launch) -> None:
    """C-6: SIGTERM, and how it ended."""
    service = launch("misbehaving", "polite")
    service.wait_ready(SPEC)
    assert service.stop(within=30).code == 0
    assert service.epitaph() == "exited with code 0"


def test_a_service_that_ignores_sigterm_is_killed(launch: Launch) -> None:
    """A17: after its time is over; the code is unknown then."""
    service = launch("misbehaving", "stubborn")
    service.wait_ready(SPEC)
    assert service.stop(within=0.3).code is None
    assert _below(service) == []


def test_a_service_that_is_dead_can_be_stopped_and_killed(launch: Launch) -> None:
    """Faults on the dead are no error."""
    service = launch("misbehaving", "exits", "3")
    until(lambda: service.epitaph() is not None, "its end")
    assert service.stop(within=1).code == 3
    service.kill()
    service.pause()
    service.resume()


# -- what a service is given --------------------------------------------------------------------------------------


def test_the_environment_is_an_allow_list(launch: Launch, monkeypatch: pytest.MonkeyPatch) -> None:
    """C2: exactly these; no token of the runner's, nothing of its shell."""
    monkeypatch.setenv("GITHUB_TOKEN", "secret")
    monkeypatch.setenv("LAB_SEED", "secret")
    service = launch("misbehaving", env={"GREETING": "hello"})
    service.wait_ready(SPEC)
    told = _asked(service, "/environ")
    expected = {"PATH", "HOME", "TMPDIR", "LANG", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "HOST", "PORT",
                "DATA_DIR", "GREETING"}  # fmt: skip
    # Python itself sets the last two: the locale it chose (PEP 538), and on some systems its launcher.
    assert set(told["environ"]) - {"LC_CTYPE", "__PYVENV_LAUNCHER__"} == expected
    assert told["environ"]["HOST"] == "127.0.0.1"
    assert service.url == f"http://127.0.0.1:{told['environ']['PORT']}"
    assert told["environ"]["GREETING"] == "hello"
    assert "secret" not in str(told)


def test_it_runs_in_its_private_copy_and_may_write_where_the_contract_says(launch: Launch, work: Path) -> None:
    """C-4: the copy is its working directory; DATA_DIR and TMPDIR are its own."""
    service = launch("misbehaving")
    service.wait_ready(SPEC)
    told = _asked(service, "/environ")
    assert told["cwd"].startswith(str(work / "copy-misbehaving"))
    owner = Path(f"/proc/{_below(service)[0]}").stat().st_uid
    for name in ("DATA_DIR", "TMPDIR", "HOME"):
        folder = told["environ"][name]
        assert folder.startswith(str(work))
        assert Path(folder).stat().st_uid == owner


def test_limits_are_set_before_it_begins(launch: Launch) -> None:
    """C-5's 4,096 open files are there, and no more; no core dumps; no file without end."""
    service = launch("misbehaving")
    service.wait_ready(SPEC)
    told = _asked(service, "/limits")
    assert told["RLIMIT_NOFILE"] == 4096
    assert told["RLIMIT_CORE"] == 0
    assert told["RLIMIT_FSIZE"] == 1 << 30


def test_it_holds_no_descriptor_of_the_runner(launch: Launch) -> None:
    """C6: standard streams and its own sockets; no way to the runner or to the grader."""
    service = launch("misbehaving")
    service.wait_ready(SPEC)
    (pid,) = _below(service)
    descriptors = {}
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the connection that asked whether it is ready closes about now
            descriptors[int(link.name)] = str(link.readlink())
    assert descriptors[0] == "/dev/null"
    assert descriptors[1] == descriptors[2]
    others = {number: target for number, target in descriptors.items() if number > 2}
    assert all(target.startswith("socket:") for target in others.values()), others


# -- the log ------------------------------------------------------------------------------------------------------


def test_a_flood_of_output_neither_blocks_nor_fills_memory(launch: Launch) -> None:
    """A10: a service that never stops writing is still served, and its log is short and safe."""
    service = launch("misbehaving", "chatty")
    service.wait_ready(SPEC)
    client = Client(service.url)
    assert client.get("/", deadline=30).status == 200
    client.close()
    lines = service.log(0.0, time.monotonic())
    assert 0 < len(lines) <= FIRST_LINES + LAST_LINES + 1
    assert all(line.isprintable() for line in lines)
    assert r"\x1b]0;noise" in lines[-1]


# -- readiness ----------------------------------------------------------------------------------------------------


def _refused(service: ProcessService, spec: ServiceSpec = SPEC) -> NotStarted:
    with pytest.raises(NotStarted) as caught:
        service.wait_ready(spec)
    assert caught.value.startup.failure.expected
    return caught.value


def test_ending_at_once_is_told_at_once(launch: Launch) -> None:
    """A15: with exit code and last words, not after the whole time-out; no deadline is in question."""
    refusal = _refused(launch("misbehaving", "exits", "3"), ServiceSpec("/healthz", 3_600_000, ()))
    assert refusal.startup.reason is Reason.CRASHED
    assert refusal.deadline is None
    assert "exited with code 3" in refusal.startup.failure.got
    assert refusal.startup.failure.log == ("about to give up", r"\x1b[31mred\x1b[0m last words")


def test_a_traceback_names_the_learners_own_file(launch: Launch) -> None:
    """Not the private copy that they have never seen."""
    log = _refused(launch("misbehaving", "raises")).startup.failure.log
    assert log[-1] == "RuntimeError: no such luck"
    assert any('File "main.py"' in line for line in log) or any(
        "main.py" in line and "/work-" not in line for line in log
    )


def test_ending_silently_is_told_too(launch: Launch) -> None:
    """Exit code 0, and that there were no words."""
    failure = _refused(launch("misbehaving", "exits-silently")).startup.failure
    assert "exited with code 0" in failure.got
    assert failure.why == "It wrote nothing before it ended."


@pytest.mark.parametrize(
    "vice, reason, says",
    [
        ("never-listens", Reason.NOT_READY, "listens on no port at all"),
        ("wrong-port", Reason.NOT_READY, "listens on port {other}"),
        ("wrong-address", Reason.NOT_READY, "only on the address 127.0.0.2"),
        ("mute", Reason.NOT_READY, "accepts connections, but GET /healthz gets no answer"),
        ("not-http", Reason.PROTOCOL_ERROR, r"is not HTTP: SSH-2.0-\x1b[2J"),
        ("sick", Reason.NOT_READY, "GET /healthz answers 500"),
    ],
)
def test_each_way_of_not_becoming_ready_is_seen_for_what_it_is(
    launch: Launch, vice: str, reason: Reason, says: str
) -> None:
    """A14: a sentence of its own for each, found out from the outside; a deadline is what was missed."""
    other = _free_port()
    service = launch("misbehaving", vice, env={"OTHER_PORT": str(other)})
    if vice != "never-listens":  # on a busy machine that alone takes seconds
        until(lambda: listeners(descendants(service.pid)) != [], "it to listen")
    within = round((time.monotonic() - service._started_at) * 1000) + 1500
    refusal = _refused(service, ServiceSpec("/healthz", within, ()))
    assert refusal.startup.reason is reason
    assert says.format(other=other) in refusal.startup.failure.got
    assert refusal.deadline == within / 1000


def test_a_program_that_cannot_be_executed_is_told(launch: Launch, work: Path) -> None:
    """Not executable: the command, and why."""
    with pytest.raises(NotStarted) as caught:
        launch("misbehaving", run=("./main.py",))
    assert "cannot be started: permission denied" in caught.value.startup.failure.got


def test_memory_is_that_of_all_its_processes(launch: Launch) -> None:
    """RL-19: what a service holds on to is seen, and so are its children."""
    alone, family = launch("misbehaving", "none"), launch("misbehaving", "forks")
    for service in (alone, family):
        service.wait_ready(SPEC)
    until(lambda: len(_below(family)) >= 4, "4 processes")
    before = alone.memory()
    assert before is not None
    assert before > 1 << 20
    assert (family.memory() or 0) > before
    _asked(alone, "/hoard")
    assert (alone.memory() or 0) >= before + (60 << 20)


def test_what_is_stored_is_all_files_below_data_dir(launch: Launch) -> None:
    """IA-24: in bytes, in folders too; a link adds nothing."""
    service = launch("misbehaving", "none")
    service.wait_ready(SPEC)
    before = service.stored()
    service.put_data("kept", b"x" * 1000)
    service.link_data("again", "kept")
    assert (before, service.stored()) == (0, 1000)


def test_two_services_at_once_do_not_meet(launch: Launch) -> None:
    """Ports and folders of their own; the end of one is not the other's."""
    services = [launch("misbehaving"), launch("misbehaving")]
    environments = []
    for service in services:
        service.wait_ready(SPEC)
        environments.append(_asked(service, "/environ")["environ"])
    for name in ("PORT", "DATA_DIR", "TMPDIR", "HOME"):
        assert environments[0][name] != environments[1][name]
    services[0].kill()
    assert services[1].epitaph() is None
    assert _asked(services[1], "/environ")["environ"] == environments[1]


# -- the witness --------------------------------------------------------------------------------------------------


def test_the_witness_answers_and_its_silence_counts(runtime: ProcessRuntime) -> None:
    """C-21: on a machine that works it was seen; of a span in which it was not heard it says nothing good."""
    witness = runtime.witness()
    began = time.monotonic()
    until(lambda: witness.worst(began, time.monotonic()) < float("inf"), "an answer")
    assert witness.worst(began - 100, began - 99) == float("inf")


def test_a_paused_witness_is_seen_to_be_late(runtime: ProcessRuntime) -> None:
    """An answer still outstanding counts with what it has taken so far."""
    before = {pid for pid in descendants(os.getpid()) if _is_witness(pid)}
    witness = runtime.witness()
    began = time.monotonic()
    until(lambda: witness.worst(began, time.monotonic()) < float("inf"), "an answer")
    (pid,) = {pid for pid in descendants(os.getpid()) if _is_witness(pid)} - before
    os.kill(pid, signal.SIGSTOP)
    until(lambda: 0.3 <= witness.worst((now := time.monotonic()) - 0.3, now) < float("inf"), "its delay")
    os.kill(pid, signal.SIGCONT)


def _is_witness(pid: int) -> bool:
    try:
        return b"witness_server.py" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
