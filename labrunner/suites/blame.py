"""Where in a grader's own files an exception came from: what its author reads first."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def told(fault: BaseException, graders: Iterable[Path]) -> str:
    """One line with place and reason, then the traceback."""
    root = _root_cause(fault)
    reason = f"{type(root).__name__}: {root}".splitlines()[0]
    where = place(root, graders)
    first = f"{where}: {reason}" if where else reason
    return f"{first}\n{''.join(traceback.format_exception(fault))}"


def place(fault: BaseException, graders: Iterable[Path]) -> str:
    """``graders/<id>/<file>:<line>``, the innermost that is the grader's; empty when there is none."""
    folders = [folder.resolve() for folder in graders]
    if isinstance(fault, SyntaxError) and fault.filename:
        return _named(fault.filename, fault.lineno or 1, folders)
    for frame in reversed(traceback.extract_tb(fault.__traceback__)):
        if named := _named(frame.filename, frame.lineno or 1, folders):
            return named
    return ""


def _named(file: str, line: int, folders: list[Path]) -> str:
    path = Path(file)
    for folder in folders:
        if path.is_relative_to(folder):
            return f"graders/{folder.name}/{path.relative_to(folder)}:{line}"
    return ""


def _root_cause(fault: BaseException) -> BaseException:
    """What pytest wrapped while it collected."""
    while fault.__cause__ is not None:
        fault = fault.__cause__
    return fault
