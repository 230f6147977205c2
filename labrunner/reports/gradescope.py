"""Gradescope's ``results.json``: a test per check, all output as text, never as HTML or Markdown.

An incomplete result names no score, neither for the whole nor for a check: Gradescope then says that the autograder
failed, and gives no points instead of none earned.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from labrunner.model.status import Status
from labrunner.reports import telling

if TYPE_CHECKING:
    from labrunner.model.result import CheckResult, Result


def render(result: Result) -> bytes:
    """UTF-8 JSON."""
    graded = result.score.value is not None
    output = [telling.headline(result), telling.counts(result), f"seed {telling.safe(result.seed)}"]
    if result.startup is not None:
        output += [f"Not started: {result.startup.reason}", *telling.of_failure(result.startup.failure)]
    page: dict[str, Any] = {
        "output": "\n".join([*output, *telling.remarks(result)]),
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "execution_time": round(result.timing.wall),
        "tests": [_test(check, graded=graded) for check in result.checks if check.status is not Status.SKIPPED],
        "extra_data": {"lab": telling.safe(result.lab), "solution_digest": telling.safe(result.solution_digest)},
    }
    if graded:
        page["score"] = result.score.earned
    return json.dumps(page, indent=2, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def _test(check: CheckResult, *, graded: bool) -> dict[str, Any]:
    passed = check.status is Status.PASSED
    # An inconclusive check counts for nobody: it has no points, rather than none of them.
    counted = graded and check.status is not Status.INCONCLUSIVE
    row: dict[str, Any] = {"name": telling.safe(f"{check.title} ({check.id})"), "visibility": "visible"}
    if counted:
        row |= {"score": check.points if passed else 0, "max_score": check.points}
        row["status"] = "passed" if passed else "failed"
    row["output"] = "" if passed else "\n".join(telling.lines(check))
    return row
