"""One container of ours: a Testcontainers class that listens before it starts, and retries what is the engine's fault."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import docker.errors
from testcontainers.core.container import DockerContainer

from labrunner.errors import EnvironmentProblem
from labrunner.runtimes.docker.engine import Engine, explanation, told

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from docker.types import EndpointConfig

    from labrunner.runtimes.docker.labels import Run
    from labrunner.runtimes.docker.profile import Profile

TRIES = 5
PUBLISHED_SECONDS = 5.0
_PASSING = ("port is already allocated", "address already in use", "iptables", "resource temporarily unavailable",
            "failed to create endpoint", "device or resource busy", "try again", "timeout")  # fmt: skip
"""Faults of a busy engine that another try gets round."""
_NO_PROGRAM = ("executable file not found", "exec format error", "exec: ", "No command specified")
"""Faults of the image's or the learner's command."""


class CannotExecute(Exception):
    """The engine could not execute the container's program: whoever wrote the image is at fault, not the engine."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a container is started from.

    Attributes:
        image: id, not name: what runs is what was looked up.
        ports: container port to (address, port or None) on the host.
        network: its name; empty for none at all.
        endpoint: fixed address and aliases there.
        has_input: whether its standard input is open, until whoever attached to it lets go.
    """

    image: str
    command: Sequence[str] | None
    profile: Profile
    environment: Mapping[str, str] = field(default_factory=dict)
    network: str = ""
    endpoint: EndpointConfig | None = None
    ports: Mapping[str, tuple[str, int | None]] = field(default_factory=dict)
    workdir: str | None = None
    has_input: bool = False


class Container(DockerContainer):
    """A hardened container that belongs to a run.

    Args:
        engine: where.
        run: bears its labels.
        plan: what.
        before_start: called with the container's id when it exists but does not run yet.
    """

    def __init__(
        self, engine: Engine, run: Run, plan: Plan, before_start: Callable[[str], None] = lambda identity: None
    ) -> None:
        super().__init__(plan.image, docker_client_kw={"version": engine.api.api_version}, env=dict(plan.environment))
        self.get_docker_client().client.close()
        self.image = plan.image  # a prefix for registries in the environment is not for us
        self._docker = _Listening(engine, before_start)
        self._engine = engine
        self._command = list(plan.command) if plan.command is not None else None
        self.tmpfs = dict(plan.profile.tmpfs)
        self.ports = dict(plan.ports)  # type: ignore[arg-type] # (address, port) is as good to docker-py
        self.with_kwargs(**plan.profile.kwargs(), **_network(plan), labels=run.labels, working_dir=plan.workdir,
                         **({"stdin_open": True} if plan.has_input else {}))  # fmt: skip

    @property
    def id(self) -> str:
        """Of the container, once created."""
        return self.get_container_id()

    def start(self) -> Container:
        """Create and start it; what failed is removed, and what only a busy engine does is tried again.

        Raises:
            EnvironmentProblem: the engine cannot.
            CannotExecute: the image's program cannot be executed.
        """
        for attempt in range(TRIES):
            try:
                with told():
                    return self._start_once()
            except _Passing as fault:
                if attempt == TRIES - 1:
                    raise EnvironmentProblem(
                        f"The Docker engine cannot start a container: {fault}.",
                        "Try again when it is less busy; `lab doctor` looks at it.",
                    ) from None
                time.sleep(0.1 * 2**attempt)
        raise AssertionError("unreachable")

    def _start_once(self) -> Container:
        try:
            super().start()
        except docker.errors.APIError as fault:
            self.remove()
            words = explanation(fault)
            if any(word in words.lower() for word in _PASSING):
                raise _Passing(words) from None
            if any(word in words for word in _NO_PROGRAM):
                raise CannotExecute(words) from None
            raise
        except BaseException:
            self.remove()
            raise
        return self

    def signal(self, name: str) -> None:
        """Send a signal to its init; one that is not running gets none."""
        with told(), contextlib.suppress(docker.errors.NotFound):
            try:
                self._engine.api.kill(self.id, name)
            except docker.errors.APIError as fault:
                if fault.status_code != 409:
                    raise

    def pause(self) -> None:
        """Freeze every process of it at once; returns when they are. What a busy kernel cannot freeze is tried again."""
        for attempt in range(TRIES):
            with told():
                try:
                    self._engine.api.pause(self.id)
                except docker.errors.APIError as fault:
                    if "unable to freeze" not in explanation(fault) or attempt == TRIES - 1:
                        raise
                else:
                    return
            time.sleep(0.05 * 2**attempt)

    def unpause(self) -> None:
        """Undo `pause`; nothing happens to one that is not paused."""
        with told():
            try:
                self._engine.api.unpause(self.id)
            except docker.errors.APIError as fault:
                if fault.status_code not in {409, 500}:
                    raise

    def start_again(self) -> None:
        """Start it after its end: same address, but its tmpfs are empty."""
        with told():
            self._engine.api.start(self.id)

    def inspect(self) -> dict[str, Any]:
        """All that the engine knows of it."""
        with told():
            told_of: dict[str, Any] = self._engine.api.inspect_container(self.id)
        return told_of

    def execute(self, command: Sequence[str]) -> tuple[int, bytes]:
        """Run a short command inside; its exit code, and what it writes to both streams."""
        with told():
            done = self.exec(list(command))
        return done.exit_code or 0, bytes(done.output)

    def published(self) -> dict[int, int]:
        """Port on the host by port of the container, once it runs.

        Raises:
            EnvironmentProblem: it ended, or none is published in time.
        """
        give_up = time.monotonic() + PUBLISHED_SECONDS
        while time.monotonic() < give_up:
            state = self.inspect()
            if not state["State"]["Running"]:
                words = b" ".join(self.get_logs()).decode("utf-8", "replace")[-200:].strip()
                raise EnvironmentProblem(f"A container of ours ended at once: {words}", "See `lab doctor`.")
            found = {
                int(port.partition("/")[0]): int(bindings[0]["HostPort"])
                for port, bindings in state["NetworkSettings"]["Ports"].items()
                if bindings
            }
            if found:
                return found
            time.sleep(0.02)
        raise EnvironmentProblem("The Docker engine published no port of a container.", "See the engine's log.")

    def resident(self) -> int | None:
        """Bytes of memory that are no file's, as its cgroup counts them; None when the engine does not tell."""
        counted = self._usage().get("memory_stats", {}).get("stats", {})
        value = counted.get("anon", counted.get("total_rss", counted.get("rss")))
        return int(value) if value else None

    def cpu_seconds(self) -> float | None:
        """CPU time that all its processes have used; None when it does not run."""
        used = self._usage().get("cpu_stats", {}).get("cpu_usage", {}).get("total_usage")
        return int(used) / 1e9 if used else None

    def _usage(self) -> dict[str, Any]:
        with told():
            # At once: without one_shot the engine waits a second for a second sample, to tell the use of CPU.
            seen: dict[str, Any] = self._engine.api.stats(self.id, stream=False, one_shot=True)
        return seen

    def run_inside(self, command: Sequence[str]) -> str:
        """What a short command inside writes; empty when it cannot be run (best effort, for diagnosis)."""
        try:
            return self.execute(command)[1].decode("utf-8", "replace")
        except Exception:  # noqa: BLE001 - a diagnosis must not add a failure of its own
            return ""

    def remove(self) -> None:
        """Whatever state it is in; may be called twice.

        Raises:
            EnvironmentProblem: the engine does not answer.
        """
        if self._container is None:
            return
        with told(), contextlib.suppress(docker.errors.NotFound):
            for _ in range(TRIES):
                try:
                    self._engine.api.remove_container(self.id, force=True, v=True)
                    break
                except docker.errors.APIError as fault:
                    if "already in progress" not in explanation(fault):
                        raise
                    time.sleep(0.05)


class _Passing(Exception):
    """Another try may well succeed."""


class _Listening(Engine):
    """The engine, with a moment between creating and starting, in which no output can be missed yet."""

    def __init__(self, engine: Engine, before_start: Callable[[str], None]) -> None:
        self.address = engine.address
        self.client = engine.client
        self._before_start = before_start

    def start(self, container: Any) -> None:
        self._before_start(container.id)
        super().start(container)


def _network(plan: Plan) -> dict[str, Any]:
    if not plan.network:
        return {"network_mode": "none"}
    return {
        "network": plan.network,
        **({"networking_config": {plan.network: plan.endpoint}} if plan.endpoint is not None else {}),
    }
