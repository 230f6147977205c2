"""Progress of a long job in steps: a line that changes on a terminal, plain lines where the output is piped."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

from rich.live import Live
from rich.text import Text

from labrunner.reports.terminal import console as make_console
from labrunner.rules.text import printable, shorten

if TYPE_CHECKING:
    from rich.console import Console


class Step:
    """One step.

    Args:
        name: of it.
        console: where it is shown.
        live: the changing line; None where there is none.
    """

    def __init__(self, name: str, console: Console, live: Live | None) -> None:
        self._name = name
        self._console = console
        self._live = live
        self._began = time.monotonic()

    def tell(self, line: str) -> None:
        """What it does just now; only a terminal shows it."""
        if self._live is not None:
            seconds = time.monotonic() - self._began
            text = f"  {self._name:<11} {seconds:4.0f} s  {printable(line)}"
            self._live.update(Text(shorten(text, self._console.width - 1), style="dim"))

    def end(self, outcome: str) -> None:
        """How it ended."""
        self._console.print(Text(f"\u2713 {self._name:<11} {outcome}"))


class Steps:
    """A context in which steps are shown."""

    def __init__(self) -> None:
        self._console = make_console()
        self._live = Live(console=self._console, transient=True) if self._console.is_terminal else None

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def begin(self, name: str) -> Step:
        """The next step."""
        if self._live is None:
            self._console.print(Text(f"  {name:<11} ..."))
        return Step(name, self._console, self._live)
