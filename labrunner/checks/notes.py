"""What a check notes for the lab's author, or for who reads the result; it decides nothing."""

from __future__ import annotations

from labrunner.checks.diary import DIARY


def note_deadline(observed: float, allowed: float) -> None:
    """Note that something took `observed` of the `allowed` seconds, where the check measured that itself.

    The recorded client, `Service.stop` and `Services.start` do so by themselves. `lab validate` shows how close correct
    solutions come to each check's deadline: one that is nearly reached on a quiet machine is too tight for a busy one.
    """
    DIARY.note_deadline(observed, allowed)


def note_history(*, is_unknown: bool) -> None:
    """Note that an oracle searched a history, and whether it gave up; at most 1 in 100 may be unknown."""
    DIARY.note_history(is_unknown=is_unknown)


def note_review(flag: str) -> None:
    """Note what a person should look at, in one sentence: it stands in the result and changes no verdict and no score.

    For what looks like something that a rule forbids, but proves nothing: a correct solution may look like that, too.
    """
    DIARY.note_review(flag)
