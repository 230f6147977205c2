"""What the shell completes besides commands and options: labs, and the stages, checks and rules of the lab at hand.

Imported by each command that it helps, so what it looks things up with is imported only when the shell asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labrunner.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import click

    from labrunner.model.lab import Lab


def labs(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Ids of all labs."""
    from labrunner.catalog.outline import outlines
    from labrunner.solution.places import cache_folder

    try:
        return _beginning(incomplete, (outline.name for outline in outlines(_packs(context), cache_folder())))
    except LabError:
        return []


def stages_and_checks(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Stages; once a ``/`` is typed, the checks of one."""
    lab = _at_hand(context)
    if lab is None:
        return []
    if "/" in incomplete:
        return checks(context, parameter, incomplete)
    return _beginning(incomplete, (stage.slug for stage in lab.stages))


def checks(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Ids of the lab's checks."""
    lab = _at_hand(context)
    return _beginning(incomplete, (check.id for check in lab.checks)) if lab else []


def rule_ids(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Ids of the lab's rules, whichever case is typed."""
    from labrunner.catalog.rulebook import rules

    lab = _at_hand(context)
    return _beginning(incomplete.upper(), rules(lab)) if lab else []


def _at_hand(context: click.Context) -> Lab | None:
    from labrunner.cli.context import solution_and_lab

    try:
        return solution_and_lab(_packs(context))[1]
    except LabError:
        return None


def _packs(context: click.Context) -> tuple[Path, ...]:
    found: tuple[Path, ...] = context.params.get("packs") or ()
    return found


def _beginning(incomplete: str, words: Iterable[str]) -> list[str]:
    return [word for word in words if word.startswith(incomplete)]
