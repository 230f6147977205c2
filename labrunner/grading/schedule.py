"""Which check runs when. Checks mostly wait, so they run side by side, as the needs and the number of jobs allow.

When the shared service dies, every check that ran at that moment is a suspect: the service is started again, and the
suspects run one at a time, so that the one that kills it is found and the others get a fair verdict.
"""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

from labrunner.grading.judge import Death, crashed, judge, not_run
from labrunner.model.event import CheckEnded, CheckStarted, Event
from labrunner.model.lab import is_load
from labrunner.model.outcome import Outcome
from labrunner.model.status import Status
from labrunner.ports.runtime import NotStarted
from labrunner.rules.plan import blockers, first_not_passed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labrunner.grading.session import Session
    from labrunner.model.lab import Check

MOST_REVIVALS = 8
"""After so many deaths of the shared service the remaining checks are not worth trying."""

LOOK_SECONDS = 0.1
"""So often is it looked how far the load measurement is."""
_NOT_REACHED = Outcome(Status.SKIPPED, note="an earlier stage comes first")


class Schedule:
    """Runs checks, as a stream of events.

    Args:
        session: started.
        asked: ids of the checks to run.
        jobs: how many at once.
        stop_early: whether stages after the first that does not pass are left out.
    """

    def __init__(self, session: Session, asked: tuple[str, ...], jobs: int, *, stop_early: bool) -> None:
        self._session = session
        self._asked = asked
        self._waiting = [check for check in session.lab.checks if check.id in asked]
        self._stage_of = {c.id: index for index, stage in enumerate(session.lab.stages) for c in stage.checks}
        self._stop_early = stop_early
        self._jobs = jobs
        self._running: dict[Future[Outcome | Death], Check] = {}
        self._suspects: list[Check] = []
        self._verdicts: dict[str, Status] = {}
        self._held: list[tuple[Check, Outcome]] = []
        self._revivals = 0
        self._last = {check.id for check in session.lab.checks if is_load(check.id)}

    def events(self) -> Iterator[Event]:
        """Until every check has a verdict, or needs none."""
        pool = ThreadPoolExecutor(self._jobs, thread_name_prefix="check")
        try:
            while self._waiting or self._running or self._suspects:
                yield from self._leave_out()
                yield from self._settle_blocked()
                if self._session.service.epitaph() is None and not self._suspects:
                    yield from self._submit(pool)
                if self._running:
                    yield from self._collect()
                elif self._suspects or self._session.service.epitaph() is not None:
                    yield from self._find_the_culprit()
        finally:
            if self._session.load is not None:
                self._session.load.close()
            # Forks still running belong to stages that are left out; closing the suite ends them.
            pool.shutdown(wait=False, cancel_futures=True)

    def _end(self, check: Check, outcome: Outcome) -> Iterator[Event]:
        """A verdict. Of a later stage it is held back until the stages before it are through."""
        self._verdicts[check.id] = outcome.status
        self._held.append((check, outcome))
        yield from self._tell()

    def _tell(self) -> Iterator[Event]:
        """Verdicts that may be told by now; those beyond the first stage that does not pass never are."""
        limit = self._limit()
        held, self._held = sorted(self._held, key=lambda each: self._stage_of[each[0].id]), []
        for check, outcome in held:
            stage = self._stage_of[check.id]
            if limit is not None and stage > limit:
                yield CheckEnded(check, _NOT_REACHED)
            elif not self._stop_early or stage <= self._frontier():
                yield CheckEnded(check, outcome)
            else:
                self._held.append((check, outcome))

    def _limit(self) -> int | None:
        """Index of the stage after which nothing is worth running, once there is one."""
        return first_not_passed(self._session.lab, self._verdicts) if self._stop_early else None

    def _frontier(self) -> int:
        """Index of the first stage that is not through yet; what comes after it is speculation."""
        open_stages = (self._stage_of[check] for check in self._asked if check not in self._verdicts)
        return min(open_stages, default=len(self._session.lab.stages))

    def _leave_out(self) -> Iterator[Event]:
        """Drop what comes after the first stage that does not pass."""
        if (limit := self._limit()) is not None:
            yield from self._drop_after(limit)

    def _drop_after(self, limit: int) -> Iterator[Event]:
        """No check of a later stage begins any more; those under way are abandoned when nothing else is left."""
        late = [check for check in (*self._waiting, *self._suspects) if self._stage_of[check.id] > limit]
        self._waiting = [check for check in self._waiting if check not in late]
        self._suspects = [check for check in self._suspects if check not in late]
        is_over = not self._waiting and not self._suspects
        if is_over and all(self._stage_of[check.id] > limit for check in self._running.values()):
            late += self._running.values()
            self._running.clear()
        for check in late:
            self._verdicts[check.id] = Status.SKIPPED
            yield CheckEnded(check, _NOT_REACHED)

    def _settle_blocked(self) -> Iterator[Event]:
        """Checks whose needs did not pass; one settled may block the next."""
        for check in list(self._waiting):
            if in_the_way := blockers(check, self._verdicts):
                self._waiting.remove(check)
                # What the machine kept from being decided costs the learner nothing, neither here nor further on.
                is_undecided = all(self._verdicts[need] is Status.INCONCLUSIVE for need in in_the_way)
                status = Status.INCONCLUSIVE if is_undecided else Status.BLOCKED
                yield from self._end(check, Outcome(status, note=f"it needs {in_the_way[0]}", blocked_by=in_the_way))

    def _submit(self, pool: ThreadPoolExecutor) -> Iterator[Event]:
        for check in list(self._waiting):
            if len(self._running) >= self._jobs:
                return
            if blockers(check, self._verdicts) == () and (check.id not in self._last or self._is_quiet()):
                self._waiting.remove(check)
                yield CheckStarted(check)
                self._running[pool.submit(judge, self._session, check)] = check

    def _is_quiet(self) -> bool:
        """Whether only checks of the load stage are left: what else runs would be measured too."""
        return all(check.id in self._last for check in (*self._waiting, *self._running.values()))

    def _collect(self) -> Iterator[Event]:
        load = self._session.load
        is_loading = load is not None and any(check.id in self._last for check in self._running.values())
        done, _ = wait(self._running, LOOK_SECONDS if is_loading else None, return_when=FIRST_COMPLETED)
        if load is not None:
            yield from load.news()
        for future in done:
            check = self._running.pop(future)
            outcome = future.result()
            if isinstance(outcome, Death):
                self._suspects.append(check)
            else:
                yield from self._end(check, outcome)

    def _find_the_culprit(self) -> Iterator[Event]:
        """With nothing else running: revive the service if need be, and try one suspect alone."""
        session = self._session
        if session.service.epitaph() is not None:
            self._revivals += 1
            if self._revivals > MOST_REVIVALS:
                yield from self._give_up()
                return
            try:
                session.revive()
            except NotStarted as refusal:
                yield from self._give_up(refusal)
                return
        if self._suspects:
            check = self._suspects.pop(0)
            outcome = judge(session, check)
            yield from self._end(check, crashed(session, outcome) if isinstance(outcome, Death) else outcome)

    def _give_up(self, refusal: NotStarted | None = None) -> Iterator[Event]:
        left = [*self._suspects, *self._waiting]
        self._suspects, self._waiting = [], []
        outcome = not_run(self._session, self._revivals)
        if refusal is not None:
            reason = refusal.startup.reason
            outcome = Outcome(reason.status, reason, refusal.startup.failure)
        for check in left:
            yield from self._end(check, outcome)
