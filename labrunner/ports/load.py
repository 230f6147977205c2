"""What measures load: learner's service and reference, in turns, and the verdicts on their ratio."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from labrunner.model.load import LoadReport, LoadSpec
    from labrunner.ports.pipe import Pipe
    from labrunner.ports.runtime import TimedService


@dataclass(frozen=True, slots=True)
class LoadOrder:
    """What to measure.

    Attributes:
        spec: thresholds.
        source: text of the lab's ``load.py``.
        environment: variables of both services.
        seed: of the run.
        trace: where the recorded requests of the learner's service are written.
    """

    spec: LoadSpec
    source: str
    environment: Mapping[str, str]
    seed: str
    trace: Path


class LoadTest(Protocol):
    """The room `labrunner.loadtest`."""

    @property
    def boot(self) -> str:
        """The command line of the generator: a program in Python, for `Runtime.generator`."""

    def measure(
        self, order: LoadOrder, pipe: Pipe, sides: Callable[[], Mapping[str, TimedService]],
        listener: Callable[[float, str], None],
    ) -> LoadReport:  # fmt: skip
        """Measure, one at a time on this machine.

        Args:
            order: what.
            pipe: the generator, just started.
            sides: starts ``learner`` and ``reference``; called when the generator has been told to prepare.
            listener: is given the share that is done, and what goes on.

        Raises:
            LoadBroken: the generator or the lab's ``load.py`` failed.
            EnvironmentProblem: another measurement keeps the machine for too long.
        """
