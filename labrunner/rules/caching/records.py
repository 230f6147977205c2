"""What was seen: requests with the moments between which they were acted upon, and the origin's side of it."""

from __future__ import annotations

from dataclasses import dataclass

from labrunner.rules.caching.directives import Directives

Fields = tuple[tuple[str, str], ...]


def joined(fields: Fields, name: str) -> str | None:
    """A field's lines joined by commas, without the blanks around them; None when it is absent."""
    lines = [value for each, value in fields if each.lower() == name]
    if not lines:
        return None
    return ",".join(part.strip(" \t") for line in lines for part in line.split(","))


@dataclass(frozen=True)
class Asked:
    """A client's request.

    Attributes:
        sent, answered: monotonic seconds right before it was sent and right after its answer was read.
    """

    method: str
    sent: float
    answered: float
    fields: Fields = ()

    def get(self, name: str) -> str | None:
        """A field's value; the name in small letters."""
        return joined(self.fields, name)

    @property
    def directives(self) -> Directives:
        """Its ``Cache-Control``."""
        return Directives(self.get("cache-control") or "")

    @property
    def has_conditions(self) -> bool:
        """Whether the client has an answer already."""
        return self.get("if-none-match") is not None or self.get("if-modified-since") is not None


@dataclass(frozen=True)
class Said:
    """A request that reached the origin, and what became of it.

    Attributes:
        number: ``X-Answer``, which no other answer of this URI has.
        status: 0 when the origin did not answer, or broke off.
        method: of the request that reached it.
        seen: the fields of that request.
        fields: of the answer, without the dates.
        arrived, done: it was answered between these moments; `done` is when the client had read its answer.
        date: seconds that ``Date`` was ahead of the origin's clock; None without ``Date``.
        expires: the same of ``Expires``; None without one, and with one that is invalid (`is_expires_invalid`).
        last_modified: the same of ``Last-Modified``.
    """

    number: int
    status: int
    arrived: float
    done: float
    method: str = "GET"
    seen: Fields = ()
    fields: Fields = ()
    date: int | None = 0
    expires: int | None = None
    is_expires_invalid: bool = False
    last_modified: int | None = None

    def get(self, name: str) -> str | None:
        """A field's value; the name in small letters."""
        return joined(self.fields, name)

    @property
    def directives(self) -> Directives:
        """Its ``Cache-Control``."""
        return Directives(self.get("cache-control") or "")

    @property
    def has_validator(self) -> bool:
        """Whether it can be asked for again by condition."""
        return self.get("etag") is not None or self.last_modified is not None

    @property
    def has_failed(self) -> bool:
        """Whether ``stale-if-error`` speaks of it (CA-29)."""
        return self.status in {0, 500, 502, 503, 504}


@dataclass(frozen=True)
class Got:
    """What the client was answered.

    Attributes:
        number: ``X-Answer``: which of the origin's answers (or 304s) the fields are from; None without one.
        body: which of the origin's answers the body is; None without a body.
        is_hit, why, is_stored: of the last member of ``Cache-Status``; `why` is "" without ``fwd``.
        age: ``Age``, None without.
    """

    status: int
    number: int | None = None
    body: int | None = None
    is_hit: bool = False
    why: str = ""
    is_stored: bool = False
    age: int | None = None


@dataclass(frozen=True)
class Exchange:
    """A request, its answer, and what reached the origin between them."""

    asked: Asked
    got: Got
    forwards: tuple[Said, ...] = ()
