"""A graded result together with what it is claimed of: who, which commit, which attempt. Signed, or attested elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

from labrunner.model.result import Result

ENVELOPE_SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose work was graded.

    Attributes:
        owner: of the solution, as the service or the instructor names them.
        repository: ``owner/name``; empty where there is none.
        commit: full hash of what was graded; empty where there is none.
        attempt: counts from 1 within one commit.
        run: of the service that graded, for a person to look it up.
        pushed_at: when the service received it, UTC, ISO 8601; never the commit's own date, which its author chooses.
    """

    owner: str
    repository: str = ""
    commit: str = ""
    attempt: int = 1
    run: str = ""
    pushed_at: str = ""


@dataclass(frozen=True, slots=True)
class Image:
    """An image that the service ran in, by the engine's digest."""

    name: str
    digest: str


@dataclass(frozen=True, slots=True)
class Envelope:
    """What is signed.

    Attributes:
        seed_commitment: ``sha256:<hex>`` of the seed, so that a result can be shown without it and checked later.
        issued_at: UTC, ISO 8601.
        reused: the result is that of an earlier run of the same content, not of this commit's own.
        late: pushed after the assignment's deadline; None where one of the two is not known.
    """

    schema: int
    subject: Subject
    seed_commitment: str
    images: tuple[Image, ...]
    issued_at: str
    reused: bool
    late: bool | None
    result: Result


@dataclass(frozen=True, slots=True)
class Signature:
    """Over the canonical JSON of an envelope.

    Attributes:
        algorithm: ``Ed25519`` (RFC 8032).
        key: fingerprint of the public key.
        value: 128 hexadecimal digits.
    """

    algorithm: str
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Document:
    """The file: an envelope, signed or (None) not."""

    envelope: Envelope
    signature: Signature | None = None
