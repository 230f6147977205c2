"""Accounts and transfers between them: what is known to have happened, and whether the balances can be so."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Self

from fleet import once_served, settle
from vocabulary import Router, encoded, shown, version_of

from labrunner.checks import PULSE, Answer, Client, Unanswered, exceeded, fail, note_recovery, undecided

if TYPE_CHECKING:
    from types import TracebackType

    from shards import Row

SETTLES_SECONDS = 10.0
"""SD-32: so long after the router and all shards are back every transfer is decided."""
FOR_GOOD_SECONDS = 2 * SETTLES_SECONDS
"""What is wrong for so long, while this machine had CPU time to give, is not late: nobody is about to mend it."""
PAYERS = 8
PAUSE_SECONDS = 0.016
"""The longest that a client waits between two transfers while records move: the move has to be carried on, too."""
CONSERVED = "Money is neither made nor lost, whatever dies between two statements."
DECIDED = "A transfer that is in doubt holds its records locked, for everybody."


@dataclass(frozen=True, slots=True)
class Transfer:
    """One that was asked for."""

    source: str
    target: str
    amount: int


class Bank:
    """Some accounts, each of which begins with the same balance.

    Args:
        router: where they are; a PUT creates or resets them.
        accounts: their keys.
        balance: that each begins with.
    """

    def __init__(self, router: Router, accounts: list[str], balance: int) -> None:
        self.router = router
        self.accounts = accounts
        self._balances = dict.fromkeys(accounts, balance)
        self._versions: dict[str, int] = {}
        for key in accounts:
            settle(router, key)
            answer = router.put(key, {"balance": balance})
            if answer.status != 200:
                router.expect(answer, 201, "An account is put.")
            self._versions[key] = version_of(answer, "An account is put.")

    def note(self, source: str, target: str, amount: int) -> None:
        """A transfer that is known to have been made."""
        self._balances[source] -= amount
        self._balances[target] += amount
        for key in (source, target):
            self._versions[key] += 1

    def must_be_exact(self, *evidence: Answer) -> None:
        """Each account has the balance and the version that the known transfers make."""
        for key in self.accounts:
            answer = self.router.expect(self.router.get(key), 200, "The account is there.")
            told = answer.json("SD-6")
            got = told["value"].get("balance"), told["version"]
            if got != (self._balances[key], self._versions[key]):
                expected = f"a balance of {self._balances[key]} and version {self._versions[key]}"
                fail(*evidence, answer, expected=expected, got=f"{got[0]} and version {got[1]}", why=CONSERVED)

    # --- after faults ----------------------------------------------------------------------------------------------

    def must_settle(self, payers: Payers, back: float) -> None:
        """SD-32, SD-33: nobody asks any more; within 10 s nothing is in doubt, and the balances are possible."""
        since = max(back, payers.ended)
        late: tuple[str, str] | None = None
        while True:
            asked = time.monotonic()  # before the look: what it finds wrong was wrong at a later moment, too
            doubts, wrong = self.router.shards.in_doubt(), self._wrong(payers.unknown)
            if not doubts and wrong is None:
                break
            if doubts and asked > since + SETTLES_SECONDS:
                expected = f"no prepared transaction {SETTLES_SECONDS:.0f} s after the last fault"
                got = f"{len(doubts)}, such as {doubts[0]!r}"
                exceeded(*payers.evidence, deadline=SETTLES_SECONDS, expected=expected, got=got, why=DECIDED)
            late = wrong if asked > since + SETTLES_SECONDS else None
            if late and asked > since + FOR_GOOD_SECONDS:
                if PULSE.lost(since, asked) > SETTLES_SECONDS / 10:
                    undecided("the machine had no CPU time to give")
                fail(*payers.evidence, expected=late[0], got=late[1], why=CONSERVED)
            time.sleep(0.1)
        if late:
            expected = f"{late[0]}, {SETTLES_SECONDS:.0f} s after the last fault"
            got = f"{late[1]}, which was put right {asked - since:.1f} s after it"
            exceeded(*payers.evidence, deadline=SETTLES_SECONDS, expected=expected, got=got, why=CONSERVED)
        note_recovery(max(0.0, asked - back))
        self._must_be_served(back)

    def _wrong(self, unknown: list[Transfer]) -> tuple[str, str] | None:
        """What the tables hold that no choice of the unknown transfers explains: expected and got."""
        tables = self.router.shards.rows()
        rows: dict[str, Row] = {key: row for table in tables.values() for key, row in table.items()}
        if missing := set(self.accounts) - set(rows):
            return f"{len(self.accounts)} accounts", f"{shown(sorted(missing))} are in no shard"
        values = {key: rows[key].value for key in self.accounts}
        for key, value in values.items():
            if not isinstance(value, dict) or type(value.get("balance")) is not int:
                return f"a balance on {key}", shown(value)
        found: dict[str, int] = {key: value["balance"] for key, value in values.items()}
        total = sum(self._balances.values())
        if sum(found.values()) != total:
            return f"a sum of {total} over {len(found)} accounts", f"{sum(found.values())}: {shown(found)}"
        made = {key: found[key] - balance for key, balance in self._balances.items()}
        bounds = {
            key: (
                -sum(each.amount for each in unknown if each.source == key),
                sum(each.amount for each in unknown if each.target == key),
            )
            for key in self.accounts
        }
        for key, (least, most) in bounds.items():
            if not least <= made[key] <= most:
                low, high = self._balances[key] + least, self._balances[key] + most
                return f"a balance of {low} to {high} on {key}", f"{found[key]}"
        return None

    def _must_be_served(self, back: float) -> None:
        """The accounts are read as the tables have them, can be written, and transfers between them are made."""
        router, first, last = self.router, self.accounts[0], self.accounts[-1]
        for key in self.accounts:
            answer = router.expect(once_served(partial(router.get, key), back), 200, DECIDED)
            value = answer.json("SD-6")["value"]
            router.expect(once_served(partial(router.put, key, value), back), 200, DECIDED)
        for source, target in ((first, last), (last, first)):
            router.expect(once_served(partial(router.transfer, source, target, 1), back), 201, DECIDED)


class Payers:
    """Clients that transfer between random accounts until the block is left. What they cannot know is kept apart.

    Args:
        router: whom they ask.
        bank: whose accounts.
        is_hurt: whether an answer may be lost (C-16): the router or a shard fails meanwhile.

    Attributes:
        unknown: transfers whose outcome nobody knows (C-16).
        evidence: the last answer, or none.
        ended: when the last of them had its answer, or had given up.
    """

    def __init__(self, router: Router, bank: Bank, *, is_hurt: bool = True) -> None:
        self._router = router
        self._bank = bank
        self._is_hurt = is_hurt
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self._faults: list[BaseException] = []
        self._made = 0
        self._threads = [
            threading.Thread(target=self._pay, args=(router.rng.randrange(2**32),), daemon=True) for _ in range(PAYERS)
        ]
        self.unknown: list[Transfer] = []
        self.evidence: list[Answer] = []
        self.ended = 0.0

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()
        self.ended = time.monotonic()
        self._router.reconnect()
        if self._faults and fault is None:
            raise self._faults[0]

    def go_on(self, count: int) -> None:
        """Wait until so many more transfers were made: a fault while none is under way shows nothing. For 3 s at most."""
        wanted, give_up = self._made + count, time.monotonic() + 3.0
        while self._made < wanted and time.monotonic() < give_up:
            time.sleep(0.005)

    def _pay(self, seed: int) -> None:
        rng = random.Random(seed)
        client = self._router.service.client()
        try:
            while not self._is_over.is_set():
                self._pay_once(client, rng)
        except BaseException as fault:  # noqa: BLE001 - raised again where the block ends
            self._faults.append(fault)
        finally:
            client.close()

    def _pay_once(self, client: Client, rng: random.Random) -> None:
        source, target = rng.sample(self._bank.accounts, 2)
        transfer = Transfer(source, target, rng.randint(1, 99))
        body = encoded({"from": source, "to": target, "amount": transfer.amount})
        headers = {"Content-Type": "application/json"}
        longest = self._router.longest
        answer: Answer | Unanswered
        if self._is_hurt:
            answer = client.attempt("/transfers", method="POST", headers=headers, body=body, deadline=longest)
        else:
            answer = client.request("POST", "/transfers", headers=headers, body=body, deadline=longest)
        with self._lock:
            if isinstance(answer, Unanswered) or answer.status == 503:
                self.unknown.append(transfer)
            elif answer.status == 201:
                self._bank.note(source, target, transfer.amount)
                self._made += 1
                self.evidence[:] = [answer]
            else:
                fail(answer, expected="201 or 503", got=answer.line, why="Each account has enough.")
        if isinstance(answer, Unanswered) or answer.status == 503:
            time.sleep(0.1)
        elif not self._is_hurt:
            time.sleep(rng.random() * PAUSE_SECONDS)
