"""The envelope around a result: sealed when it was graded, signed where the instructor's key is, verified anywhere."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labrunner.errors import BadResultFile, NotProven
from labrunner.model.envelope import ENVELOPE_SCHEMA, Document, Envelope, Image, Signature, Subject
from labrunner.rules import stored, wire
from labrunner.rules.canonical import canonical
from labrunner.trust.keys import ALGORITHM

if TYPE_CHECKING:
    from labrunner.model.result import Result
    from labrunner.trust.keys import Key, PublicKey

_SIGNATURE_FIELDS = {field.name for field in dataclasses.fields(Signature)}


@dataclass(frozen=True, slots=True)
class Opened:
    """An envelope as it was read, and the very values that its signature is over."""

    document: Document
    raw: dict[str, Any]

    @property
    def envelope(self) -> Envelope:
        """What it says."""
        return self.document.envelope


def commitment(seed: str) -> str:
    """``sha256:<hex>``; tells nothing of a keyed seed, and binds the result to it."""
    return f"sha256:{hashlib.sha256(b'labrunner seed 1' + seed.encode()).hexdigest()}"


def seal(result: Result, subject: Subject, images: tuple[Image, ...], *, reused: bool = False) -> Envelope:
    """The envelope around `result`, of now."""
    deadline = result.terms.deadline if result.terms else ""
    return Envelope(
        schema=ENVELOPE_SCHEMA,
        subject=subject,
        seed_commitment=commitment(result.seed),
        images=images,
        issued_at=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        reused=reused,
        late=is_late(subject.pushed_at, deadline),
        result=result,
    )


def is_late(pushed_at: str, deadline: str) -> bool | None:
    """Whether what was pushed then came after the deadline; None where one of them is not known."""
    if not pushed_at or not deadline:
        return None
    return dt.datetime.fromisoformat(pushed_at) > dt.datetime.fromisoformat(deadline)


def written(envelope: Envelope, key: Key | None = None) -> bytes:
    """The file of `envelope`, signed with `key` if there is one."""
    raw = json.loads(wire.encode(envelope))
    return _page(raw, key)


def signed(opened: Opened, key: Key) -> bytes:
    """The file of an envelope that was read, now signed: the very values, whatever a newer labrunner put among them."""
    return _page(opened.raw, key)


def _page(raw: dict[str, Any], key: Key | None) -> bytes:
    signature = None
    if key is not None:
        value = key.sign(canonical(raw))
        signature = {"algorithm": ALGORITHM, "key": key.public.fingerprint, "value": value}
    page = {"envelope": raw, "signature": signature}
    return json.dumps(page, indent=2, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def opened(data: bytes, name: str) -> Opened:
    """The envelope in `data`; its signature is not looked at yet.

    Raises:
        BadResultFile: it is none, or one of a newer schema.
    """
    page = stored.document(data, name)
    raw = page.get("envelope")
    if not isinstance(raw, dict):
        raise BadResultFile(f"{name} is no envelope.", "Give a file that `lab grade --envelope FILE` wrote.")
    schema = raw.get("schema")
    if isinstance(schema, int) and schema > ENVELOPE_SCHEMA:
        raise BadResultFile(f"{name} was written by a newer labrunner (envelope schema {schema}).", "Update labrunner.")
    stored.result_of(data, name)
    signature = page.get("signature")
    within = set(signature) - _SIGNATURE_FIELDS if isinstance(signature, dict) else set()
    if unknown := sorted((set(page) - {"envelope", "signature"}) | within):
        raise BadResultFile(f"{name} holds '{unknown[0]}', which no signature covers.", "Give it as it was written.")
    try:
        document = wire.decode(json.dumps(page).encode(), Document)
        canonical(raw)
    except (ValueError, RecursionError) as fault:
        raise BadResultFile(
            f"{name} is no envelope: {str(fault).splitlines()[0]}.", "Give it as it was written."
        ) from None
    return Opened(document, raw)


def verify(envelope: Opened, key: PublicKey) -> None:
    """Hold the signature against the instructor's public key.

    Raises:
        NotProven: there is none, it is another's, or something was changed since.
    """
    signature: Signature | None = envelope.document.signature
    if signature is None:
        raise NotProven(
            "The envelope is not signed.", "Sign it where it was graded (`lab sign`), or verify its attestation."
        )
    page = stored_signature(signature)
    if signature.algorithm != ALGORITHM or signature.key != key.fingerprint:
        raise NotProven(
            f"The envelope was signed with another key ({page}).", f"The key that was given is {key.fingerprint}."
        )
    if not key.has_signed(canonical(envelope.raw), signature.value):
        raise NotProven(
            "The envelope was changed after it was signed, or its signature was.", "Do not count this result."
        )


def stored_signature(signature: Signature) -> str:
    """How messages call it."""
    return f"{signature.algorithm} {signature.key}"[:120]
