"""A record: a register whose states have versions (the contract sharded-db, SD-5 to SD-7, SD-16, SD-17).

A state is (value, low, exact): the version is `low` if `exact`, else at least that; of an absent record, `low` is at
least the largest version that it ever had. A creation takes any version above that. That an unknown version is not a
certain one (a condition was refused) is forgotten: that allows more, never less.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from labrunner.rules.linear.records import Model

if TYPE_CHECKING:
    from labrunner.rules.linear.records import State

ABSENT = "absent"
"""In place of a value: there is no record. Values are tuples or canonical JSON, so that none is equal to it."""
_ANYTHING = "anything"

RECORD = Model((ABSENT, 0, True), ())
"""A record that was never there."""


def _parts(state: State) -> tuple[Hashable, int, bool]:
    return cast("tuple[Hashable, int, bool]", state or (_ANYTHING, 0, False))


def _matches(state: State, version: int) -> bool:
    """Whether the record may be there with this version."""
    value, low, exact = _parts(state)
    return value != ABSENT and (version == low if exact else version >= low)


def _shown(state: State) -> str:
    value, low, exact = _parts(state)
    if value == ABSENT:
        return "404"
    if value == _ANYTHING:
        return "anything"
    return f"200 {value}, version {low}" + ("" if exact else " or more")


@dataclass(frozen=True, slots=True)
class Get:
    """A read, or an item of a batch or scan.

    Attributes:
        value: canonical JSON, or `ABSENT` for 404.
        version: 0 when absent.
    """

    value: Hashable
    version: int = 0

    @property
    def only_reads(self) -> bool:
        """It changes nothing."""
        return True

    def after(self, state: State, *, known: bool) -> State | None:
        """See `Action`."""
        if not known:
            return None
        value, low, _ = _parts(state)
        if self.value == ABSENT:
            return state if value == ABSENT else (ABSENT, low, True) if value == _ANYTHING else None
        if value not in (_ANYTHING, self.value) or not _matches(state, self.version):
            return None
        return (self.value, self.version, True)

    def right_in(self, state: State) -> str:
        """See `Action`."""
        return _shown(state)

    def told(self) -> str:
        """See `Action`."""
        return "GET"

    def got(self) -> str:
        """See `Action`."""
        return "404" if self.value == ABSENT else f"200 {self.value}, version {self.version}"


@dataclass(frozen=True, slots=True)
class Put:
    """A PUT.

    Attributes:
        value: canonical JSON.
        status: 201, 200 or 412; 0 with an unknown outcome.
        version: of a 201 or 200.
        if_match: the version of the condition; None without one.
        if_absent: whether it had ``If-None-Match: *``.
    """

    value: Hashable
    status: int = 0
    version: int = 0
    if_match: int | None = None
    if_absent: bool = False

    @property
    def only_reads(self) -> bool:
        """A refused one changes nothing."""
        return self.status == 412

    def _written(self, state: State) -> State | None:
        """The state after it was carried out; None where its condition fails."""
        value, low, exact = _parts(state)
        if self.if_match is not None:
            return (self.value, self.if_match + 1, True) if _matches(state, self.if_match) else None
        if self.if_absent and value not in (ABSENT, _ANYTHING):
            return None
        return (self.value, low + 1, exact and value != ABSENT)

    def after(self, state: State, *, known: bool) -> State | None:
        """See `Action`."""
        value, _, exact = _parts(state)
        if known and self.status == 412:
            if self.if_absent:
                return None if value == ABSENT else state
            sure = exact and self.if_match is not None and _matches(state, self.if_match)
            return None if sure or self.if_match is None else state
        written = self._written(state)
        if written is None or not known:
            return written
        if (self.status == 201) != (value == ABSENT) and value != _ANYTHING:
            return None
        return (self.value, self.version, True) if _matches(written, self.version) else None

    def right_in(self, state: State) -> str:
        """See `Action`."""
        written = self._written(state)
        if written is None:
            return f"412 ({_shown(state)} was there)"
        _, low, exact = _parts(written)
        status = "201" if _parts(state)[0] == ABSENT else "200"
        return f"{status} version {low}" + ("" if exact else " or more")

    def told(self) -> str:
        """See `Action`."""
        condition = f" if version {self.if_match}" if self.if_match is not None else ""
        return f"PUT {self.value}{condition}{' if absent' if self.if_absent else ''}"

    def got(self) -> str:
        """See `Action`."""
        return "412" if self.status == 412 else f"{self.status} version {self.version}"


@dataclass(frozen=True, slots=True)
class Delete:
    """A DELETE.

    Attributes:
        status: 204, 404 or 412; 0 with an unknown outcome.
        if_match: the version of the condition; None without one.
    """

    status: int = 0
    if_match: int | None = None

    @property
    def only_reads(self) -> bool:
        """One that was refused, or found nothing, changes nothing."""
        return self.status in (404, 412)

    def after(self, state: State, *, known: bool) -> State | None:
        """See `Action`."""
        value, low, exact = _parts(state)
        if known and self.status == 404:
            return (ABSENT, low, True) if value in (ABSENT, _ANYTHING) else None
        if known and self.status == 412:
            sure = exact and self.if_match is not None and _matches(state, self.if_match)
            return None if value == ABSENT or sure or self.if_match is None else state
        if value == ABSENT or (self.if_match is not None and not _matches(state, self.if_match)):
            return None
        return (ABSENT, low if self.if_match is None else self.if_match, True)

    def right_in(self, state: State) -> str:
        """See `Action`."""
        if _parts(state)[0] == ABSENT:
            return "404"
        refused = self.if_match is not None and not _matches(state, self.if_match)
        return f"412 ({_shown(state)} was there)" if refused else "204"

    def told(self) -> str:
        """See `Action`."""
        return "DELETE" + (f" if version {self.if_match}" if self.if_match is not None else "")

    def got(self) -> str:
        """See `Action`."""
        return str(self.status)
