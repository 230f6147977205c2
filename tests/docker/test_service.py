"""One service: its faults, its log, its data, its address."""

from __future__ import annotations

import contextlib
import http.client
import socket
import subprocess
import time
import urllib.error
from typing import TYPE_CHECKING

import pytest

from labrunner.errors import EnvironmentProblem
from labrunner.model.status import Reason
from tests.docker.harness import PROGRAMS, READY, get, wait_for

if TYPE_CHECKING:
    from labrunner.runtimes.docker.runtime import DockerRuntime
    from labrunner.runtimes.docker.service import DockerService
    from tests.docker.harness import Launcher, Stager


def test_kill_and_start_again_keep_address_and_data(probe: DockerService) -> None:
    """SIGKILL takes every process; started again it is another process, at the same address, with the same DATA_DIR."""
    url = probe.url
    get(probe, "/keep?value=treasure")
    before = get(probe, "/kept")
    probe.kill()
    assert probe.epitaph() == "was killed by SIGKILL"
    probe.start_again()
    probe.wait_ready(READY)
    after = get(probe, "/kept")
    assert probe.url == url
    assert probe.epitaph() is None
    assert after["value"] == "treasure"
    assert after["pid"] != before["pid"]


def test_kill_leaves_no_daemon(probe: DockerService) -> None:
    """What set itself apart with setsid and ignores signals is gone all the same."""
    get(probe, "/daemon")
    wait_for(lambda: get(probe, "/processes")["names"].count("sleep") >= 1)
    probe.kill()
    probe.start_again()
    probe.wait_ready(READY)
    assert "sleep" not in get(probe, "/processes")["names"]


def test_memory_is_what_it_holds_on_to(probe: DockerService) -> None:
    """RL-19: at once, not after the second that the engine takes for its statistics."""
    before = probe.memory()
    assert before is not None
    assert before > 1 << 20
    get(probe, "/memory?mib=64")
    assert (probe.memory() or 0) >= before + (60 << 20)


def test_what_is_stored_is_all_files_below_data_dir(probe: DockerService) -> None:
    """IA-24: in bytes; a link adds nothing."""
    before = probe.stored()
    assert before is not None
    probe.put_data("weighed", b"x" * 1000)
    probe.link_data("again", "weighed")
    assert probe.stored() == before + 1000


def test_stop_is_graceful_and_its_code_is_told(probe: DockerService) -> None:
    """SIGTERM reaches the service, its exit code reaches us, and its data waits for the next start."""
    get(probe, "/keep?value=treasure")
    end = probe.stop(within=10)
    assert end.code == 0
    probe.start_again()
    probe.wait_ready(READY)
    assert get(probe, "/kept")["value"] == "treasure"


def test_one_that_ignores_sigterm_is_killed_in_the_end(launch: Launcher) -> None:
    """The exit has no code then, and nothing of it runs any more."""
    program = "import signal; signal.signal(15, signal.SIG_IGN)\n" + (PROGRAMS / "probe.py").read_text().replace(
        "signal.signal(signal.SIGTERM", "signal.signal(signal.SIGUSR1"
    )
    service = launch(program)
    service.wait_ready(READY)
    end = service.stop(within=0.5)
    assert end.code is None
    assert service.epitaph() == "was killed by SIGKILL"


def test_pause_is_silence_and_resume_ends_it(probe: DockerService) -> None:
    """A paused service accepts and says nothing; resumed it is the same process."""
    before = get(probe, "/kept")["pid"]
    probe.pause()
    with pytest.raises((urllib.error.URLError, TimeoutError)):
        get(probe, "/kept", timeout=0.5)
    probe.resume()
    assert get(probe, "/kept")["pid"] == before


def test_a_paused_service_can_be_killed(probe: DockerService) -> None:
    """The engine itself refuses that."""
    probe.pause()
    probe.kill()
    probe.start_again()
    probe.wait_ready(READY)
    assert get(probe, "/kept")["value"] is None


def test_its_own_end_is_noticed_and_told(probe: DockerService) -> None:
    """Exit code in the epitaph; it can be started again, data kept."""
    get(probe, "/keep?value=treasure")
    with pytest.raises((urllib.error.URLError, ConnectionError)):
        get(probe, "/exit?code=7")
    wait_for(lambda: probe.epitaph() is not None)
    assert probe.epitaph() == "exited with code 7"
    assert probe.limit() is None
    probe.start_again()
    probe.wait_ready(READY)
    assert get(probe, "/kept")["value"] == "treasure"


def test_one_that_kills_its_keeper_harms_itself_alone(probe: DockerService) -> None:
    """lab-init has the service's user and can be killed; the container ends then, and can be started again."""
    with contextlib.suppress(OSError, http.client.HTTPException):  # all of the answer may come, a part, or nothing
        get(probe, "/kill-init")
    wait_for(lambda: probe.epitaph() is not None)
    probe.kill()
    probe.start_again()
    probe.wait_ready(READY)
    assert get(probe, "/kept")["value"] is None


def test_both_streams_are_logged_with_their_moment(probe: DockerService) -> None:
    """What it writes on either stream is found between the moments around it, escaped."""
    began = time.monotonic()
    get(probe, "/print?text=%1b%5b31mhello")
    wait_for(lambda: len(probe.log(began, time.monotonic())) >= 2)
    assert sorted(probe.log(began, time.monotonic())) == ["\\x1b[31mhello", "\\x1b[31mhello (error)"]
    assert not [line for line in probe.log(0.0, began - 1.0) if "hello" in line]


def test_memory_of_a_child_is_the_services_limit(probe: DockerService) -> None:
    """A child that is killed for its memory is told as OOM, though the service lives and answers 200."""
    get(probe, "/child-memory", timeout=60)
    assert probe.epitaph() is None
    assert probe.limit() is Reason.OOM


def test_a_started_container_gets_a_port_when_another_clashes(runtime: DockerRuntime, stage: Stager) -> None:
    """A port that is taken is a sentence about the port, and what failed is removed (see the residue check)."""
    staged = stage({"main.py": (PROGRAMS / "probe.py").read_text()})
    runtime.build(staged)
    taken = socket.create_server(("127.0.0.1", 0))
    with taken, pytest.raises(EnvironmentProblem, match=r"address already in use|port is already allocated"):
        runtime.launch(staged, {}, name="service", port=taken.getsockname()[1])


def test_the_port_asked_for_is_the_port_given(runtime: DockerRuntime, stage: Stager) -> None:
    """`lab run --port` is where the service can be reached, and what it finds in PORT."""
    staged = stage({"main.py": (PROGRAMS / "probe.py").read_text()})
    runtime.build(staged)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    service = runtime.launch(staged, {}, name="service", port=port)
    service.wait_ready(READY)
    assert service.url == f"http://127.0.0.1:{port}"
    assert get(service, "/all")["environment"]["PORT"] == str(port)


def test_published_on_loopback_alone(probe: DockerService) -> None:
    """No other machine can reach a service: nothing listens beyond 127.0.0.1."""
    port = int(probe.url.rsplit(":", 1)[1])
    listening = subprocess.run(["cat", "/proc/net/tcp", "/proc/net/tcp6"], capture_output=True, text=True, check=True)
    addresses = [
        line.split()[1] for line in listening.stdout.splitlines() if f":{port:04X} " in line and " 0A " in line
    ]
    assert [address.split(":")[0] for address in addresses] == ["0100007F"]


def test_a_witness_that_cannot_be_started_is_told(runtime: DockerRuntime) -> None:
    """E4 with the engine's own words, or every deadline that passes would stay undecided and nobody would know why."""
    runtime._base = f"sha256:{'0' * 64}"
    witness = runtime.witness()
    with pytest.raises(EnvironmentProblem, match=r"The witness cannot be started: .*No such image") as caught:
        wait_for(lambda: witness.worst(0.0, time.monotonic()) < 0)
    assert caught.value.hint
