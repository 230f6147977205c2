"""What is seen while a run goes on: one line that moves, on a terminal; nothing at all elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

from labrunner.model.event import CheckEnded, CheckStarted, Event, Phase, PhaseStarted, RunStarted
from labrunner.rules.text import shorten

if TYPE_CHECKING:
    from types import TracebackType

    from rich.console import Console

_PHASES = {Phase.BUILD: "building", Phase.START: "starting the service", Phase.CHECKS: "checking"}


class Live:
    """A context; give it each event."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            SpinnerColumn(), TextColumn("{task.description}"), BarColumn(20), MofNCompleteColumn(),
            console=console, transient=True, disable=not console.is_terminal,
        )  # fmt: skip
        self._task = self._progress.add_task("preparing", total=None)
        self._running: list[str] = []

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def add(self, event: Event) -> None:
        """Show what `event` changes."""
        match event:
            case RunStarted():
                self._progress.update(self._task, total=len(event.asked))
            case PhaseStarted():
                self._progress.update(self._task, description=_PHASES[event.phase])
            case CheckStarted():
                self._running.append(event.check.slug)
                self._describe()
            case CheckEnded():
                if event.check.slug in self._running:
                    self._running.remove(event.check.slug)
                self._progress.advance(self._task)
                self._describe()
            case _:
                pass

    def _describe(self) -> None:
        waiting_for = shorten(", ".join(self._running), 40)
        self._progress.update(self._task, description=f"checking {waiting_for}")
