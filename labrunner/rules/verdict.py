"""From the tries of one check to its verdict: when to try again, and when enough was seen.

The rule: a check fails a solution only for what no correct solution can do. A mismatch is sound in one try; that a
deadline passed is not, for any machine can stall. So a deadline counts only when a *witness* (a minimal service under
the same limits) stayed well the whole time, and only when it was exceeded in three such tries.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labrunner.model.outcome import Attempt, Outcome, Sight
from labrunner.model.status import Reason, Status

if TYPE_CHECKING:
    from collections.abc import Sequence

EXCEEDED_TRIES = 3
"""So often must a deadline pass, with a healthy witness, before it is the service's fault."""
WELL_SECONDS = 0.1
"""A witness that always answers faster shows a machine that is not to blame."""
TRIES = 6
"""No check is tried more often than this."""
UNDECIDED_TRIES = 4
"""So many tries that could not tell make the check inconclusive."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A try, and how the witness was meanwhile.

    Attributes:
        witness_delay: seconds; the witness's slowest answer during the try.
    """

    attempt: Attempt
    witness_delay: float

    @property
    def witness_was_well(self) -> bool:
        """Whether the witness always answered within a quarter of the deadline in question."""
        return self.witness_delay < self.attempt.deadline / 4


def settle(tries: Sequence[Seen]) -> Outcome | None:
    """The verdict, or None: try once more.

    Args:
        tries: all tries so far, oldest first; at least one.
    """
    last = tries[-1].attempt
    if last.sight is Sight.PASSED:
        if not last.exchanges:
            return _outcome(tries, Status.ERRORED, note="The check passed without sending a request: no evidence.")
        return _outcome(tries, Status.PASSED)
    if last.sight is Sight.ERRORED:
        return _outcome(tries, Status.ERRORED, note=last.note)
    if last.sight is Sight.FAILED or (last.sight is Sight.BROKEN and not last.deadline):
        return _outcome(tries, Status.FAILED)
    return _of_repeats(tries)


def _of_repeats(tries: Sequence[Seen]) -> Outcome | None:
    exceeded = [seen for seen in tries if seen.attempt.sight in {Sight.EXCEEDED, Sight.BROKEN}]
    convicting = [seen for seen in exceeded if seen.witness_was_well]
    if len(convicting) >= EXCEEDED_TRIES:
        return _outcome(tries, Status.FAILED, by=convicting[-1].attempt)
    undecided = len(tries) - len(convicting)
    if undecided >= UNDECIDED_TRIES or len(tries) >= TRIES:
        stalled = max((seen.witness_delay for seen in tries), default=0.0)
        note = tries[-1].attempt.note or "a deadline passed, but the machine itself was stalled"
        if stalled < WELL_SECONDS:
            # Only if: the witness is idle, and the load generator or a burst of threads may starve where it does not.
            note += "; if that is so on a quiet machine too, the service answers too slowly for this check"
        return _outcome(tries, Status.INCONCLUSIVE, note=f"{note} (slowest witness answer: {stalled * 1e3:.0f} ms)")
    return None


def _outcome(tries: Sequence[Seen], status: Status, *, by: Attempt | None = None, note: str = "") -> Outcome:
    last = by or tries[-1].attempt
    failing = status is Status.FAILED
    reason = (last.reason or Reason.MISMATCH) if failing else None
    return Outcome(
        status=reason.status if reason else status,
        reason=reason,
        failure=last.failure if failing else None,
        note=note,
        tries=len(tries),
        seconds=sum(seen.attempt.ended - seen.attempt.started for seen in tries),
        path_seconds=last.waited + last.answering,
        margin=max(seen.attempt.margin for seen in tries),
        histories=sum(seen.attempt.histories for seen in tries),
        unknown=sum(seen.attempt.unknown for seen in tries),
        printed=next((seen.attempt.printed for seen in tries if seen.attempt.printed), ""),
        recovery=last.recovery,
        review=tuple(dict.fromkeys(flag for seen in tries for flag in seen.attempt.review)),
    )
