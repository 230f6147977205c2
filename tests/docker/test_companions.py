"""Companions in containers: where services reach them, where they do not, and the faults that they suffer."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from labrunner.companions.known import Known
from labrunner.faults.fault import Cut, Delay, HalfOpen, Lost, Pause
from labrunner.faults.patient import Patient
from labrunner.runtimes.docker.profile import COMPANION
from tests.docker.harness import READY, get, wait_for
from tests.integration.conftest import copy_of
from tests.postgres import query

if TYPE_CHECKING:
    from labrunner.faults.fault import Fault
    from labrunner.runtimes.docker.companion import DockerCompanion
    from labrunner.runtimes.docker.runtime import DockerRuntime
    from labrunner.runtimes.docker.service import DockerService
    from tests.docker.harness import Launcher

PACK = Path(__file__).parents[1] / "companion_pack"
KNOWN = Known(PACK / "graders" / "depot", ("redis", "postgres", "odd-origin"))
REDIS = KNOWN.kind("redis", {})


@pytest.fixture
def redis(runtime: DockerRuntime) -> DockerCompanion:
    """A ready one."""
    started = runtime.companion(REDIS, name="redis-1")
    started.wait_ready()
    return started


@pytest.fixture
def proxied(runtime: DockerRuntime, redis: DockerCompanion) -> Patient:
    """Redis behind a fault proxy."""
    proxy = runtime.companion(KNOWN.proxy(redis.address, REDIS, "/"), name="proxy")
    proxy.wait_ready()
    return Patient(redis, proxy)


def _reached(service: DockerService, host: str, port: int) -> str:
    told: str = get(service, f"/reach?address={host}&port={port}")["result"]
    return told


@pytest.mark.parametrize("fault", [Pause(), Cut()], ids=["pause", "cut"])
def test_a_fault_is_seen_and_over(redis: DockerCompanion, fault: Fault) -> None:
    """Silent meanwhile; afterwards at the same address as before."""
    before = redis.address, redis.client_address
    patient = Patient(redis)
    patient.suffer(fault)
    assert not redis.answers(0.3)
    patient.heal(30)
    assert (redis.address, redis.client_address) == before


def test_a_cut_takes_the_network_and_gives_it_back(redis: DockerCompanion, probe: DockerService) -> None:
    """Nobody on the side reaches it; then address and alias are its own again."""
    assert _reached(probe, *redis.address) == "connected"
    patient = Patient(redis)
    patient.suffer(Cut())
    assert _reached(probe, *redis.address) != "connected"
    patient.heal(30)
    assert _reached(probe, *redis.address) == "connected"
    # The container asks the engine for a name once, for a second: one that is busy may answer too late.
    wait_for(lambda: _reached(probe, "redis-1", redis.address[1]) == "connected")


def test_a_killed_redis_comes_back_empty(redis: DockerCompanion) -> None:
    """In the same container, at the same address."""
    container = redis.container_id
    redis.kill()
    assert redis.epitaph() == "was killed by SIGKILL"
    assert not redis.answers(1.0)
    redis.start_again()
    redis.wait_ready()
    assert redis.container_id == container


def test_what_postgres_committed_outlives_its_kill(runtime: DockerRuntime) -> None:
    """Prepared transactions too: the container, and so its data, stays."""
    server = runtime.companion(KNOWN.kind("postgres", {}), name="postgres-1")
    server.wait_ready()
    query(server.client_address, "create table t as select 1 as a")
    query(server.client_address, "begin; insert into t values (2); prepare transaction 'in doubt'")
    server.kill()
    server.start_again()
    server.wait_ready()
    query(server.client_address, "commit prepared 'in doubt'")
    assert query(server.client_address, "select count(*) from t") == ["2"]


def test_a_proxy_delays_loses_and_resets(proxied: Patient) -> None:
    """What the engine cannot do."""
    for fault in (Delay(0.05), HalfOpen(Lost.REQUESTS), Cut()):
        proxied.suffer(fault)
        proxied.heal(30)
    # The proxy hears a moment later that the round trip which proved it healed has closed its connection.
    wait_for(lambda: proxied.reset() == 0, 30)


def test_the_control_channel_cannot_be_reached_by_a_service(runtime: DockerRuntime, probe: DockerService) -> None:
    """It listens on another network; of that one not even the address answers."""
    origin = runtime.companion(KNOWN.kind("odd-origin", {"text": "hello"}), name="origin")
    origin.wait_ready()
    inner, port = origin.address
    networks = origin._life.container.inspect()["NetworkSettings"]["Networks"]
    (outer,) = {facts["IPAddress"] for facts in networks.values()} - {inner}
    assert _reached(probe, inner, port) == "connected"
    assert _reached(probe, inner, 9000) != "connected"
    assert _reached(probe, outer, 9000) != "connected"
    assert origin.control("GET", "/calls") == {"calls": []}
    client = http.client.HTTPConnection(*origin.client_address, timeout=30)
    client.request("GET", "/x")
    assert client.getresponse().read() == b"hello"
    client.close()


def test_a_companion_is_hardened_like_a_service(redis: DockerCompanion) -> None:
    """Same profile, but for its share of the CPU."""
    host = redis._life.container.inspect()["HostConfig"]
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert host["Memory"] == host["MemorySwap"] == COMPANION.memory
    assert host["PidsLimit"] == COMPANION.processes
    assert not host["PortBindings"]
    assert redis._life.container.inspect()["Config"]["User"] == COMPANION.user


def test_a_service_that_is_paused_or_cut_off_is_removed_all_the_same(probe: DockerService, launch: Launcher) -> None:
    """See the residue check, too."""
    other = launch("probe")
    other.wait_ready(READY)
    for service, fault in ((probe, Pause()), (other, Cut())):
        patient = Patient(service)
        patient.suffer(fault)
        patient.close()


def test_a_lab_with_companions_and_faults(tmp_path: Path) -> None:
    """The same checks as on loopback, the same verdicts."""
    depot = copy_of(PACK / "graders/depot/references/python", tmp_path / "depot")
    argv = [sys.executable, "-m", "labrunner", "test", "--all", "--runtime", "docker", "--pack", str(PACK)]
    done = subprocess.run(
        [*argv, "--report", "json=r.json"], cwd=depot, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads((depot / "r.json").read_text())
    recovery = {check["id"]: check["outcome"]["recovery"] for check in result["checks"]}
    assert all(recovery[f"faults/bears-{fault}"] >= 0 for fault in ("kill", "pause", "cut", "delay"))
    assert recovery["beside/asks-origin"] is None
