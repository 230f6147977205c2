"""One job of the build phase: a command in a container of its own, whose file system becomes an image."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn

from labrunner.errors import EnvironmentProblem
from labrunner.model.outcome import Failure
from labrunner.model.result import Startup
from labrunner.model.status import Reason
from labrunner.ports.runtime import NotStarted
from labrunner.rules.text import printable
from labrunner.runtimes.docker import archive, host, labels
from labrunner.runtimes.docker.container import Container, Plan
from labrunner.runtimes.docker.engine import told
from labrunner.runtimes.docker.output import of_execution
from labrunner.runtimes.docker.profile import BUILD, USER
from labrunner.runtimes.package_index import does_not_answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labrunner.runtimes.docker.engine import Engine

DEADLINE = 300.0
"""Seconds for one job."""
PROBE_SECONDS = 60.0
"""Seconds for an index to show that it answers."""
LAST_LINES = 15
KEPT_BYTES = 64 * 1024
LEAST_FREE_KIB = 16 * 1024
_CERTIFICATES = "tmp/lab-certificates.crt"


@dataclass(frozen=True, slots=True)
class Job:
    """A command, run in ``/app``.

    Attributes:
        probe: for an installer: asks the same index for a package that is surely there.
        environment: for both, beside the host's proxies; the image does not remember it.
        deadline: seconds.
    """

    argv: tuple[str, ...]
    needs_network: bool = True
    probe: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    deadline: float = DEADLINE


def carry_out(engine: Engine, run: labels.Run, image: str, files: bytes, job: Job, tag: str) -> str:
    """Run `job` in `image` with `files` (a tar archive); returns the id of what it left, tagged `tag`.

    Raises:
        NotStarted: it failed, or took too long.
        EnvironmentProblem: the engine cannot, or has no room left.
    """
    plan = Plan(
        image=image,
        command=["tail", "-f", "/dev/null"],
        profile=BUILD,
        network="bridge" if job.needs_network else "",
        workdir="/app",
    )
    container = Container(engine, run, plan)
    try:
        container.start()
        with told():
            engine.api.put_archive(container.id, "/", files)
        _install_certificates(engine, container)
        code, output = _execute(engine, container, job)
        if code:
            _refuse_unless_full(container)
            _refuse_unless_answering(engine, container, job)
            _refuse(Reason.BUILD_FAILED, f"`{' '.join(job.argv)}` ended with code {code}{_of_signal(code)}", output)
        container.run_inside(["sh", "-c", "rm -rf /tmp/* /tmp/.[!.]*"])
        return _commit(engine, container, job, tag)
    finally:
        container.remove()


def _install_certificates(engine: Engine, container: Container) -> None:
    if certificates := host.bundle():
        with told():
            engine.api.put_archive(container.id, "/", archive.of_files({_CERTIFICATES: (certificates, 0o644)}))


def _execute(engine: Engine, container: Container, job: Job) -> tuple[int, bytes]:
    """Exit code and the end of the output; at the deadline the container is killed, which ends the stream."""
    environment = {"HOME": "/tmp", "LANG": "C.UTF-8", **host.proxies(), **job.environment}  # noqa: S108 - inside the container
    if host.bundle():
        environment |= host.trust(f"/{_CERTIFICATES}")
    is_late = threading.Event()

    def end() -> None:
        is_late.set()
        container.signal("SIGKILL")

    timer = threading.Timer(job.deadline, end)
    timer.start()
    began = time.monotonic()
    output = bytearray()

    def keep(kind: int, data: bytes) -> None:
        output.extend(data)
        del output[:-KEPT_BYTES]

    try:
        with told():
            execution = engine.api.exec_create(
                container.id, list(job.argv), user=USER, workdir="/app", environment=environment
            )["Id"]
            of_execution(engine, execution, keep)
            code = engine.api.exec_inspect(execution)["ExitCode"]
    finally:
        timer.cancel()
    if is_late.is_set() or time.monotonic() - began > job.deadline:
        got = f"`{' '.join(job.argv)}` took longer than {job.deadline:.0f} s"
        _refuse(Reason.BUILD_TIMEOUT, got, bytes(output))
    return (137 if code is None else int(code)), bytes(output)


def _commit(engine: Engine, container: Container, job: Job, tag: str) -> str:
    """The image outlives the run, so its labels must not be the run's."""
    repository, _, version = tag.partition(":")
    cached = {labels.RUN: "", labels.OWNER: "", labels.CACHE: " ".join(job.argv)[:200]}
    with told():
        return str(engine.api.commit(container.id, repository, version, conf={"Labels": cached})["Id"])


def _of_signal(code: int) -> str:
    return f" (killed; its memory is bounded by {BUILD.memory >> 20} MiB)" if code == 137 else ""


def _refuse_unless_answering(engine: Engine, container: Container, job: Job) -> None:
    """An index that does not answer is not the learner's fault."""
    if not job.probe:
        return
    try:
        code, output = _execute(engine, container, Job(job.probe, environment=job.environment, deadline=PROBE_SECONDS))
    except NotStarted:
        raise does_not_answer(f"no answer within {PROBE_SECONDS:.0f} s") from None
    if code:
        lines = output.decode("utf-8", "backslashreplace").strip().splitlines()
        raise does_not_answer(printable(lines[-1]) if lines else f"code {code}")


def _refuse_unless_full(container: Container) -> None:
    """No room left on the engine's disk is not the learner's fault."""
    rows = container.run_inside(["df", "-k", "--output=avail", "/"]).split()
    if len(rows) == 2 and rows[1].isdigit() and int(rows[1]) < LEAST_FREE_KIB:
        raise EnvironmentProblem(
            "The disk of the Docker engine is full, so the solution could not be built.",
            "Free some room: docker system prune.",
        )


def _refuse(reason: Reason, got: str, output: bytes) -> NoReturn:
    lines = output.decode("utf-8", "backslashreplace").splitlines()
    log = tuple(printable(line.rstrip()[:500]) for line in lines if line.strip())[-LAST_LINES:]
    raise NotStarted(Startup(reason, Failure("a build that succeeds", got, "Its last lines are below.", log=log)))
