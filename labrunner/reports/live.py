"""What is seen while a run goes on: one line that moves, on a terminal; nothing at all elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn

from labrunner.model.event import (
    CheckEnded,
    CheckStarted,
    Event,
    LoadMeasured,
    LoadProgress,
    Phase,
    PhaseStarted,
    RunStarted,
)
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
        self._load: TaskID | None = None

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
            case LoadProgress():
                self._show_load(event)
            case LoadMeasured():
                if self._load is not None:
                    self._progress.remove_task(self._load)
                    self._load = None
            case _:
                pass

    def _show_load(self, event: LoadProgress) -> None:
        """A bar of its own, in per cent; what goes on beside it."""
        if self._load is None:
            self._load = self._progress.add_task("load", total=100)
        self._progress.update(self._load, completed=round(event.share * 100), description=shorten(event.text, 60))

    def _describe(self) -> None:
        waiting_for = shorten(", ".join(self._running), 40)
        self._progress.update(self._task, description=f"checking {waiting_for}")
