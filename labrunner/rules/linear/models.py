"""The register, and compare-and-set on it.

A state is the one value held; () is a state of which nothing is known, and one with a second part one of which only the
values are known that it does not hold.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from labrunner.rules.linear.records import Model

if TYPE_CHECKING:
    from labrunner.rules.linear.records import State


def register(initial: Hashable = None) -> Model:
    """A register that holds `initial` at first."""
    return Model((initial,), ())


REGISTER = register()
"""A register that holds None at first."""


def _excluded(state: State) -> frozenset[Hashable]:
    """Values that a state of which no more is known does not hold."""
    return cast("frozenset[Hashable]", state[1]) if len(state) > 1 else frozenset()


def _may_hold(state: State, value: Hashable) -> bool:
    return state == (value,) if len(state) == 1 else value not in _excluded(state)


def _shown(state: State) -> str:
    if len(state) == 1:
        return repr(state[0])
    excluded = sorted(map(repr, _excluded(state)))
    return "anything" + (f" but {' or '.join(excluded)}" if excluded else "")


@dataclass(frozen=True, slots=True)
class Read:
    """A read that was answered with `value`."""

    value: Hashable

    @property
    def only_reads(self) -> bool:
        """It changes nothing."""
        return True

    def after(self, state: State, *, known: bool) -> State | None:
        """See `Action`."""
        if not known:
            return None
        return (self.value,) if _may_hold(state, self.value) else None

    def right_in(self, state: State) -> str:
        """See `Action`."""
        return _shown(state)

    def told(self) -> str:
        """See `Action`."""
        return "read"

    def got(self) -> str:
        """See `Action`."""
        return repr(self.value)


@dataclass(frozen=True, slots=True)
class Write:
    """A write of `value`, acknowledged if its outcome is known."""

    value: Hashable

    @property
    def only_reads(self) -> bool:
        """It always writes."""
        return False

    def after(self, state: State, *, known: bool) -> State | None:
        """See `Action`."""
        return (self.value,)

    def right_in(self, state: State) -> str:
        """See `Action`."""
        return "done"

    def told(self) -> str:
        """See `Action`."""
        return f"write {self.value!r}"

    def got(self) -> str:
        """See `Action`."""
        return "done"


@dataclass(frozen=True, slots=True)
class Swap:
    """Compare and set: `value` if `expected` was held.

    Attributes:
        done: whether it was; None with an unknown outcome.
    """

    expected: Hashable
    value: Hashable
    done: bool | None = None

    @property
    def only_reads(self) -> bool:
        """A refused one changes nothing."""
        return self.done is False

    def after(self, state: State, *, known: bool) -> State | None:
        """See `Action`."""
        if known and self.done is False:
            if len(state) == 1:
                return None if state == (self.expected,) else state
            return (None, _excluded(state) | {self.expected})
        return (self.value,) if _may_hold(state, self.expected) else None

    def right_in(self, state: State) -> str:
        """See `Action`."""
        if not _may_hold(state, self.expected):
            return f"refused ({_shown(state)} was there)"
        return "done" if len(state) == 1 else "either"

    def told(self) -> str:
        """See `Action`."""
        return f"set {self.value!r} if {self.expected!r}"

    def got(self) -> str:
        """See `Action`."""
        return "done" if self.done else "refused"
