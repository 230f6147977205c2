"""Reports to files and to standard output. Heavy: imported late."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from labrunner.reports import formats
from labrunner.solution.progress import write_whole

if TYPE_CHECKING:
    from pathlib import Path

    from labrunner.model.result import Result


def write(result: Result, outputs: list[tuple[str, Path | None]], folder: str = "") -> None:
    """Write each report, to its file or (None) to standard output.

    Args:
        result: what is reported.
        outputs: formats and files.
        folder: where in its repository the solution lies.

    Raises:
        EnvironmentProblem: a file cannot be written; those before it are.
    """
    for name, path in outputs:
        data = formats.render(name, result, folder)
        if path is None:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        else:
            write_whole(path, data)
