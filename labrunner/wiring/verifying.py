"""Whether an envelope is what it claims to be, held against what is installed here."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from labrunner.catalog.digest import of_tree
from labrunner.catalog.packs import Catalog
from labrunner.errors import NotProven, UnknownName
from labrunner.ports.runtime import NotStarted
from labrunner.reports import telling
from labrunner.solution import intake, manifest
from labrunner.trust import attestation, claims, envelope, keys

if TYPE_CHECKING:
    from labrunner.model.assignment import Assignment
    from labrunner.model.envelope import Envelope


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the envelope must be; what is empty is not asked.

    Attributes:
        public_key: file of the key that it must be signed with.
        signer_workflow: of GitHub, that must have made it, as OWNER/REPO/.github/workflows/FILE.
        signer_digest: the commit of that workflow.
        bundle: file of the attestation, instead of asking GitHub.
        owner: whose it must be; so `repository` and `commit`.
        solution: directory whose content must have been graded.
        lab_id: the lab.
        other_version: accept another content of lab and grader than is installed here.
        allow_weak_isolation: accept a grade that was not made in containers.
    """

    public_key: Path | None
    signer_workflow: str
    signer_digest: str
    bundle: Path | None
    owner: str
    repository: str
    commit: str
    solution: Path | None
    lab_id: str
    other_version: bool
    allow_weak_isolation: bool


def verify(
    content: bytes, path: Path, wanted: Wanted, packs: tuple[Path, ...], assignment: Assignment | None
) -> list[str]:
    """Verify an envelope; returns what is proved, in lines.

    Args:
        content: of the envelope.
        path: where it was read.
        wanted: what it must be.
        packs: further packs, whose labs count as installed here.
        assignment: whose terms it must be graded by; None for any.

    Raises:
        NotProven: it is not what it claims to be.
        BadResultFile: it, or a key, cannot be read.
        EnvironmentProblem: what verifies attestations is missing.
    """
    opened = envelope.opened(content, str(path))
    told = []
    if wanted.public_key:
        key = keys.read_public(wanted.public_key)
        envelope.verify(opened, key)
        told.append(f"signed with {key.fingerprint}")
    if wanted.signer_workflow:
        signer = attestation.Signer(wanted.signer_workflow, wanted.signer_digest, wanted.bundle)
        attestation.verify(path, opened.envelope.subject, signer)
        told.append(f"attested by GitHub, made by {signer.workflow}")
    claims.hold(opened.envelope, _claims(opened.envelope, wanted, packs, assignment))
    return [*told, *_said(opened.envelope)]


def _claims(found: Envelope, wanted: Wanted, packs: tuple[Path, ...], assignment: Assignment | None) -> claims.Claims:
    return claims.Claims(
        owner=wanted.owner,
        repository=wanted.repository,
        commit=wanted.commit,
        solution_digest=_solution_digest(wanted.solution) if wanted.solution else "",
        lab=wanted.lab_id.rpartition(":")[2],
        digests=None if wanted.other_version else _lab_digests(found, wanted.lab_id, packs),
        assignment_digest=assignment.terms.digest if assignment else "",
        needs_strong_isolation=not wanted.allow_weak_isolation,
    )


def _solution_digest(folder: Path) -> str:
    with tempfile.TemporaryDirectory(prefix="lab-verify-") as work:
        try:
            return intake.stage(manifest.read(folder.resolve()), Path(work) / "solution").digest
        except NotStarted as refusal:
            raise NotProven(
                f"{folder} would not be graded: {refusal}.", "Give the solution as it was pushed."
            ) from None


def _lab_digests(found: Envelope, wanted: str, packs: tuple[Path, ...]) -> tuple[str, str]:
    """Of the lab as it is installed here: who chose the pack of a learner-side grade may have been the learner."""
    name = wanted or found.result.lab
    try:
        lab = Catalog(packs).lab(name)
    except UnknownName:
        raise NotProven(
            f"The result is of a lab '{telling.safe(name, 60)}' that is not known here.",
            "Name its pack (--pack DIR), or accept that with --other-version.",
        ) from None
    return of_tree(lab.manifest.parent, lab.scaffolds), of_tree(*lab.graders)


def _said(found: Envelope) -> list[str]:
    subject, result = found.subject, found.result
    rows = [f"{result.lab} {result.lab_version}: {telling.headline(result)}", f"of {subject.owner}"]
    rows[-1] += f", {subject.repository}" if subject.repository else ""
    rows[-1] += f", commit {subject.commit}" if subject.commit else ""
    rows += [f"assignment {result.terms.title or result.terms.digest}"] if result.terms else []
    rows += ["handed in after the deadline"] if found.late else []
    rows += ["the result of an earlier run of the same content"] if found.reused else []
    return [telling.safe(row) for row in [*rows, f"issued {found.issued_at}"]]
