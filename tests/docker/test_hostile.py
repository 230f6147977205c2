"""What a hostile or broken service does to the machine: nothing that lasts."""

from __future__ import annotations

import subprocess
import time
import urllib.error
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from labrunner.model.lab import ServiceSpec
from labrunner.model.status import Reason
from labrunner.ports.runtime import NotStarted
from labrunner.runtimes.docker.engine import connect
from labrunner.runtimes.log import KEPT_BYTES
from tests.docker.harness import PROGRAMS, READY, SOON, get, wait_for

if TYPE_CHECKING:
    from labrunner.runtimes.docker.service import DockerService
    from tests.docker.harness import Launcher

FLOOD = """
import os
block = (b"x" * 999 + b"\\n") * 1000
for _ in range(400):
    os.write(1, block)
"""
FILLS_ITS_DISK = """
import os
with open(os.path.join(os.environ["DATA_DIR"], "big"), "wb") as file:
    while True:
        file.write(b"x" * 1_000_000)
"""
FILLS_ITS_DISK_WITH_FILES = """
import os
for number in range(100_000):
    open(f"/tmp/{number}", "wb").close()
"""
BOMB = """
import os, time
count = 0
try:
    while True:
        if os.fork() == 0:
            time.sleep(600); os._exit(0)
        count += 1
except OSError as fault:
    print("stopped at", count, fault.errno, flush=True)
"""


def test_a_log_of_400_megabytes_is_capped_here_and_there(launch: Launcher) -> None:
    """The engine keeps two megabytes of it, we a quarter of one, and the service is served as ever."""
    service = launch(f"{FLOOD}\n{(PROGRAMS / 'probe.py').read_text()}")
    service.wait_ready(ServiceSpec("/healthz", 300_000, ()))  # the engine takes in some 50 MB of log in a second
    kept = sum(len(line) for line in service.log(0.0, time.monotonic()))
    assert 0 < kept <= KEPT_BYTES
    engine = connect()
    try:
        path = Path(engine.api.inspect_container(service.container_id)["LogPath"])
    finally:
        engine.close()
    if path.exists():
        assert sum(file.stat().st_size for file in path.parent.glob(f"{path.name}*")) <= 3 << 20
    assert get(service, "/kept")["value"] is None


def test_a_fork_bomb_stops_at_its_limit(launch: Launcher) -> None:
    """It gets as many processes as the contract promises, the machine keeps its own, and the reason is PIDS."""
    service = launch(f"{BOMB}\ntime.sleep(600)")
    wait_for(lambda: any("stopped at" in line for line in service.log(0.0, time.monotonic())), 180)
    subprocess.run(["true"], check=True)
    assert service.limit() is Reason.PIDS
    assert int(service.log(0.0, time.monotonic())[-1].split()[2]) >= 1000
    with pytest.raises(NotStarted) as caught:
        service.wait_ready(SOON)
    assert caught.value.startup.reason is Reason.PIDS
    assert "1040 threads and processes" in caught.value.startup.failure.expected
    service.kill()
    assert service.epitaph() == "was killed by SIGKILL"


@pytest.mark.parametrize("program", [FILLS_ITS_DISK, FILLS_ITS_DISK_WITH_FILES])
def test_a_full_disk_is_told_as_the_limit_that_it_is(launch: Launcher, program: str) -> None:
    """Before it is ready: DISK_FULL and the room that there is, whether bytes or files used it up."""
    service = launch(program)
    with pytest.raises(NotStarted) as caught:
        service.wait_ready(READY)
    startup = caught.value.startup
    assert startup.reason is Reason.DISK_FULL
    assert startup.failure.expected == "a service that starts within 64 MiB in /tmp and 256 MiB in /data"
    assert startup.failure.got.endswith("before it was ready; it ran into that limit")
    assert any("No space left on device" in line for line in startup.failure.log)


def test_the_disk_of_a_living_service_is_looked_at_too(probe: DockerService) -> None:
    """Full is full, though it lives and answers; with room again, no limit is in its way."""
    assert probe.limit() is None
    with pytest.raises(LookupError, match="No space left"):
        probe._inside(["dd", "if=/dev/zero", "of=/data/big", "bs=1M"])
    assert probe.limit() is Reason.DISK_FULL
    probe._inside(["rm", "/data/big"])
    assert probe.limit() is None


def test_a_memory_hog_is_stopped_at_its_limit(launch: Launcher) -> None:
    """Before it is ready: OOM and the limit in the sentence."""
    service = launch("x = bytearray(2_000_000_000)")
    with pytest.raises(NotStarted) as caught:
        service.wait_ready(READY)
    assert caught.value.startup.reason is Reason.OOM
    assert caught.value.startup.failure.expected == "a service that starts within 640 MiB of memory"


def test_a_service_that_eats_its_memory_later(probe: DockerService) -> None:
    """The keeper outlives it, so that the reason is known and it can be started again."""
    with pytest.raises((urllib.error.URLError, ConnectionError)):
        get(probe, "/memory", timeout=60)
    wait_for(lambda: probe.epitaph() is not None)
    assert probe.epitaph() == "was killed by SIGKILL"
    assert probe.limit() is Reason.OOM
    probe.start_again()
    probe.wait_ready(READY)
    assert probe.limit() is None


def test_the_whole_promise_of_memory_can_be_used(launch: Launcher) -> None:
    """512 MiB of its own are no excess."""
    program = (
        f"kept = bytearray(480 << 20)\nkept[::4096] = b'x' * len(kept[::4096])\n{(PROGRAMS / 'probe.py').read_text()}"
    )
    service = launch(program)
    service.wait_ready(READY)
    assert service.limit() is None
