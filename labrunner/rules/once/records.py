"""What was seen of one key: exchanges, the ledger's record, final reads. All moments are of one monotonic clock."""

from __future__ import annotations

from dataclasses import dataclass

FINISHED = frozenset({201, 402})
"""Statuses that finish a key."""
TIMED_OUT = frozenset({503, 504})
"""Statuses that a stalled machine may cause (C-17)."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A complete answer.

    Attributes:
        is_replay: whether it has ``Idempotent-Replayed: true``.
        words: all that a replay must repeat: body, ``Content-Type``, ``Location``; compared as it is.
        payment: the payment's id, of a 201.
        charge: the ledger's id of the charge, of a 201.
    """

    status: int
    is_replay: bool = False
    words: str = ""
    payment: str | None = None
    charge: str | None = None

    @property
    def is_finish(self) -> bool:
        """Whether it says how the key ended."""
        return self.status in FINISHED


@dataclass(frozen=True, slots=True)
class Asked:
    """One valid request with the key.

    Attributes:
        sent: right before it was sent.
        ended: right after its answer was read; with an unknown outcome, when the client gave up.
        payload: what it asks for; equal payloads are equal strings.
        heard: None for an unknown outcome (C-16).
    """

    sent: float
    ended: float
    payload: str
    heard: Heard | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A charge request that reached the ledger.

    Attributes:
        was_closed: whether its reference was closed by then; nothing can come of it any more.
    """

    reference: str
    at: float
    was_closed: bool = False


@dataclass(frozen=True, slots=True)
class Charge:
    """Money that the ledger moved."""

    charge: str
    reference: str
    at: float


@dataclass(frozen=True, slots=True)
class Close:
    """A reference that the ledger closed."""

    reference: str
    at: float


@dataclass(frozen=True, slots=True)
class Kill:
    """SIGKILL, some time in this interval; nothing of the service lives at its end."""

    begun: float
    done: float


@dataclass(frozen=True, slots=True)
class Listed:
    """A payment that the final reads found."""

    payment: str
    charge: str


@dataclass(frozen=True, slots=True)
class History:
    """One life of one key.

    Attributes:
        asked: every valid request with it, in any order.
        calls: every charge request for it that reached the ledger.
        charges: the money that was moved for it.
        kills: of the service.
        payments: what the final reads found for it; None when there were none.
        is_final: whether the ledger has nothing left to carry out.
        bound: seconds after its sending at which a request that nobody waits for any more is surely over (IA-17).
    """

    asked: tuple[Asked, ...]
    calls: tuple[Call, ...] = ()
    charges: tuple[Charge, ...] = ()
    closes: tuple[Close, ...] = ()
    kills: tuple[Kill, ...] = ()
    payments: tuple[Listed, ...] | None = None
    is_final: bool = True
    bound: float = 60.0

    @property
    def finishes(self) -> list[Asked]:
        """Requests whose answer says how the key ended, the first answered first."""
        found = [asked for asked in self.asked if asked.heard is not None and asked.heard.is_finish]
        return sorted(found, key=lambda asked: asked.ended)

    def is_live(self, asked: Asked, since: float, until: float) -> bool:
        """Whether the service may be working on a request at some moment between these two."""
        if asked.heard is not None:
            over = asked.ended
        else:
            over = max(asked.ended, asked.sent + self.bound)
            over = min([over, *(kill.done for kill in self.kills if kill.begun >= asked.sent)])
        return asked.sent < until and over > since
