"""The register, and compare-and-set on it. A state is the one value held; () is a state of which nothing is known."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labrunner.rules.linear.records import Model

if TYPE_CHECKING:
    from labrunner.rules.linear.records import State


def register(initial: Hashable = None) -> Model:
    """A register that holds `initial` at first."""
    return Model((initial,), ())


REGISTER = register()
"""A register that holds None at first."""


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
        return (self.value,) if state in ((), (self.value,)) else None

    def right_in(self, state: State) -> str:
        """See `Action`."""
        return repr(state[0]) if state else "anything"

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
            # That a state of which nothing is known is not this one is forgotten: that allows more, never less.
            return None if state == (self.expected,) else state
        return (self.value,) if state in ((), (self.expected,)) else None

    def right_in(self, state: State) -> str:
        """See `Action`."""
        return "either" if not state else "done" if state == (self.expected,) else f"refused ({state[0]!r} was there)"

    def told(self) -> str:
        """See `Action`."""
        return f"set {self.value!r} if {self.expected!r}"

    def got(self) -> str:
        """See `Action`."""
        return "done" if self.done else "refused"
