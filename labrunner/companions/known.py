"""Finds a kind of companion by the name that ``lab.toml`` has for it. Light: nothing of a companion is loaded before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labrunner.companions import postgres, redis
from labrunner.companions.hosted import FaultProxy, Hosted
from labrunner.errors import EnvironmentProblem
from labrunner.model.lab import BUILT_IN_COMPANIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from labrunner.ports.companion import CompanionKind

OWN_IMAGE = "python"
_BUILT_IN: dict[str, Callable[[], CompanionKind]] = {"redis": redis.Redis, "postgres": postgres.Postgres}
_LOOKS: dict[str, Callable[[], object]] = {"redis": redis.found, "postgres": postgres.found}
_VARIABLES = {"postgres": "DATABASE_URL"}


class Known:
    """Satisfies `labrunner.ports.Companions`.

    Args:
        grader: the lab's folder below ``graders/``.
        named: the companions that ``lab.toml`` names.
    """

    def __init__(self, grader: Path, named: tuple[str, ...]) -> None:
        self._grader = grader
        self._named = named

    def kind(self, name: str, settings: Mapping[str, Any]) -> CompanionKind:
        if name not in self._named:
            raise LookupError(f"lab.toml names no companion '{name}': add it to `companions` in [service]")
        if name in BUILT_IN_COMPANIONS:
            if settings:
                raise LookupError(f"the companion '{name}' takes no settings")
            return _BUILT_IN[name]()
        return Hosted(name, own_file(self._grader, name), settings)

    def proxy(self, target: tuple[str, int], behind: CompanionKind | None, ready: str) -> CompanionKind:
        return FaultProxy(target, behind, ready)

    def variable(self, name: str) -> str:
        return _VARIABLES.get(name, f"{name.upper().replace('-', '_')}_URL")


def own_file(grader: Path, name: str) -> Path:
    """Where a lab's own companion lies."""
    return grader / "companions" / f"{name.replace('-', '_')}.py"


def images(named: tuple[str, ...]) -> tuple[str, ...]:
    """The images that such companions take, those of a fault proxy before them included."""
    if not named:
        return ()
    return (*(name for name in named if name in BUILT_IN_COMPANIONS), OWN_IMAGE)


def there(named: tuple[str, ...]) -> dict[str, str]:
    """The programs on this machine that can be started as companions outside of containers, by name."""
    return {name: found for name, found in _looked(named).items() if isinstance(found, str)}


def lacking(named: tuple[str, ...]) -> list[EnvironmentProblem]:
    """What this machine lacks for that, each with what to do."""
    return [found for found in _looked(named).values() if isinstance(found, EnvironmentProblem)]


def _looked(named: tuple[str, ...]) -> dict[str, str | EnvironmentProblem]:
    found: dict[str, str | EnvironmentProblem] = {}
    for name in named:
        try:
            if name in _LOOKS:
                found[name] = str(_LOOKS[name]())
        except EnvironmentProblem as fault:
            found[name] = fault
    return found
