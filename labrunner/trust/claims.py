"""What an envelope is expected to say. A true result of another commit, or of somebody else, is refused like a forged one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labrunner.errors import NotProven
from labrunner.model.result import Isolation
from labrunner.rules.text import printable, shorten
from labrunner.trust.envelope import commitment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labrunner.model.envelope import Envelope


@dataclass(frozen=True, slots=True)
class Claims:
    """What must be true; an empty one is not asked for.

    Attributes:
        digests: of the lab's public trees and of its grader.
        assignment_digest: empty for no assignment, which is asked for too: whose points they are is not left open.
    """

    owner: str = ""
    repository: str = ""
    commit: str = ""
    solution_digest: str = ""
    lab: str = ""
    digests: tuple[str, str] | None = None
    assignment_digest: str = ""
    seed: str = ""
    needs_strong_isolation: bool = True


def hold(envelope: Envelope, claims: Claims) -> None:
    """Compare.

    Raises:
        NotProven: the first thing that differs.
    """
    if envelope.seed_commitment != commitment(envelope.result.seed):
        raise NotProven("The seed is not the one that was committed to.", "Do not count this result.")
    if envelope.result.interrupted:
        raise NotProven("The run was interrupted: it is no grade.", "Grade it anew.")
    compare(envelope, claims)
    said = envelope.result.terms.digest if envelope.result.terms else ""
    if said != claims.assignment_digest:
        raise NotProven(
            f"The points are those of the assignment {_show(said)}, not of {_show(claims.assignment_digest)}.",
            "Name the assignment that was meant: --assignment FILE.",
        )
    if claims.needs_strong_isolation and envelope.result.isolation is not Isolation.STRONG:
        raise NotProven(
            f"The isolation was '{envelope.result.isolation}': the service could reach what graded it.",
            "Grade it in containers, or accept that with --allow-weak-isolation.",
        )


def compare(envelope: Envelope, claims: Claims) -> None:
    """Hold what was asked for, and no more, against what the envelope says.

    Raises:
        NotProven: the first thing that differs.
    """
    for what, wanted, said in _pairs(envelope, claims):
        if wanted and wanted != said:
            raise NotProven(f"The result is of another {what}: {_show(said)}, not {_show(wanted)}.", "Grade it anew.")


def _pairs(envelope: Envelope, claims: Claims) -> Iterator[tuple[str, str, str]]:
    subject, result = envelope.subject, envelope.result
    lab_digest, grader_digest = claims.digests or ("", "")
    yield "owner", claims.owner, subject.owner
    yield "repository", claims.repository, subject.repository
    yield "commit", claims.commit, subject.commit
    yield "solution", claims.solution_digest, result.solution_digest
    yield "lab", claims.lab, result.lab
    yield "version of the lab", lab_digest, result.lab_digest
    yield "grader", grader_digest, result.grader_digest
    yield "seed", claims.seed, result.seed


def _show(text: str) -> str:
    return shorten(printable(text), 80) or "none"
