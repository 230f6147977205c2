"""What runs a grader's checks: a pytest child that forks once per check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labrunner.model.outcome import Attempt


class SuiteBroken(Exception):
    """The grader cannot be loaded, or its process died: the lab's fault, never the learner's."""


class Bench(Protocol):
    """What a running check may ask of the runner: services of its own, and faults."""

    def call(self, action: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out `action` and return what the check wants to know.

        Raises:
            NotStarted: a service of the check's own did not start.
        """


class Suite(Protocol):
    """One lab's grader, loaded for one run."""

    def environment(self) -> dict[str, str]:
        """The variables of the run's shared service, as the grader chose them from the seed.

        Raises:
            SuiteBroken: the grader cannot be loaded.
        """

    def load_environment(self) -> dict[str, str]:
        """The variables of both services under load; raises like `environment`."""

    def checks(self) -> tuple[str, ...]:
        """Ids (``stage/slug``) of the checks that the grader holds.

        Raises:
            SuiteBroken: the grader cannot be loaded.
        """

    def run(self, check: str, *, attempt: int, service: Mapping[str, Any], bench: Bench) -> Attempt:
        """One try of one check, in a process of its own. Thread-safe.

        Args:
            check: its id.
            attempt: 0 for the first try; later ones make other random choices.
            service: ``name``, ``url`` and ``env`` of the shared service.
            bench: serves what the check asks for meanwhile.
        """

    def close(self) -> None:
        """End all its processes. May be called twice."""
