"""What no correct service can do with a key, one law a function: the story of how it was broken, or None.

Each law asks only what holds for every assignment of moments: of a request is known that it was carried out between
its sending and its end, of an unknown outcome not even that it was carried out (C-16, C-18).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labrunner.rules.once.records import TIMED_OUT
from labrunner.rules.once.story import answered, charged_twice, milliseconds, times

if TYPE_CHECKING:
    from collections.abc import Callable

    from labrunner.rules.once.records import Asked, History

REFUSED = 422
BUSY = 409


def money_moves_once(history: History) -> str | None:
    """IA-16: a key moves money at most once."""
    return charged_twice(history) if len(history.charges) > 1 else None


def success_has_its_charge(history: History) -> str | None:
    """IA-9, IA-16: who is told 201 was charged before, and under that charge's id."""
    charges = {charge.charge: charge for charge in history.charges}
    for asked in history.finishes:
        assert asked.heard is not None
        if asked.heard.status != 201:
            continue
        charge = charges.get(asked.heard.charge or "")
        if charge is None:
            moved = f"it moved money {times(len(charges))}" if charges else "it moved no money"
            return f"answered 201 with the charge {asked.heard.charge!r}, but the ledger knows none of that id: {moved}"
        if charge.at > asked.ended:
            early = milliseconds(charge.at - asked.ended)
            return f"answered 201 {early} before the ledger moved the money"
    return None


def declined_is_never_charged(history: History) -> str | None:
    """IA-16: after 402 no money moves, and none has."""
    for asked in history.finishes:
        assert asked.heard is not None
        if asked.heard.status == 402 and history.charges:
            apart = history.charges[0].at - asked.ended
            when = f"{milliseconds(abs(apart))} {'after' if apart > 0 else 'before'} the answer"
            return f"answered 402, but the ledger moved the money {when}"
    return None


def answers_agree(history: History) -> str | None:
    """IA-10: every answer that finishes the key says the same."""
    finishes = history.finishes
    for asked in finishes[1:]:
        first, other = finishes[0].heard, asked.heard
        assert first is not None
        assert other is not None
        if first.status != other.status:
            return f"answered {first.status}, and {other.status} to the same key later"
        if first.payment != other.payment:
            return f"two payments for one key: {first.payment} and {other.payment}"
        if first.words != other.words:
            return "answered differently to the same key: a replay repeats body, Content-Type and Location to the byte"
    return None


def one_payload(history: History) -> str | None:
    """IA-11: a key that is finished is so for one payload."""
    finishes = history.finishes
    for asked in finishes[1:]:
        if asked.payload != finishes[0].payload:
            return "one key was finished for two different payloads"
    return None


def finished_stays_finished(history: History) -> str | None:
    """IA-10, IA-11: after a finish is known, the same payload gets it again, and another gets 422."""
    for first in history.finishes[:1]:
        for asked in history.asked:
            if asked.sent < first.ended or asked.heard is None or asked.heard.status in TIMED_OUT:
                continue
            if asked.heard.status == BUSY and _others_live(history, asked):
                continue
            is_same = asked.payload == first.payload
            if is_same and not asked.heard.is_finish:
                return f"the key was finished ({answered(first)}), and the same request then got {asked.heard.status}"
            if not is_same and asked.heard.status != REFUSED:
                return (
                    f"the key was finished ({answered(first)}), and another payload then got {asked.heard.status}, "
                    "not 422"
                )
    return None


def one_first_answer(history: History) -> str | None:
    """IA-10: only the first answer that finishes the key lacks ``Idempotent-Replayed``."""
    originals = [asked for asked in history.finishes if asked.heard is not None and not asked.heard.is_replay]
    if len(originals) > 1:
        return f"{len(originals)} answers say that they are the first: they have no Idempotent-Replayed"
    for original in originals:
        for earlier in history.finishes:
            if earlier is not original and earlier.ended <= original.sent:
                return "the key was finished and answered, and a later answer says that it is the first"
    return None


def no_replay_of_nothing(history: History) -> str | None:
    """IA-10: the first answer is no replay, so a replay needs another request that began before it ended."""
    for asked in history.finishes:
        assert asked.heard is not None
        others = (other for other in history.asked if other is not asked and other.payload == asked.payload)
        if asked.heard.is_replay and not any(other.sent < asked.ended for other in others):
            return "the key's very first request was answered as a replay"
    return None


def refused_for_a_reason(history: History) -> str | None:
    """IA-11: 422 needs another payload that came with the key before."""
    for asked in history.asked:
        if asked.heard is None or asked.heard.status != REFUSED:
            continue
        if not any(other.payload != asked.payload and other.sent < asked.ended for other in history.asked):
            return "answered 422, but no other payload ever came with that key"
    return None


def busy_only_while_working(history: History) -> str | None:
    """IA-12: 409 only while a live request works on the key."""
    for asked in history.asked:
        if asked.heard is not None and asked.heard.status == BUSY and not _others_live(history, asked):
            dead = [kill for kill in history.kills if kill.done <= asked.sent]
            since = f"; the process that worked on it was killed {milliseconds(asked.sent - dead[-1].done)} before"
            return f"answered 409 while no other request was working on the key{since if dead else ''}"
    return None


def _others_live(history: History, asked: Asked) -> bool:
    """Whether another request may be worked on between its sending and its end."""
    return any(
        other is not asked
        and history.is_live(other, asked.sent, asked.ended)
        # Two that both said "busy" cannot have been busy with one another.
        and (other.heard is None or other.heard.status != BUSY)
        for other in history.asked
    )


def finished_is_not_asked_again(history: History) -> str | None:
    """IA-10: a finished key asks the ledger for no further charge."""
    for first in history.finishes[:1]:
        for call in history.calls:
            if call.at > first.ended and not call.was_closed:
                after = milliseconds(call.at - first.ended)
                return (
                    f"the key was finished ({answered(first)}), and {after} later the ledger was asked to charge again"
                )
    return None


def reads_agree(history: History) -> str | None:
    """IA-16, IA-18: the payments that can be read are those that the answers and the ledger tell of."""
    if history.payments is None:
        return None
    if len(history.payments) > 1:
        return f"{len(history.payments)} payments can be read for one key"
    known = {charge.charge for charge in history.charges}
    for listed in history.payments:
        if listed.charge not in known:
            return f"the payment {listed.payment} can be read, but the ledger knows no charge {listed.charge!r}"
    for asked in history.finishes:
        assert asked.heard is not None
        found = [listed.payment for listed in history.payments]
        if asked.heard.status == 402 and found:
            return f"answered 402, but the payment {found[0]} can be read"
        if asked.heard.status == 201 and asked.heard.payment not in found:
            lost = " after the service was killed" if any(kill.done > asked.ended for kill in history.kills) else ""
            return f"answered 201 for the payment {asked.heard.payment}, but it cannot be read{lost}"
    return None


LAWS: tuple[Callable[[History], str | None], ...] = (
    money_moves_once,
    declined_is_never_charged,
    success_has_its_charge,
    one_payload,
    answers_agree,
    finished_stays_finished,
    one_first_answer,
    no_replay_of_nothing,
    refused_for_a_reason,
    busy_only_while_working,
    finished_is_not_asked_again,
    reads_agree,
)
"""The gravest first: of several broken laws the first is told."""
