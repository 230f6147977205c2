"""Plans that nobody wrote down: Hypothesis makes them, and shrinks one that fails before it is shown.

The plan of a failure needs no record of its own: the failing connection's transcript holds each piece as it was sent,
and `lab replay` sends it again.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Generic, TypeVar

from labrunner.checks.verdicts import Undecided, Verdict

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from hypothesis.strategies import SearchStrategy

Plan = TypeVar("Plan")
SHRINKING_SECONDS = 4.0
"""So long is a failing plan made smaller; one that fails by a deadline is tried a few times at most."""


def for_all(
    plans: Callable[[], SearchStrategy[Plan]], attempt: Callable[[Plan], None], *, rng: random.Random, examples: int
) -> None:
    """Try `attempt` on that many plans; a failure is that of the smallest failing plan that was found in time.

    Args:
        plans: makes the strategy; a function, so that Hypothesis is loaded by the checks that use it and no others.
        attempt: one try; ends by a verdict as any check does.
        rng: of the check, so that a seed repeats the plans.
        examples: how many plans.
    """
    # A tenth of a second that only the checks that use plans pay, each in its own fork.
    import hypothesis  # noqa: PLC0415

    trial = _Trial(attempt)
    settings = hypothesis.settings(
        max_examples=examples,
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        print_blob=False,
        verbosity=hypothesis.Verbosity.quiet,
        phases=(hypothesis.Phase.generate, hypothesis.Phase.shrink),
        suppress_health_check=list(hypothesis.HealthCheck),
    )

    @hypothesis.seed(rng.getrandbits(64))
    @settings
    @hypothesis.given(plan=plans())
    def run(plan: Plan) -> None:
        trial.run(plan)

    try:
        run()
    except Undecided:
        raise
    except BaseException:
        # A fault that shows itself only now and then is "flaky" to Hypothesis; what was seen was seen.
        if trial.smallest is None:
            raise
    if trial.smallest is not None:
        raise trial.smallest


class _Trial(Generic[Plan]):
    def __init__(self, attempt: Callable[[Plan], None]) -> None:
        self._attempt = attempt
        self._until = 0.0
        self.smallest: Verdict | None = None

    def run(self, plan: Plan) -> None:
        if self.smallest is not None and time.monotonic() > self._until:
            return
        try:
            self._attempt(plan)
        except Verdict as verdict:
            if self.smallest is None:
                self._until = time.monotonic() + SHRINKING_SECONDS
            # Hypothesis goes from larger to smaller, so the last failure is the smallest so far.
            self.smallest = verdict
            raise
