"""GitHub's attestation of an envelope, made by the instructor's reusable workflow in the learner's own repository.

The learner's workflow may be edited by the learner; the called one may not: GitHub puts its repository, path and commit
into the certificate. Verified by GitHub's own command (``gh attestation verify``), which knows Sigstore's roots; what it
lets through is compared with the envelope once more here.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labrunner.errors import EnvironmentProblem, NotProven, UsageError
from labrunner.rules.text import printable, shorten

if TYPE_CHECKING:
    from pathlib import Path

    from labrunner.model.envelope import Subject

_WORKFLOW = re.compile(r"[\w.-]+/[\w.-]+/\.github/workflows/[\w.-]+\.ya?ml")
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SECONDS = 120.0
_SERVER = "https://github.com/"


@dataclass(frozen=True, slots=True)
class Signer:
    """Who must have attested.

    Attributes:
        workflow: ``owner/repository/.github/workflows/file.yml`` of the instructor.
        digest: the commit of that workflow; empty for any (then whoever can push there can change it).
        bundle: the attestation as a file; None to ask GitHub.
    """

    workflow: str
    digest: str = ""
    bundle: Path | None = None


def verify(path: Path, subject: Subject, signer: Signer) -> None:
    """Let GitHub's command verify the attestation of the file at `path`, and hold it against what the envelope claims.

    Raises:
        UsageError: the workflow's name has not the right form.
        EnvironmentProblem: the command is missing.
        NotProven: it refuses, or attests something else.
    """
    if not _WORKFLOW.fullmatch(signer.workflow):
        raise UsageError(
            f"'{signer.workflow}' names no workflow.", "Write OWNER/REPOSITORY/.github/workflows/FILE.yml."
        )
    if not _REPOSITORY.fullmatch(subject.repository) or not _COMMIT.fullmatch(subject.commit):
        raise NotProven(
            "The envelope names no repository and commit that an attestation could be of.",
            "Grade it by the reusable workflow.",
        )
    program = shutil.which("gh")
    if program is None:
        raise EnvironmentProblem(
            "An attestation is verified by GitHub's command 'gh', which is not on PATH.", "Install it: cli.github.com."
        )
    argv = [program, "attestation", "verify", str(path), "--repo", subject.repository, "--format", "json"]
    argv += ["--signer-workflow", signer.workflow, "--source-digest", subject.commit, "--deny-self-hosted-runners"]
    argv += ["--signer-digest", signer.digest] if signer.digest else []
    argv += ["--bundle", str(signer.bundle)] if signer.bundle else []
    try:
        done = subprocess.run(argv, capture_output=True, timeout=_SECONDS, check=False, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired) as fault:
        raise EnvironmentProblem(f"gh could not be run to its end: {fault}.", "Try again.") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "backslashreplace").strip().splitlines() or ["it said nothing"]
        raise NotProven(
            f"gh refuses the attestation: {shorten(printable(said[-1]), 300)}.", "Do not count this result."
        )
    if not any(_fits(item, subject, signer) for item in _list(done.stdout)):
        raise NotProven("The attestation is of another commit or by another workflow.", "Do not count this result.")


def _list(output: bytes) -> list[Any]:
    try:
        found = json.loads(output)
    except (ValueError, RecursionError):
        return []
    return found if isinstance(found, list) else []


def _fits(item: Any, subject: Subject, signer: Signer) -> bool:
    """Gh has compared all this itself; an older one that ignores an option must not let anything through."""
    try:
        certificate = item["verificationResult"]["signature"]["certificate"]
        builder, _, _ = str(certificate["buildSignerURI"]).partition("@")
        return bool(
            certificate["sourceRepositoryDigest"] == subject.commit
            and certificate["sourceRepositoryURI"] == f"{_SERVER}{subject.repository}"
            and builder == f"{_SERVER}{signer.workflow}"
            and (not signer.digest or certificate["buildSignerDigest"] == signer.digest)
            and certificate["runnerEnvironment"] == "github-hosted"
        )
    except (KeyError, TypeError):
        return False
