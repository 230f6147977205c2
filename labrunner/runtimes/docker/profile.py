"""The hardening profiles: what a container may do, and how much of the machine it may take.

Contract C-5 promises a service one CPU (perhaps shared), 512 MiB of memory, 1,024 threads and processes and 4,096
open files; no limit here is below that. A test compares each field with what the engine says of a started container.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import Any

from docker.types import LogConfig, Ulimit

MIB = 1024 * 1024
USER = "10001:10001"
CPU = 1_000_000_000
"""In the engine's unit."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One way to keep a container in bounds.

    Attributes:
        memory: bytes; swap is not given on top.
        processes: threads count too.
        nano_cpus: a quota of CPU time, in billionths of a CPU; None for none (a quota throttles in steps of 100 ms,
            which is no way to measure).
        cpuset: which CPUs, as in ``0,2-3``; empty for any.
        tmpfs: the only places that can be written to, with their sizes.
        ulimits: name and value of each limit of a single process.
        log_size, log_files: what the engine keeps of the output, at most.
    """

    memory: int = (512 + 128) * MIB
    processes: int = 1024 + 16
    nano_cpus: int | None = CPU
    cpuset: str = ""
    user: str = USER
    read_only: bool = True
    tmpfs: tuple[tuple[str, str], ...] = (
        ("/tmp", "rw,noexec,nosuid,nodev,size=64m,nr_inodes=8000,mode=1777"),  # noqa: S108 - inside the container
        ("/data", "rw,noexec,nosuid,nodev,size=256m,nr_inodes=16000,uid=10001,gid=10001,mode=0700"),
    )
    ulimits: tuple[tuple[str, int], ...] = (("nofile", 4096), ("core", 0), ("fsize", 1024 * MIB))
    log_size: str = "1m"
    log_files: str = "2"
    shm_size: int = 16 * MIB

    @property
    def rooms(self) -> dict[str, int]:
        """MiB in each place that can be written to."""
        sizes = {place: re.search(r"\bsize=(\d+)m", options) for place, options in self.tmpfs}
        return {place: int(size[1]) for place, size in sizes.items() if size}

    def kwargs(self) -> dict[str, Any]:
        """For ``with_kwargs`` of a Testcontainers container; everything but its labels and its network."""
        return {
            "user": self.user,
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges"],
            "read_only": self.read_only,
            "mem_limit": self.memory,
            "memswap_limit": self.memory,
            "pids_limit": self.processes,
            **({"nano_cpus": self.nano_cpus} if self.nano_cpus else {}),
            **({"cpuset_cpus": self.cpuset} if self.cpuset else {}),
            "ulimits": [Ulimit(name=name, soft=value, hard=value) for name, value in self.ulimits],
            "log_config": LogConfig(type="json-file", config={"max-size": self.log_size, "max-file": self.log_files}),
            "shm_size": self.shm_size,
            "ipc_mode": "private",
            "init": True,
            "healthcheck": {"test": ["NONE"]},
            "stop_signal": "SIGTERM",
            # Unknown names would hang for 10 to 20 s: on an internal network nobody answers the resolver.
            "dns_opt": ["timeout:1", "attempts:1"],
        }


FUNCTIONAL = Profile()
"""For checks: a quota of one CPU."""


def load(cpuset: str) -> Profile:
    """For timed windows: CPUs of its own and no quota."""
    return dataclasses.replace(FUNCTIONAL, nano_cpus=None, cpuset=cpuset)


COMPANION = dataclasses.replace(FUNCTIONAL, nano_cpus=None, processes=512)
"""Ours, beside the learner's service: bounded and hardened all the same. Its CPU time is not the learner's."""


def generator(cpuset: str) -> Profile:
    """For the load generator: the CPUs that timed services do not use. What hostile services answer ends up in it."""
    return Profile(
        memory=1024 * MIB,
        processes=128,
        nano_cpus=None,
        cpuset=cpuset,
        tmpfs=(("/tmp", "rw,noexec,nosuid,nodev,size=16m,nr_inodes=1000,mode=1777"),),  # noqa: S108 - inside the container
        ulimits=(("nofile", 4096), ("core", 0)),
    )


FORWARDER = Profile(
    memory=128 * MIB,
    processes=64,
    nano_cpus=None,
    tmpfs=(("/tmp", "rw,noexec,nosuid,nodev,size=4m,nr_inodes=100,mode=1777"),),  # noqa: S108 - inside the container
    # HAProxy refuses to start without twice its connections, and a few.
    ulimits=(("nofile", 16384), ("core", 0)),
)
"""Ours, but the learner's bytes pass through it: bounded and hardened all the same. Its CPU time is not the learner's."""

BUILD = Profile(
    memory=2048 * MIB,
    processes=2048,
    nano_cpus=2 * CPU,
    read_only=False,
    tmpfs=(),
    ulimits=(("nofile", 16384), ("core", 0)),
)
"""For the build phase, whose result is the container's own file system."""
