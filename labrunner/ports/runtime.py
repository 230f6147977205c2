"""What runs a learner's service: `process` and `docker`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from labrunner.ports.target import Target

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from labrunner.model.lab import ServiceSpec
    from labrunner.model.result import Isolation, Startup
    from labrunner.model.solution import Staged
    from labrunner.model.status import Reason
    from labrunner.ports.companion import Companion, CompanionKind
    from labrunner.ports.pipe import Pipe


LEARNER, REFERENCE = "learner", "reference"
"""The sides of a run: under load the reference runs too, with companions of its own."""


class NotStarted(Exception):
    """The solution could not be built or started, and is itself at fault.

    Attributes:
        startup: why.
        deadline: seconds; set when all that is wrong is that a deadline passed, which a stalled machine can cause too.
    """

    def __init__(self, startup: Startup, deadline: float | None = None) -> None:
        super().__init__(startup.failure.got)
        self.startup = startup
        self.deadline = deadline


@dataclass(frozen=True, slots=True)
class Exit:
    """How a stopped service ended.

    Attributes:
        code: exit status, negative for a signal; None when the deadline passed and it was killed.
        seconds: from SIGTERM to its end.
    """

    code: int | None
    seconds: float


class Service(Target, Protocol):
    """One running instance of the learner's service."""

    @property
    def url(self) -> str:
        """``http://host:port`` as the grader reaches it."""

    def wait_ready(self, spec: ServiceSpec) -> float:
        """Wait for the answer that says ready; return the seconds since its (re)start.

        Raises:
            NotStarted: it ended, or the deadline passed; the failure says which, and how.
        """

    def memory(self) -> int | None:
        """Bytes of resident memory that all its processes have together; None where nobody can tell."""

    def stored(self) -> int | None:
        """Bytes of all files below its ``DATA_DIR``; None where nobody can tell."""

    def limit(self) -> Reason | None:
        """The resource limit (OOM, PIDS, DISK_FULL) that it ran into since its start; None where nothing is known."""

    def follow(self, listener: Callable[[str], None]) -> None:
        """Call `listener` with each safe line from now on, from another thread."""

    def stop(self, within: float) -> Exit:
        """SIGTERM; after `within` seconds SIGKILL."""

    def put_data(self, path: str, content: bytes) -> None:
        """Write a file below its ``DATA_DIR``, which it may read and write as its own."""

    def link_data(self, path: str, target: str) -> None:
        """Make a symbolic link below its ``DATA_DIR`` to another place below it."""

    def read_data(self, path: str) -> bytes | None:
        """A file below its ``DATA_DIR``; None when there is none."""


class TimedService(Service, Protocol):
    """An instance for timed windows: on CPUs without a quota, and reached by the load generator on the shortest way."""

    @property
    def inner(self) -> tuple[str, int]:
        """Host and port as the generator reaches it, with nothing in between."""

    def cpu_seconds(self) -> float | None:
        """CPU time that all its processes have used so far; None where that cannot be known."""


class Witness(Protocol):
    """A minimal service under the same limits; slow when, and only when, the machine is."""

    def worst(self, since: float, until: float) -> float:
        """Seconds of its slowest answer in that span, one still outstanding included.

        Raises:
            EnvironmentProblem: it could not be started.
        """

    def close(self) -> None:
        """End it."""


class Runtime(Protocol):
    """Builds and starts services."""

    @property
    def name(self) -> str:
        """``process`` or ``docker``."""

    @property
    def isolation(self) -> Isolation:
        """How far services are kept from the machine."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the result should know of the isolation, in sentences."""

    def build(self, staged: Staged) -> None:
        """The build phase of `staged`; remembered by content, so that a second one costs nothing.

        Raises:
            NotStarted: BUILD_FAILED or BUILD_TIMEOUT, with the last lines.
            EnvironmentProblem: a tool that the language needs is missing.
        """

    def launch(self, staged: Staged, environment: Mapping[str, str], *, name: str, port: int = 0) -> Service:
        """Start `staged` (built before); does not wait until it is ready.

        Args:
            staged: what to run.
            environment: the lab's own variables; HOST, PORT and DATA_DIR are added. A value ``$DATA_DIR/NAME`` is a
                folder there, which is made.
            name: what messages call the service.
            port: the port to listen on; 0 for any free one.
        """

    def companion(self, kind: CompanionKind, *, name: str, side: str | None = None) -> Companion:
        """Start a companion; does not wait until it is ready.

        Args:
            kind: of which sort.
            name: what messages call it.
            side: under load, whose services reach it, as in `launch_timed`; it uses their CPU, not the generator's.

        Raises:
            EnvironmentProblem: its image is not built, or its program not on this machine.
        """

    def launch_timed(self, staged: Staged, environment: Mapping[str, str], *, name: str, side: str) -> TimedService:
        """As `launch`, for timed windows: all such services share one CPU, so that only one of them may run at a time.

        Args:
            staged: what to run.
            environment: the lab's own variables.
            name: what messages call the service.
            side: `LEARNER` or `REFERENCE`; in containers, sides cannot reach each other.
        """

    def generator(self, boot: str) -> Pipe:
        """Start a Python that has Locust, on the CPUs that timed services do not use, where it reaches both sides.

        Args:
            boot: the program, as on a command line.

        Raises:
            EnvironmentProblem: an image is missing, or the engine cannot.
        """

    def witness(self) -> Witness:
        """Start the witness."""

    def close(self) -> None:
        """End everything that was started; nothing survives. May be called twice."""

    def abandon(self) -> None:
        """`close`, for a process that is about to end: what takes long is done without it, within seconds."""
