"""Stage transfers: both records or neither, over two shards."""

from __future__ import annotations

import random
import time
from typing import Any

from environment import PROMPT_MS
from fleet import Fleet, hurt, keys_by_shard, killed_and_started
from moving import join, until_idle
from payments import Bank, Payers
from test_05_shard_down import must_refuse
from test_08_consistency import fill_with_ballast
from vocabulary import JSON, Router, encoded, must_be_item, shown

from labrunner.checks import Answer, Ask, Companions, Services, fail, wait

BOTH = "Money that leaves one account arrives at the other."
NEITHER = "A transfer that is refused changes nothing."
SLOW_MS = 12
"""So that a kill finds transfers between two of their steps, not in the program alone."""
MOVING_MS = 2
"""So that a move takes long enough for many transfers."""
ACCOUNTS = 16
"""So many that some of them move, and some do not."""
AIMING_SECONDS = 1.0
SLACK = 2.0
"""SD-33: so much longer than a shard's time-out each of fifty transfers may take."""


def spread(router: Router) -> tuple[str, str, str]:
    """Three new keys: the first two on different shards, the third on the first one's."""
    by_shard = keys_by_shard(router, 2, "account")
    one, other = router.rng.sample([name for name, keys in by_shard.items() if len(keys) == 2], 2)
    return by_shard[one][0], by_shard[other][0], by_shard[one][1]


def transferred(router: Router, source: str, target: str, amount: int) -> Answer:
    """SD-15, SD-31: a transfer that succeeds."""
    answer = router.expect(router.transfer(source, target, amount), 201, BOTH)
    told = answer.json(BOTH)
    wanted = {"from": source, "to": target, "amount": amount}
    if not isinstance(told, dict) or any(told.get(name) != value for name, value in wanted.items()):
        fail(answer, expected=shown(wanted), got=answer.text, why="The answer says what was done.")
    return answer


def test_transfer(router: Router) -> None:
    """SD-31: over two shards and within one, both ways, down to nothing."""
    first, far, near = spread(router)
    for key, other in ((first, far), (first, near)):
        values: dict[str, dict[str, Any]] = {
            key: {"balance": 100, "owner": {"name": "kim"}, "tags": [1, None]},
            other: {"note": "é", "balance": 5},
        }
        versions = {name: set_to(router, name, value) for name, value in values.items()}
        for source, target, amount in ((key, other, 30), (other, key, 35), (key, other, 105)):
            transferred(router, source, target, amount)
            values[source]["balance"] -= amount
            values[target]["balance"] += amount
            for name in (source, target):
                versions[name] += 1
                router.must_have(name, values[name], versions[name], BOTH)


def set_to(router: Router, key: str, value: Any) -> int:
    """A PUT of a record that may be there or not; its version."""
    answer = router.put(key, value)
    if answer.status != 200:
        router.expect(answer, 201, "A record is put.")
    return int(answer.json("SD-5")["version"])


def test_refused(router: Router) -> None:
    """SD-30: 400, 404, 422, 409; and nothing has happened."""
    first, far, near = spread(router)
    poor, bare, absent = router.new_keys(3)
    values: dict[str, Any] = {
        first: {"balance": 10},
        far: {"balance": 0},
        near: {"balance": 7},
        poor: 5,
        bare: {"balance": "1"},
    }
    versions = {key: router.store(key, value) for key, value in values.items()}
    for amount in (0, -1, 1.5, "1", True, None):
        answer = router.expect(router.transfer(first, far, amount), 400, "An amount is a whole number from 1.")
    router.expect(router.transfer(first, first, 1), 400, "Nobody can transfer to themselves.")
    router.expect(router.ask("POST", "/transfers", body=encoded({"from": first, "to": far})), 400, "How much?")
    router.expect(router.ask("POST", "/transfers", JSON, b"[]"), 400, "That is no transfer.")
    for source, target in ((first, absent), (absent, first)):
        router.expect(router.transfer(source, target, 1), 404, "There is no such record.")
    for other in (poor, bare):
        for source, target in ((first, other), (other, first)):
            answer = router.expect(router.transfer(source, target, 1), 422, "A record without a balance has no money.")
    for target in (far, near):
        answer = router.expect(router.transfer(first, target, 11), 409, "There are only 10.")
    for key, value in values.items():
        answer = router.must_have(key, value, versions[key], NEITHER)
        must_be_item(answer, answer.json(NEITHER), key, value, versions[key], NEITHER)


def test_crossing(router: Router) -> None:
    """SD-33: fifty at once over three accounts, in all directions, are answered in time, and the sums are right."""
    accounts = list(spread(router))
    for _ in range(2):
        bank = Bank(router, accounts, 1000)
        pairs = [router.rng.sample(accounts, 2) for _ in range(50)]
        pairs[:20] = [accounts[:2], accounts[1::-1]] * 10
        wanted = [(source, target, router.rng.randint(1, 9)) for source, target in pairs]
        answers = router.all_at_once([ask_for(*each) for each in wanted], 50)
        for (source, target, amount), answer in zip(wanted, answers, strict=True):
            if (seconds := answer.answered - answer.sent) > router.patience + SLACK:
                expected = f"an answer within {router.patience + SLACK:.1f} s"
                router.too_slow(
                    answer, expected=expected, got=f"{seconds:.1f} s", why="They must not wait for one another."
                )
            router.expect(answer, 201, "Each account has enough.")
            bank.note(source, target, amount)
        bank.must_be_exact(answers[-1])
    must_not_overdraw(router, accounts)


def ask_for(source: str, target: str, amount: int) -> Ask:
    """A transfer of a burst."""
    return Ask("/transfers", JSON, "POST", encoded({"from": source, "to": target, "amount": amount}))


def must_not_overdraw(router: Router, accounts: list[str]) -> None:
    """SD-30: of thirty at once as many succeed as there is money for."""
    bank = Bank(router, accounts, 10)
    source, *targets = accounts
    asks = [ask_for(source, targets[number % 2], 1) for number in range(30)]
    answers = router.all_at_once(asks, 30)
    for number, answer in enumerate(answers):
        if answer.status == 201:
            bank.note(source, targets[number % 2], 1)
        else:
            router.expect(answer, 409, "There is no money left.")
    if (paid := sum(answer.status == 201 for answer in answers)) != 10:
        fail(
            answers[-1],
            expected="10 of 30 transfers of 1 from a balance of 10",
            got=f"{paid}",
            why="Nobody may go below 0.",
        )
    bank.must_be_exact(answers[-1])


def test_shard_kills(services: Services, companions: Companions, rng: random.Random) -> None:
    """SD-32, SD-33: while transfers run, shards are killed and paused; 10 s after the last fault the sum is what it was.

    SD-25: without any one of both shards a transfer over both is refused in time.
    """
    fleet = Fleet(services, companions, rng, 2, timeout_ms=PROMPT_MS)
    router = fleet.start()
    bank = opened(router)
    back = time.monotonic()
    with Payers(router, bank) as payers:
        for form in rng.sample(("kill", "kill", "pause"), 3):
            payers.go_on(10)
            wait(0.05 * rng.random())
            undo = hurt(fleet.shard(rng.choice(list(fleet.shards))), form)
            wait(0.2 + 0.4 * rng.random())
            back = undo()
        payers.go_on(5)
    bank.must_settle(payers, back)
    one, other = rng.sample((bank.accounts[0], bank.accounts[-1]), 2)
    with fleet.shard(rng.choice(list(fleet.shards))).paused():
        must_refuse(router, router.transfer(one, other, 1))


def test_router_kills(services: Services, companions: Companions, rng: random.Random) -> None:
    """SD-32, SD-33: while transfers run, the router is killed; 10 s after its last start nothing is in doubt."""
    fleet = Fleet(services, companions, rng, 2, timeout_ms=PROMPT_MS, proxied=2)
    router = fleet.start()
    bank = opened(router)
    slowness = [shard.delayed(SLOW_MS) for shard in fleet.shards.companions.values()]
    back = time.monotonic()
    with Payers(router, bank) as payers:
        for _ in range(4):
            payers.go_on(8)
            until_one_is_prepared(router)
            back = killed_and_started(router.service)
        payers.go_on(3)
    back = max(back, *(each.undo() for each in slowness))
    bank.must_settle(payers, back)


def until_one_is_prepared(router: Router) -> None:
    """A kill that comes while a transfer is half made shows most. For a second at most: there are other ways to make it."""
    give_up = time.monotonic() + AIMING_SECONDS
    while not router.shards.in_doubt() and time.monotonic() < give_up:
        time.sleep(0.002)


def opened(router: Router) -> Bank:
    """Accounts on both shards."""
    by_shard = keys_by_shard(router, 5, "account")
    return Bank(router, [key for keys in by_shard.values() for key in keys], 100_000)


def test_amid_moves(services: Services, companions: Companions, rng: random.Random) -> None:
    """SD-28, SD-33: while a shard joins transfers go on, and what was paid moves with its account."""
    fleet = Fleet(services, companions, rng, 1, spares=1, proxied=1)
    router = fleet.start()
    fill_with_ballast(router)
    bank = Bank(router, router.new_keys(ACCOUNTS, "account"), 100_000)
    fleet.spares[0][1].delayed(MOVING_MS)
    with Payers(router, bank, is_hurt=False) as payers:
        payers.go_on(5)
        join(router, fleet)
        until_idle(router, time.monotonic())
        payers.go_on(5)
    if not payers.unknown:
        bank.must_be_exact(*payers.evidence)
    bank.must_settle(payers, time.monotonic())
