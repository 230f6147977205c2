"""The result is a fold over the run's events."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from labrunner.model.event import (
    CheckEnded,
    Event,
    LoadMeasured,
    Phase,
    PhaseEnded,
    RunEnded,
    RunStarted,
    StartFailed,
)
from labrunner.model.lab import Visibility
from labrunner.model.outcome import Outcome
from labrunner.model.result import SCHEMA, CheckResult, Result, StageInfo, Startup, Timing
from labrunner.model.status import Status
from labrunner.rules.score import score

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from labrunner.model.lab import Check
    from labrunner.model.load import LoadReport


class Fold:
    """Takes events one by one; `result` may be asked for at any moment, so an interrupted run has one too."""

    def __init__(self) -> None:
        self._started: RunStarted | None = None
        self._ended = RunEnded(0.0, interrupted=True)
        self._startup: Startup | None = None
        self._outcomes: dict[str, Outcome] = {}
        self._seconds: dict[Phase, float] = {}
        self._load: LoadReport | None = None

    def add(self, event: Event) -> None:
        """Take the next event."""
        match event:
            case RunStarted():
                self._started = event
            case PhaseEnded():
                self._seconds[event.phase] = event.seconds
            case StartFailed():
                self._startup = event.startup
            case CheckEnded():
                self._outcomes[event.check.id] = event.outcome
            case LoadMeasured():
                self._load = event.report
            case RunEnded():
                self._ended = event
            case _:
                pass

    @property
    def has_begun(self) -> bool:
        """Whether there is a `result` yet."""
        return self._started is not None

    @property
    def result(self) -> Result:
        """The result of what was taken so far.

        Raises:
            ValueError: not even `RunStarted` was taken.
        """
        run = self._started
        if run is None:
            raise ValueError("no RunStarted among the events")
        checks = [check for stage in run.stages for check in stage.checks]
        stage_of = {check.id: stage.slug for stage in run.stages for check in stage.checks}
        results = tuple(
            CheckResult(c.id, stage_of[c.id], c.title, c.points, c.visibility.value, self._outcome(c, run))
            for c in checks
        )
        ready = self._seconds.get(Phase.START, 0.0)
        chain = longest_chain(checks, {check.id: check.outcome.path_seconds for check in results})
        return Result(
            schema=SCHEMA,
            runner=run.runner,
            lab=run.lab,
            lab_version=run.lab_version,
            lab_digest=run.lab_digest,
            grader_digest=run.grader_digest,
            solution_digest=run.solution_digest,
            language=run.language,
            seed=run.seed,
            runtime=run.runtime,
            isolation=run.isolation,
            started_at=run.at,
            stages=tuple(StageInfo(stage.slug, stage.title, stage.points) for stage in run.stages),
            checks=results,
            score=score(results, interrupted=self._ended.interrupted),
            timing=Timing(self._ended.seconds, self._seconds.get(Phase.BUILD, 0.0), ready, ready + chain),
            startup=self._startup,
            interrupted=self._ended.interrupted,
            problem=self._ended.problem,
            at_fault=self._ended.at_fault,
            notes=run.notes,
            review=tuple(dict.fromkeys(flag for check in results for flag in check.outcome.review)),
            load=self._load,
            terms=run.terms,
        )

    def _outcome(self, check: Check, run: RunStarted) -> Outcome:
        """The verdict on `check`, also when none came."""
        if check.id in self._outcomes:
            outcome = self._outcomes[check.id]
            return _hidden(outcome) if check.visibility is Visibility.HIDDEN else outcome
        if check.id not in run.asked or self._ended.interrupted:
            return Outcome(Status.SKIPPED)
        if self._startup is not None:
            return Outcome(self._startup.reason.status, self._startup.reason)
        return Outcome(Status.ERRORED, note=self._ended.problem or "the run ended before this check")


def _hidden(outcome: Outcome) -> Outcome:
    """Of a hidden check nobody learns more than its name, the reason and its hints; a traceback would show its source."""
    note = "the check errored" if outcome.status is Status.ERRORED else ""
    return dataclasses.replace(outcome, failure=None, note=note, printed="")


def fold(events: Iterable[Event]) -> Result:
    """The result of a whole stream of events."""
    state = Fold()
    for event in events:
        state.add(event)
    return state.result


def longest_chain(checks: Iterable[Check], seconds: Mapping[str, float]) -> float:
    """Seconds of the longest path through the needs, each check costing ``seconds[id]``."""
    needs = {check.id: check.needs for check in checks}
    lengths: dict[str, float] = {}

    def length(check: str) -> float:
        if check not in lengths:
            lengths[check] = seconds[check] + max((length(need) for need in needs[check]), default=0.0)
        return lengths[check]

    return max((length(check) for check in needs), default=0.0)
