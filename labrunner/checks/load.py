"""The load measurement, as a check sees it: the verdicts on the ratios, and every recorded request."""

from __future__ import annotations

import array
import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from labrunner.checks.companions import Companion
from labrunner.checks.diary import DIARY
from labrunner.checks.faults import timed_call
from labrunner.checks.verdicts import Failed, fail, undecided
from labrunner.model.load import Call, Comparison, LoadReport, Measure
from labrunner.model.outcome import Failure
from labrunner.model.status import Reason
from labrunner.rules import wire

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labrunner.ports.suite import Bench

MOST_UNANSWERED = 0.02
"""Share of the requests whose outcome may be unknown; with more, the trace cannot be judged."""
_COLUMNS = {"key": "I", "tag": "i", "status": "h", "value": "i", "sent": "d", "answered": "d"}


class Record(NamedTuple):
    """One request of the trace.

    Attributes:
        tag: as the lab's plan set it, such as a cost.
        status: of the answer; 0 when its outcome is unknown (it was carried out once or not at all, C-16).
        value: what the lab's `RawUser.read` made of the answer.
        sent, answered: monotonic seconds.
    """

    tag: int
    status: int
    value: int
    sent: float
    answered: float


@dataclass(frozen=True, slots=True)
class Load:
    """What was measured.

    Attributes:
        env: the variables of the service under load.
        companions: by name, those beside it (``shared_companions``), which saw nobody else; they still answer.
    """

    report: LoadReport
    env: dict[str, str]
    companions: dict[str, Companion]
    _trace: dict[str, Any]

    def require_answers(self) -> None:
        """End the check unless every answer is right in itself (as the lab's `RawUser.read` says)."""
        if self._trace["wrongs"]:
            shown = self._trace["wrong"][0]
            line = shown["request"].splitlines()[0]
            got = f"{shown['status']} {shown['body']}" if shown["status"] > 0 else shown["body"]
            fail(
                expected="a right answer to every request, however many come at once",
                got=f"{self._trace['wrongs']} of {self.report.requests:,} are wrong, such as `{line}`: {got}",
                why="Speed counts only while the answers are right.",
            )
        self._require_outcomes()

    def _require_outcomes(self) -> None:
        unanswered, requests = self.report.unanswered, self.report.requests
        if not requests or unanswered > MOST_UNANSWERED * requests:
            undecided(f"{unanswered} of {requests} requests under load have no known outcome")

    def require_capacity(self) -> None:
        """End the check unless the service's capacity is enough, compared with the reference's."""
        found = self.report.capacity
        if found.call is Call.INCONCLUSIVE:
            undecided(f"capacity: {found.note}")
        if found.call is Call.FAILED:
            _slow(
                found,
                what="throughput" if found.measure is Measure.THROUGHPUT else "CPU time per request",
                expected=f"at least {found.threshold:.2f} of the reference's capacity",
                why="The reference is plain code, not tuned. What does a request wait for: a lock held too long, or work "
                "that grows with the number of clients?",
            )

    def require_latency(self) -> None:
        """End the check unless the service's latency at a fixed rate is near the reference's, or good anyway."""
        found, own, other = self.report.latency, self.report.learner, self.report.reference
        if found is None or found.call is Call.INCONCLUSIVE:
            undecided(f"latency: {found.note if found else 'the reference answered nothing'}")
        if found.call is Call.FAILED:
            fail(
                expected=f"95 of 100 answers within {self.report.objective_ms:.0f} ms, or about as fast as the reference's",
                got=f"95 of 100 within {own.p95_ms:.1f} ms (the reference: {other.p95_ms:.1f} ms) at {self.report.rate:,.0f} "
                f"requests a second, in {found.pairs} pairs of windows",
                why="What an answer takes beyond that, everybody behind it waits for.",
            )

    def by_key(self) -> Iterator[tuple[str, list[Record]]]:
        """All recorded requests of the service, sorted by key; each key's in the order of their sending."""
        self._require_outcomes()
        if self.report.dropped:
            # One that is missing may be what explains an answer that is there.
            undecided(f"{self.report.dropped:,} requests under load were more than can be kept")
        columns = {name: self._column(name) for name in _COLUMNS}
        sorted_records: list[list[Record]] = [[] for _ in self._trace["keys"]]
        for key, *record in zip(
            columns["key"], *(columns[name] for name in ("tag", "status", "value", "sent", "answered")), strict=True
        ):
            sorted_records[key].append(Record(*record))
        for key, records in zip(self._trace["keys"], sorted_records, strict=True):
            records.sort(key=lambda record: record.sent)
            yield key, records

    def _column(self, name: str) -> Any:
        return array.array(_COLUMNS[name], base64.b64decode(self._trace[name]))


def measured(bench: Bench) -> Load:
    """Ask the runner; it measures once per run."""
    told = timed_call(bench, "load", {}, is_declared=True)
    report = wire.decode(wire.encode(told["report"]), LoadReport)
    trace = json.loads(Path(told["trace"]).read_bytes())
    DIARY.note_requests(report.requests)
    companions = {name: Companion(bench, each) for name, each in told["companions"].items()}
    return Load(report, dict(told["env"]), companions, trace)


def _slow(found: Comparison, *, what: str, expected: str, why: str) -> NoReturn:
    got = (
        f"{found.median:.2f} of it by {what} (median of {found.pairs} pairs of windows, {found.least:.2f} to "
        f"{found.most:.2f}; 95 % interval {found.low:.2f} to {found.high:.2f})"
    )
    raise Failed(Failure(expected, got, why), Reason.MISMATCH)
