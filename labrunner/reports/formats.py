"""The formats that ``--report`` knows; `labrunner.cli.options` names them without loading them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labrunner.model.result import Result

FORMATS = ("json", "junit", "gitlab", "markdown", "github", "gradescope", "html")
"""Each is the module of that name beside this one, with a function `render`."""
PLACED = ("gitlab", "github")
"""Those that point at files, and must know where in its repository the solution lies."""


def render(name: str, result: Result, folder: str = "") -> bytes:
    """The report called `name`. No other format is loaded: a template engine for JSON would delay a learner's prompt.

    Args:
        name: one of `FORMATS`.
        result: what is reported.
        folder: where in its repository the solution lies.
    """
    module = importlib.import_module(f"labrunner.reports.{name}")
    report: bytes = module.render(result, folder) if name in PLACED else module.render(result)
    return report
