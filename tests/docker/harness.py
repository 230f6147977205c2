"""What the tests of the Docker runtime share."""

from __future__ import annotations

import json
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from labrunner.model.lab import Language, ServiceSpec
from labrunner.runtimes.docker import labels, wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from labrunner.model.solution import Staged
    from labrunner.runtimes.docker.address import Address
    from labrunner.runtimes.docker.service import DockerService

PROGRAMS = Path(__file__).with_name("programs")
READY = ServiceSpec("/healthz", 60_000, ())
"""Long enough for a Python that has to wait for a CPU; only who never becomes ready waits so long."""
SOON = ServiceSpec("/healthz", 1_500, ())


def belongings(where: Address) -> dict[str, set[str]]:
    """Everything in the engine that a run may have made."""
    _, volumes = wire.ask(where.url, "GET", "/volumes", 30)
    found = {
        kind: {thing["Id"] for thing in wire.labelled(where.url, kind, labels.RUN, 30)}
        for kind in ("containers", "networks")
    }
    found["volumes"] = {volume["Name"] for volume in json.loads(volumes)["Volumes"] or ()}
    found["images"] = {
        image["Id"] for image in wire.labelled(where.url, "images", labels.RUN, 30) if image["Labels"].get(labels.RUN)
    }
    return found


def until_clean(where: Address, before: dict[str, set[str]], seconds: float) -> dict[str, set[str]]:
    """What is left that was not there before, when nothing is or the time is over."""
    give_up = time.monotonic() + seconds
    while True:
        left = {kind: ids - before[kind] for kind, ids in belongings(where).items()}
        if not any(left.values()) or time.monotonic() > give_up:
            return left
        time.sleep(0.1)


class Stager(Protocol):
    """Makes a staged solution of some files."""

    def __call__(
        self,
        files: dict[str, str],
        *,
        language: Language = ...,
        run: tuple[str, ...] = ...,
        build: tuple[str, ...] = ...,
    ) -> Staged: ...


class Launcher(Protocol):
    """Starts one of the programs."""

    def __call__(self, program: str, environment: dict[str, str] | None = None) -> DockerService: ...


def get(service: DockerService, target: str, timeout: float = 20) -> Any:
    """The JSON that it answers."""
    with urllib.request.urlopen(f"{service.url}{target}", timeout=timeout) as answer:
        return json.loads(answer.read())


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    """Until it is true; fails at the deadline."""
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, "waited in vain"
        time.sleep(0.02)
