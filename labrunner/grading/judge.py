"""One check: its tries, until there is a verdict."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labrunner.grading.bench import OwnServices, introduced
from labrunner.model.outcome import Attempt, Failure, Outcome, Sight
from labrunner.model.status import Reason, Status
from labrunner.rules.verdict import Seen, settle

if TYPE_CHECKING:
    from labrunner.grading.session import Session
    from labrunner.model.lab import Check
    from labrunner.ports.runtime import Service

DEATH_SECONDS = 0.3
"""A broken connection and the news of the service's end may come in either order, this far apart."""
LOG_BEFORE = 0.05
"""Seconds before an exchange whose log lines still belong to it."""
_AT_LIMIT = {
    Reason.OOM: "it ran into its limit of memory",
    Reason.PIDS: "it ran into its limit of threads and processes",
    Reason.DISK_FULL: "its disk is full",
}


@dataclass(frozen=True, slots=True)
class Death:
    """The shared service died during this try, which proves nothing while other checks ran too."""

    attempt: Attempt


def judge(session: Session, check: Check) -> Outcome | Death:
    """The verdict on `check`, or the try during which the shared service died."""
    tries: list[Seen] = []
    while True:
        epoch = session.epoch
        seen = _try(session, check, len(tries))
        if isinstance(seen, Death):
            return seen
        if seen.attempt.sight is not Sight.PASSED and session.epoch != epoch:
            return Death(seen.attempt)
        tries.append(seen)
        if outcome := settle(tries):
            return outcome


def _try(session: Session, check: Check, number: int) -> Seen | Death:
    shared = session.service
    bench = OwnServices(session, check.slug)
    told = {
        "name": shared.name,
        "url": shared.url,
        "env": session.environment,
        "companions": {name: introduced(each, name) for name, each in session.shared_companions.items()},
    }
    try:
        attempt = session.suite.run(check.id, attempt=number, service=told, bench=session.with_load(bench))
        if attempt.sight not in {Sight.PASSED, Sight.ERRORED, Sight.UNDECIDED}:
            if _died(shared, attempt.sight is Sight.BROKEN):
                return Death(attempt)
            attempt = _with_evidence(attempt, {shared.name: shared, **bench.services})
        return Seen(attempt, session.witness.worst(attempt.started, attempt.ended))
    finally:
        bench.close()


def _died(service: Service, is_suspicious: bool) -> bool:
    give_up = time.monotonic() + (DEATH_SECONDS if is_suspicious else 0.0)
    while service.epitaph() is None:
        if time.monotonic() >= give_up:
            return False
        time.sleep(0.005)
    return True


def _with_evidence(attempt: Attempt, services: dict[str, Service]) -> Attempt:
    """The attempt with the service's own log lines of that moment, and its death when one of the check's own died."""
    failure = attempt.failure
    if failure is None:
        return attempt
    last = failure.exchanges[-1] if failure.exchanges else None
    service = services.get(last.service) if last else None
    if last and service and not failure.log:
        log = service.log(last.sent - LOG_BEFORE, last.answered)
        failure = dataclasses.replace(failure, log=log)
    reason = attempt.reason
    if attempt.sight is Sight.BROKEN and service and _died(service, is_suspicious=True):
        failure = dataclasses.replace(failure, got=f"the service {service.epitaph()} during this request")
        reason, attempt = Reason.CRASHED, dataclasses.replace(attempt, deadline=0.0)
    may_be_starved = last is not None and (last.status is None or last.status >= 500)
    if service and may_be_starved and (limit := service.limit()):
        failure = dataclasses.replace(failure, got=f"{failure.got}; {_AT_LIMIT[limit]}")
        reason = limit
    return dataclasses.replace(attempt, failure=failure, reason=reason)


def crashed(session: Session, death: Death) -> Outcome:
    """The verdict on a check that ran alone while the shared service died."""
    attempt = death.attempt
    epitaph = session.service.epitaph() or "ended"
    reason = session.service.limit() or Reason.CRASHED
    failure = Failure(
        expected="a service that keeps running, whatever it is asked",
        got="; ".join([f"the service {epitaph} while this check ran alone", *filter(None, [_AT_LIMIT.get(reason)])]),
        why="One bad request must not end the service for everybody. Its last words are below.",
        exchanges=attempt.failure.exchanges if attempt.failure else (),
        log=session.service.log(attempt.started - LOG_BEFORE, attempt.ended),
    )
    return Outcome(reason.status, reason, failure, tries=1, seconds=attempt.ended - attempt.started)


def not_run(session: Session, deaths: int) -> Outcome:
    """The verdict on a check that was not worth trying any more."""
    failure = Failure(
        expected="a service that keeps running, whatever it is asked",
        got=f"it was not asked: the service had died {deaths} times by then, the last time it {session.service.epitaph()}",
        why="Mend the check that ends the service first.",
    )
    return Outcome(Status.FAILED, Reason.CRASHED, failure)
