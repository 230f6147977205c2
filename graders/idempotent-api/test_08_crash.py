"""Stage crash: SIGKILL, at any moment; then the retry, and the audit."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from life import EXACTLY_ONCE, Life, kill, killed_at
from vocabulary import Shop, essence, must_replay

from labrunner.checks import Effort, Service, Services, fail, wait

if TYPE_CHECKING:
    from bank import Bank

TIMEOUT_MS = 1_500
"""Long enough that a quiet machine never reaches it, short enough that a killed charge is not waited for long."""
KILLS = (12, 40, 200)
"""Of `killed-anywhere`, by effort, and a third of it of `killed-after-answer` and `answered-survives`."""
AT_ONCE = 3
TOGETHER = 8
CLOSING_SECONDS = 0.15
"""That closing takes while so many retry, so that they meet."""
SPREAD_SECONDS = 0.05
SOON_SECONDS = 0.05
"""The first kill comes as soon as that, so that one is amid what is written."""
WRITING_SECONDS = (0.004, 0.004, 0.3)
"""Within so many the service is killed after it found the ledger's answer: amid what it writes, or soon after it."""
SURVIVES = "What was answered was on disk before: a kill takes nothing back."
STANDS = "The ledger was asked for the first payment: the key stands for it, whatever process asked."
FINISHES = "The client only retries; the payment is made, or found."


@pytest.fixture
def mortal(services: Services, service: Service, bank: Bank, rng: random.Random) -> Shop:
    """An instance that may be killed, before the shared ledger."""
    return Shop(services.start({**service.env, "LEDGER_TIMEOUT_MS": str(TIMEOUT_MS)}), bank, rng)


def test_finished_survives(mortal: Shop) -> None:
    """IA-21: whatever was answered outlives a kill: keys, answers, payments, their order."""
    lives = [Life(mortal) for _ in range(4)]
    mortal.bank.plan(lives[1].payment.account, [{"answer": "declined"}] * 9)  # a lost answer makes for one more charge
    firsts = [mortal.expect(life.answered(), 402 if life is lives[1] else 201, FINISHES) for life in lives]
    killed_at(mortal.service, lambda: None, *lives)
    for life, first in zip(lives, firsts, strict=True):
        must_replay(first, mortal.expect(life.answered(), first.status, SURVIVES))
        if first.status == 201:
            read = mortal.get(first.headers.get("Location") or "/payments/none").expect(200, SURVIVES)
            if essence(read.json(SURVIVES)) != essence(first.json(SURVIVES)):
                fail(first, read, expected="the object of the 201", got=read.text, why=SURVIVES)
    for life in lives:
        life.audit()
    listed = mortal.page().expect(200, SURVIVES)
    wanted = [first.json(SURVIVES)["id"] for first in reversed(firsts) if first.status == 201]
    if (got := [item["id"] for item in mortal.items(listed)]) != wanted:
        fail(listed, expected=f"the payments {wanted}, the newest first", got=f"{got}", why=SURVIVES)


def test_answered_survives(mortal: Shop, effort: Effort) -> None:
    """C-7, IA-21: killed as the answer arrives, or about then: what arrived was on disk before."""
    usual = max(answer.answered - answer.sent for answer in (mortal.paid()[2] for _ in range(3)))
    for number in range(effort.of(*KILLS) // 3):
        life = Life(mortal)
        if number % 2:
            life.ask_aside()
            wait(usual * 2 * mortal.rng.random())
        else:
            mortal.expect(life.answered(), 201, FINISHES)
        killed_at(mortal.service, lambda: None, life)
        mortal.expect(life.finish(), 201, SURVIVES)
        life.audit()


def test_killed_before_charge(mortal: Shop) -> None:
    """IA-12, IA-21: killed while the ledger held the call, which it carries out later: charged once, whoever retries."""
    life = Life(mortal)
    account = life.payment.account
    mortal.bank.plan(account, [{"hold": "before"}], [{"slow": CLOSING_SECONDS}] * TOGETHER)
    life.ask_aside()
    killed_at(mortal.service, lambda: mortal.bank.reached(account, "arrived"), life)
    life.ask_together(TOGETHER)
    mortal.expect(life.finish(), 201, FINISHES)
    mortal.bank.release(account)
    life.audit()


def test_killed_after_charge(mortal: Shop) -> None:
    """IA-11, IA-21: killed after the ledger charged, before it answered: charged once, for its payload, and found."""
    life = Life(mortal)
    account = life.payment.account
    mortal.bank.plan(account, [{"hold": "after"}])
    life.ask_aside()
    killed_at(mortal.service, lambda: mortal.bank.reached(account, "acted"), life)
    mortal.bank.release(account)
    # Its charge request was sent, so the key is not unused; and nobody who lives was working on it: no 409.
    other = replace(life.payment, amount=life.payment.amount + 1)
    mortal.expect(life.answered(other), 422, STANDS)
    mortal.expect(life.finish(), 201, FINISHES)
    life.audit()


def test_killed_after_answer(mortal: Shop, effort: Effort) -> None:
    """IA-21: killed right after the ledger answered, before, while and after the service writes that down."""
    for number in range(effort.of(*KILLS) // 3):
        life = Life(mortal)
        account = life.payment.account
        mortal.bank.plan(account, [{"hold": "after"}])
        life.ask_aside()
        mortal.bank.reached(account, "acted")
        # Held up while the ledger answers, it finds the answer when it goes on, and dies soon.
        suffering = mortal.service.pause()
        mortal.bank.release(account)
        mortal.bank.reached(account, "answered")
        if number == 0 or mortal.rng.random() < 0.7:
            suffering.undo()
            longest = SOON_SECONDS if number == 0 else mortal.rng.choice(WRITING_SECONDS)
            wait(mortal.rng.random() * longest)
        killed_at(mortal.service, lambda: None, life)
        mortal.expect(life.finish(), 201, FINISHES)
        life.audit()


def test_killed_while_closing(mortal: Shop) -> None:
    """IA-21: killed amid a resolution: the next retry resolves again."""
    life = Life(mortal)
    account = life.payment.account
    mortal.bank.plan(account, [{"answer": "drop", "moves": "now"}], [{"hold": "after"}])
    life.retry_aside()  # a service may resolve at once, or with a retry
    mortal.bank.reached(account, "acted", kind="close")
    killed_at(mortal.service, lambda: None, life)
    mortal.bank.release(account)
    mortal.expect(life.finish(), 201, FINISHES)
    life.audit()


def test_killed_while_charging_again(mortal: Shop) -> None:
    """IA-14, IA-21: the fresh reference is on disk before it is used."""
    life = Life(mortal)
    account = life.payment.account
    mortal.bank.plan(account, [{"answer": "drop", "moves": "never"}, {"hold": "after"}])
    life.retry_aside()
    mortal.bank.reached(account, "acted", count=2)
    killed_at(mortal.service, lambda: None, life)
    mortal.bank.release(account)
    mortal.expect(life.finish(), 201, FINISHES)
    life.audit()


def test_killed_anywhere(mortal: Shop, effort: Effort) -> None:
    """IA-21: killed at moments that the run's seed chose, with several payments under way: each is made once."""
    rng = mortal.rng
    for _ in range(effort.of(*KILLS)):
        lives = [Life(mortal) for _ in range(AT_ONCE)]
        for life in lives:
            mortal.bank.plan(life.payment.account, [{"slow": rng.random() * SPREAD_SECONDS / 2}])
            life.ask_aside()
        wait(rng.random() * SPREAD_SECONDS)
        kill(mortal.service, *lives)
        for life in lives:
            life.join()
        mortal.service.restart()
        mortal.reconnect()
        for life in lives:
            mortal.expect(life.finish(), 201, EXACTLY_ONCE)
            life.audit()
