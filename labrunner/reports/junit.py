"""JUnit XML: a suite per stage, a case per check. Blocked checks are skipped ones; undecided ones are errors.

The form is that of the Ant and Maven reports, as common readers take it; there is no standard.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from labrunner.model.status import Status
from labrunner.reports import telling

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from labrunner.model.result import CheckResult, Result

_ELEMENT = {
    Status.FAILED: "failure", Status.LIMIT: "failure", Status.ERRORED: "error", Status.INCONCLUSIVE: "error",
    Status.BLOCKED: "skipped", Status.SKIPPED: "skipped",
}  # fmt: skip


def render(result: Result) -> bytes:
    """UTF-8 XML."""
    root = ET.Element("testsuites", {"name": telling.safe(result.lab)} | _totals(result.checks))
    for stage, checks in telling.stages(result):
        suite = ET.SubElement(root, "testsuite", {"name": telling.safe(stage.slug)} | _totals(checks))
        suite.set("timestamp", telling.safe(result.started_at))
        properties = ET.SubElement(suite, "properties")
        for name, value in (("title", stage.title), ("seed", result.seed), ("isolation", result.isolation.value)):
            ET.SubElement(properties, "property", {"name": name, "value": telling.safe(value)})
        for check in checks:
            suite.append(case(check, f"{result.lab}.{stage.slug}"))
    return document(root)


def case(check: CheckResult, classname: str) -> ET.Element:
    """One check; its slug is the name, its title stands in what is told."""
    element = ET.Element("testcase", {"name": telling.safe(check.id.rpartition("/")[2])})
    element.set("classname", telling.safe(classname))
    element.set("time", f"{check.outcome.seconds:.3f}")
    if (kind := _ELEMENT.get(check.status)) is not None:
        child = ET.SubElement(element, kind, {"message": f"{telling.safe(check.title)}: {telling.gist(check)}"})
        child.set("type", telling.verdict(check))
        if kind != "skipped":
            child.text = "\n".join(telling.lines(check))
    return element


def _totals(checks: Sequence[CheckResult]) -> dict[str, str]:
    kinds = [_ELEMENT.get(check.status) for check in checks]
    return {
        "tests": str(len(checks)), "failures": str(kinds.count("failure")), "errors": str(kinds.count("error")),
        "skipped": str(kinds.count("skipped")), "time": f"{_seconds(checks):.3f}",
    }  # fmt: skip


def _seconds(checks: Iterable[CheckResult]) -> float:
    return sum(check.outcome.seconds for check in checks)


def document(root: ET.Element) -> bytes:
    """`root` as a file; every text in it has been through `telling.safe`, so XML can hold each character."""
    ET.indent(root)
    page: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return page + b"\n"
