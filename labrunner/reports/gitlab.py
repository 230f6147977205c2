"""JUnit XML in the form that GitLab shows: one suite, titles as names, the file to look at; see its "Unit test reports".

GitLab takes ``[[ATTACHMENT|path]]`` in a case's output for a file of the job, so what a learner wrote must not spell it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from labrunner.reports import junit, telling

if TYPE_CHECKING:
    from labrunner.model.result import Result


def render(result: Result, folder: str = "") -> bytes:
    """UTF-8 XML.

    Args:
        result: what is reported.
        folder: where in the repository the solution lies.
    """
    root = ET.Element("testsuites")
    suite = ET.SubElement(root, "testsuite", {"name": telling.safe(result.lab), "tests": str(len(result.checks))})
    for stage, checks in telling.stages(result):
        for check in checks:
            element = junit.case(check, stage.slug)
            # GitLab tells cases apart by their names, and shows nothing else in its list.
            element.set("name", telling.safe(f"{check.title} ({check.id})"))
            element.set("file", telling.path_in(folder, "solution.toml"))
            for part in element.iter():
                part.text = part.text and _apart(part.text)
                part.attrib.update({name: _apart(value) for name, value in part.attrib.items()})
            suite.append(element)
    return junit.document(root)


def _apart(text: str) -> str:
    """`text` without two brackets side by side."""
    return re.sub(r"\[(?=\[)", "[ ", text)
