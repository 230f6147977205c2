"""Short ways to say what a test is about, with everything else filled in."""

from __future__ import annotations

from pathlib import Path

from labrunner.model.event import RunStarted
from labrunner.model.lab import Check, Lab, Language, Level, ServiceSpec, Stage, Visibility
from labrunner.model.outcome import Attempt, Exchange, Failure, Outcome, Sight
from labrunner.model.result import CheckResult, Isolation
from labrunner.model.status import Status
from labrunner.rules.verdict import Seen

SPEC = ServiceSpec(ready="/healthz", ready_within_ms=2000, try_lines=())


def check(check_id: str, *needs: str, points: int = 1, visibility: Visibility = Visibility.OPEN) -> Check:
    """A check called ``stage/slug``."""
    slug = check_id.split("/")[1]
    return Check(check_id, slug, slug.capitalize(), points, ("R-1",), ("one", "two"), needs, visibility)


def lab(*checks: Check) -> Lab:
    """A lab with these checks, in stages as their ids say."""
    slugs = dict.fromkeys(item.id.split("/")[0] for item in checks)
    stages = tuple(
        Stage(slug, slug.capitalize(), "a goal", tuple(item for item in checks if item.id.startswith(f"{slug}/")))
        for slug in slugs
    )
    nowhere = Path("/nowhere")
    return Lab("tiny", "1.0.0", "Tiny", "A lab.", Level.BEGINNER, 1, (Language.PYTHON,), 0, SPEC, stages, "core",
               nowhere / "README.md", nowhere / "lab.toml", nowhere, nowhere)  # fmt: skip


def started(of: Lab, asked: tuple[str, ...] | None = None) -> RunStarted:
    """The first event of a run of that lab."""
    return RunStarted(
        at="2030-01-02T03:04:05+00:00",
        runner="0.0.0",
        lab=of.id,
        lab_version=of.version,
        lab_digest="sha256:1",
        grader_digest="sha256:2",
        solution_digest="sha256:3",
        language="python",
        seed="s33d",
        runtime="process",
        isolation=Isolation.PARTIAL,
        notes=(),
        stages=of.stages,
        asked=tuple(item.id for item in of.checks) if asked is None else asked,
    )


def checked(status: Status, points: int = 1, check_id: str = "a/x", *, visibility: str = "open") -> CheckResult:
    """A check with its verdict."""
    return CheckResult(check_id, check_id.split("/", maxsplit=1)[0], "Title", points, visibility, Outcome(status))


def exchange(target: str = "/x", *, method: str = "GET", headers: tuple[tuple[str, str], ...] = (),
             body: str = "") -> Exchange:  # fmt: skip
    """A request, answered 200."""
    return Exchange(method, target, headers, body, sent=1.0, answered=1.1, status=200)


def attempt(sight: Sight, *, deadline: float = 0.0, exchanges: int = 1, note: str = "", began: float = 0.0) -> Attempt:
    """One try; with evidence, where that sight has any."""
    has_failure = sight in {Sight.FAILED, Sight.BROKEN, Sight.EXCEEDED}
    failure = Failure("this", "that", "because", (exchange(),)) if has_failure else None
    return Attempt(sight, began, began + 1.0, failure=failure, deadline=deadline, note=note, exchanges=exchanges,
                   waited=0.25, answering=0.5)  # fmt: skip


def seen(sight: Sight, witness_delay: float = 0.0, *, deadline: float = 1.0, note: str = "") -> Seen:
    """One try, and the witness's slowest answer meanwhile."""
    return Seen(attempt(sight, deadline=deadline, note=note), witness_delay)
