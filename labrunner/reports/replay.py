"""What a replay looks like: what was sent again, what comes now, and what is different."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from labrunner.reports import curl
from labrunner.rules import transcript
from labrunner.rules.replayable import answer_lines, difference
from labrunner.rules.text import printable, shorten

if TYPE_CHECKING:
    from rich.console import Console

    from labrunner.model.replay import Replay

WIDTH = 400


def show(replay: Replay, console: Console) -> None:
    """Print it."""
    check, before, after = replay
    failure = check.outcome.failure
    console.print(Text.assemble((check.title, "bold"), (f"  {check.id}", "dim")))
    if failure is not None:
        console.print(Text(f"  Expected  {_safe(failure.expected)}\n  Got then  {_safe(failure.got)}", overflow="fold"))
    console.print(Text("  Sent again:", style="dim"))
    if after.transcript:
        for line in transcript.lines(after.transcript, most=40):
            console.print(Text(f"    {printable(line)}", style="cyan" if line.startswith(">") else "", overflow="fold"))
    else:
        console.print(Text(f"    {curl.line(before)}", style="cyan", no_wrap=True), soft_wrap=True)
        for line in answer_lines(after):
            console.print(Text(f"    < {_safe(line)}", overflow="fold"))
    changed = difference(before, after)
    if not changed:
        console.print(Text("The same answer as in the failure.", style="yellow"))
        return
    console.print(Text("Another answer than in the failure (-: then, +: now):", style="bold"))
    for line in changed:
        style = {"-": "red", "+": "green"}.get(line[:1], "dim")
        console.print(Text(f"  {_safe(line)}", style=style, overflow="fold"))


def _safe(text: str) -> str:
    return shorten(printable(text), WIDTH)
