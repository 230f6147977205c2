"""A child process that makes load, wherever it runs: lines in, lines out."""

from __future__ import annotations

from typing import Protocol


class LoadBroken(Exception):
    """The generator or the lab's ``load.py`` cannot do its work: never the learner's fault."""


class Pipe(Protocol):
    """A child process, here or in a container: lines in, lines out."""

    def send(self, data: bytes) -> None:
        """Write to its standard input.

        Raises:
            LoadBroken: it is gone.
        """

    def receive(self, seconds: float) -> bytes:
        """The next line of its standard output.

        Raises:
            LoadBroken: it is gone, or said nothing for so long.
        """

    def close(self) -> None:
        """End it. May be called twice."""
