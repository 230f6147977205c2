"""`lab grade`: a run, or the result that is there already; what comes of it is kept and handed out. Heavy: imported late."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from labrunner.cli.grading import Run, shown
from labrunner.errors import UsageError
from labrunner.rules.score import exit_code
from labrunner.wiring.handing import Handing, hand_out

if TYPE_CHECKING:
    from pathlib import Path

    from labrunner.model.result import Result


def conduct(run: Run, outputs: list[tuple[str, Path | None]], handing: Handing) -> int:
    """Grade, or find what was graded; show, write and hand out. Returns the exit code."""
    if handing.envelope is not None and not handing.subject.owner:
        raise UsageError("An envelope says whose result it is.", "Add --owner NAME.")
    if handing.store is None:
        return run.conduct(outputs, then=lambda result: hand_out(result, handing, run.wish.lab))
    from labrunner.wiring.kept import Kept, content_key

    kept, key = Kept(handing.store), content_key(run.wish)
    if (result := kept.find(key)) is not None:
        click.echo("This content was graded before; its result is shown again.", err=True)
        shown(result, outputs, run.folder)
        hand_out(result, handing, run.wish.lab, reused=True)
        return exit_code(result)

    def then(result: Result) -> None:
        kept.keep(key, result)
        hand_out(result, handing, run.wish.lab)

    return run.conduct(outputs, then=then)
