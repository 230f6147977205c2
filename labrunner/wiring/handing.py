"""What a grade is handed out as: its seed from an instructor's key, and an envelope. Heavy: imported late."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labrunner.errors import UsageError
from labrunner.solution.progress import write_whole
from labrunner.wiring.runs import fresh_seed

if TYPE_CHECKING:
    from pathlib import Path

    from labrunner.model.envelope import Subject
    from labrunner.model.lab import Lab
    from labrunner.model.result import Result


@dataclass(frozen=True, slots=True)
class Handing:
    """What a grade is handed out as.

    Attributes:
        subject: whose it is.
        envelope: file for the result with its subject; None for none.
        key: file of an instructor's key; None for none.
        store: folder of results by content; None for none.
    """

    subject: Subject
    envelope: Path | None = None
    key: Path | None = None
    store: Path | None = None


def seed_for(handing: Handing, lab: Lab, wanted: str | None) -> str:
    """The run's seed: from the key where there is one, else `wanted`, else a fresh one.

    Raises:
        UsageError: a key and a seed, or a key and nobody to grade for.
        BadResultFile: the key cannot be read.
    """
    if handing.key is None:
        return wanted or fresh_seed()
    if wanted is not None:
        raise UsageError("With a key, the seed is made from it.", "Leave out --seed or --key.")
    if not handing.subject.owner:
        raise UsageError(
            "With a key, somebody is graded.", "Say whose solution it is: --owner NAME, and --commit HASH."
        )
    if handing.envelope is None:
        raise UsageError("With a key, an envelope is signed.", "Name a file for it: --envelope FILE.")
    from labrunner.trust import keys

    return keys.read(handing.key).seed(lab.id, handing.subject)


def hand_out(result: Result, handing: Handing, lab: Lab, *, reused: bool = False) -> None:
    """Write the envelope, signed where there is a key."""
    if handing.envelope is None:
        return
    from labrunner.trust import envelope, keys
    from labrunner.wiring.evidence import images

    sealed = envelope.seal(result, handing.subject, images(result.runtime, result.language), reused=reused)
    key = keys.read(handing.key) if handing.key else None
    write_whole(handing.envelope, envelope.written(sealed, key))
