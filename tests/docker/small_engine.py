"""A second Docker engine of the test's own, with a disk so small that it can be filled."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

BRIDGE = "labfull0"
ADDRESS = "10.213.77.1/28"
START_SECONDS = 60


@dataclass(frozen=True)
class SmallEngine:
    """One that answers.

    Attributes:
        url: as `DOCKER_HOST` takes it.
        disk: where it keeps everything.
    """

    url: str
    disk: Path

    def call(self, *arguments: str) -> str:
        """The `docker` command's output."""
        done = subprocess.run(["docker", "-H", self.url, *arguments], capture_output=True, text=True, check=True)
        return done.stdout

    def load(self, names: Sequence[str]) -> None:
        """Bring images over from the usual engine."""
        with subprocess.Popen(["docker", "save", *names], stdout=subprocess.PIPE) as saved:
            load = ["docker", "-H", self.url, "load"]
            subprocess.run(load, stdin=saved.stdout, check=True, stdout=subprocess.DEVNULL)
        assert saved.returncode == 0


@contextlib.contextmanager
def small_engine(folder: Path, megabytes: int) -> Iterator[SmallEngine]:
    """Start one on a file system in memory (as root); all of it is gone at the exit."""
    disk = folder / "disk"
    disk.mkdir(parents=True)
    with contextlib.ExitStack() as undo:
        _run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(disk))
        undo.callback(_run, "umount", "--lazy", str(disk))
        _run("ip", "link", "add", BRIDGE, "type", "bridge")
        undo.callback(_run, "ip", "link", "delete", BRIDGE)
        _run("ip", "address", "add", ADDRESS, "dev", BRIDGE)
        url = f"unix://{folder}/docker.sock"
        argv = ["dockerd", "--data-root", str(disk), "--exec-root", str(folder / "exec"), "--pidfile",
                str(folder / "pid"), "--host", url, "--bridge", BRIDGE, "--iptables=false", "--ip-masq=false"]  # fmt: skip
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(argv, stdout=log, stderr=log, start_new_session=True)
        undo.callback(_end, process)
        _await(url)
        yield SmallEngine(url, disk)


def _await(url: str) -> None:
    give_up = time.monotonic() + START_SECONDS
    while subprocess.run(["docker", "-H", url, "version"], capture_output=True, check=False).returncode:
        assert time.monotonic() < give_up, "the second engine does not answer"
        time.sleep(0.1)


def _end(process: subprocess.Popen[bytes]) -> None:
    """It ends its own containerd before it goes."""
    os.kill(process.pid, signal.SIGTERM)
    process.wait(60)


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True)
