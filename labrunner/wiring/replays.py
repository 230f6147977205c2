"""From a saved result to the same exchange with a fresh service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labrunner.errors import UsageError
from labrunner.model.replay import Replay
from labrunner.model.result import Result
from labrunner.rules import wire
from labrunner.rules.replayable import is_whole, replayable

if TYPE_CHECKING:
    from pathlib import Path

    from labrunner.model.lab import Lab
    from labrunner.model.solution import Solution


class Replays:
    """The failures of the last result.

    Args:
        path: of the result.

    Raises:
        UsageError: it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._result = wire.decode(path.read_bytes(), Result)
        except (OSError, ValueError):
            raise UsageError(f"{path} is no result that can be read.", "Run `lab test` again.") from None
        self._failures = replayable(self._result)

    def run(self, number: int, lab: Lab, solution: Solution, runtime: str) -> Replay:
        """Replay the failure of that number, from 1.

        Raises:
            UsageError: there is none of that number, or not all of it was kept.
            NotStarted: the service does not start.
        """
        if self._result.startup is not None:
            raise UsageError("In the last test your service did not start.", "Mend that first; then `lab test`.")
        if not self._failures:
            raise UsageError("No failure of the last test has a request to send again.", "Run `lab test` first.")
        if number > len(self._failures):
            raise UsageError(f"No failure {number}: the last one is {len(self._failures)}.", "Count from 1.")
        check = self._failures[number - 1]
        assert check.outcome.failure is not None
        exchange = check.outcome.failure.exchanges[-1]
        if not is_whole(exchange):
            raise UsageError(
                f"What {check.id} sent was too large to be kept whole.",
                f"Run the check again: lab test {check.id} --seed {self._result.seed}.",
            )
        from labrunner.checks import replay
        from labrunner.wiring.runs import running

        with running(lab, solution, self._result.seed, runtime, 0, lambda line: None) as session:
            return Replay(check, exchange, replay.again(session.url, exchange))
