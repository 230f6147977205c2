"""The hardening profile: as the engine has it, and as a program inside finds it."""

from __future__ import annotations

import dataclasses
import socket
import threading
from typing import TYPE_CHECKING, Any

from labrunner.runtimes.docker.engine import connect
from labrunner.runtimes.docker.profile import FUNCTIONAL, load
from tests.docker.harness import get

if TYPE_CHECKING:
    from labrunner.runtimes.docker.profile import Profile
    from labrunner.runtimes.docker.service import DockerService

ENVIRONMENT = {"HOST", "PORT", "DATA_DIR", "HOME", "TMPDIR", "LANG", "PATH", "HOSTNAME", "PYTHONUNBUFFERED",
               "PYTHONDONTWRITEBYTECODE"}  # fmt: skip
DENIED = {"PermissionError 1", "Operation not permitted"}


def _inspect(service: DockerService) -> dict[str, Any]:
    engine = connect()
    try:
        found: dict[str, Any] = engine.api.inspect_container(service.container_id)
        return found
    finally:
        engine.close()


def _seen(inspected: dict[str, Any]) -> dict[str, object]:
    """What the engine says of each field of a `Profile`."""
    host, config = inspected["HostConfig"], inspected["Config"]
    return {
        "memory": host["Memory"],
        "processes": host["PidsLimit"],
        "nano_cpus": host["NanoCpus"] or None,
        "cpuset": host["CpusetCpus"],
        "user": config["User"],
        "read_only": host["ReadonlyRootfs"],
        "tmpfs": tuple(host["Tmpfs"].items()),
        "ulimits": tuple((limit["Name"], limit["Soft"]) for limit in host["Ulimits"] if limit["Soft"] == limit["Hard"]),
        "log_size": host["LogConfig"]["Config"]["max-size"],
        "log_files": host["LogConfig"]["Config"]["max-file"],
        "shm_size": host["ShmSize"],
    }


def test_the_engine_has_every_field_of_the_profile(probe: DockerService) -> None:
    """Each field of the profile is what the engine holds the container to; none is forgotten on the way."""
    inspected = _inspect(probe)
    expected = {field.name: getattr(FUNCTIONAL, field.name) for field in dataclasses.fields(FUNCTIONAL)}
    seen = _seen(inspected)
    assert {**seen, "tmpfs": dict(seen["tmpfs"])} == {**expected, "tmpfs": dict(FUNCTIONAL.tmpfs)}  # type: ignore[call-overload]


def test_what_every_profile_has_in_common_is_set(probe: DockerService) -> None:
    """No capability, no new privilege, nothing of the host, no swap, an init, no health check, private IPC."""
    inspected = _inspect(probe)
    host, config = inspected["HostConfig"], inspected["Config"]
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert host["MemorySwap"] == host["Memory"]
    assert host["Privileged"] is False
    assert host["Init"] is True
    assert host["IpcMode"] == "private"
    assert host["PidMode"] == ""
    assert host["UTSMode"] == ""
    assert host["NetworkMode"] not in {"host", "bridge", "default"}
    assert not host["Binds"]
    assert not host["Devices"]
    assert not host["PortBindings"]
    assert inspected["Mounts"] == []
    assert config["Healthcheck"] == {"Test": ["NONE"]}
    assert config["StopSignal"] == "SIGTERM"
    assert host["DnsOptions"] == ["timeout:1", "attempts:1"]


def test_the_load_profile_differs_in_cpus_alone() -> None:
    """Timed windows get CPUs of their own and no quota, and every other bound stays."""
    differing = {
        field.name
        for field in dataclasses.fields(FUNCTIONAL)
        if getattr(FUNCTIONAL, field.name) != getattr(_load(), field.name)
    }
    assert differing == {"nano_cpus", "cpuset"}
    assert "nano_cpus" not in _load().kwargs()


def _load() -> Profile:
    return load("0")


def test_limits_keep_what_the_contract_promises() -> None:
    """A service is never given less than one CPU, 512 MiB, 1,024 processes and 4,096 open files."""
    assert FUNCTIONAL.memory >= 512 << 20
    assert FUNCTIONAL.processes >= 1024
    assert dict(FUNCTIONAL.ulimits)["nofile"] >= 4096
    assert (FUNCTIONAL.nano_cpus or 0) >= 1_000_000_000


def test_a_program_inside_finds_the_doors_shut(probe: DockerService) -> None:
    """It is nobody, can do nothing that takes a capability, and writes nowhere but to its sized folders."""
    found = get(probe, "/all")
    assert found["status"]["Uid"] == "10001"
    assert {found["status"][name] for name in ("CapEff", "CapBnd", "CapPrm")} == {"0000000000000000"}
    assert found["status"]["NoNewPrivs"] == "1"
    assert found["status"]["Seccomp"] == "2"
    assert found["write_root"] == found["write_etc"] == "OSError 30"
    assert found["write_tmp"].isdigit()
    assert found["write_data"].isdigit()
    assert {found[name] for name in ("mknod", "raw_socket", "mount", "unshare", "setuid")} <= DENIED
    assert found["sockets"] == []
    assert found["interfaces"] == ["eth0", "lo"]


def test_the_environment_is_the_allow_list(probe: DockerService) -> None:
    """Of our environment a service sees what a lab gives it, and nothing else."""
    assert set(get(probe, "/all")["environment"]) == ENVIRONMENT


def test_disk_and_inodes_are_bounded(probe: DockerService) -> None:
    """Filling the folders that can be written to ends at their size, not at the machine's."""
    found = get(probe, "/fill")
    assert found["tmp"][0] <= 64
    assert found["tmp"][1] == 28
    assert found["data"][0] <= 256
    assert found["data"][1] == 28
    assert found["files"][0] < 8000
    assert found["files"][1] == 28


def test_nothing_outside_can_be_reached(probe: DockerService) -> None:
    """Neither the internet, nor a cloud's metadata, nor the host on any of its addresses; a listener there sees nobody."""
    with socket.create_server(("0.0.0.0", 0)) as canary:
        canary.settimeout(0.2)
        port = canary.getsockname()[1]
        inspected = _inspect(probe)
        (network,) = inspected["NetworkSettings"]["Networks"].values()
        bridge = network["IPAMConfig"]["IPv4Address"].rsplit(".", 1)[0]
        gateway = network["Gateway"] or f"{bridge}.1"
        targets = ["1.1.1.1", "169.254.169.254", "172.17.0.1", gateway, *_own_addresses()]
        results: dict[str, str] = {}

        def ask(address: str) -> None:
            results[address] = get(probe, f"/reach?address={address}&port={port}")["result"]

        threads = [threading.Thread(target=ask, args=(address,)) for address in targets]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(results) == len(set(targets))
        assert "connected" not in results.values()
        try:
            canary.accept()
        except TimeoutError:
            return
    raise AssertionError("somebody reached the host")


def _own_addresses() -> list[str]:
    found = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    return sorted(str(address) for address in found if not str(address).startswith("127."))


def test_the_forwarder_cannot_be_reached_from_inside(probe: DockerService) -> None:
    """Its ports are on its outer address only: a service cannot come back to itself, or to another, through it."""
    inspected = _inspect(probe)
    (network,) = inspected["NetworkSettings"]["Networks"].values()
    base, last = network["IPAMConfig"]["IPv4Address"].rsplit(".", 1)
    block = int(last) // 64 * 64
    for port in (8001, 8002, 8003, 8004):
        assert get(probe, f"/reach?address={base}.{block + 2}&port={port}")["result"] != "connected"
