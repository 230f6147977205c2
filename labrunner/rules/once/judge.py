"""The verdict on one key's history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labrunner.rules.once.laws import LAWS

if TYPE_CHECKING:
    from labrunner.rules.once.records import History


@dataclass(frozen=True, slots=True)
class Consistent:
    """A correct service may have produced it."""


@dataclass(frozen=True, slots=True)
class Impossible:
    """No correct service can have produced it.

    Attributes:
        law: name of the law that was broken, as in `labrunner.rules.once.laws`.
        story: how, in one sentence for a human.
    """

    law: str
    story: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nothing is wrong yet, but what is left to happen may still be (C-25)."""

    reason: str


Verdict = Consistent | Impossible | Unknown


def judge(history: History) -> Verdict:
    """Whether any correct service could have produced what was seen of one key; takes time linear in most cases."""
    for law in LAWS:
        if story := law(history):
            return Impossible(law.__name__, story)
    if not history.is_final:
        return Unknown("the ledger may still move money for this key")
    if history.payments is None:
        return Unknown("the payments were not read at the end")
    return Consistent()
