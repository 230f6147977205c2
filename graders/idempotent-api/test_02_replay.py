"""Stage replay: what a key is, and what it gives when it comes again."""

from __future__ import annotations

import json

from vocabulary import MEMBERS, RETRY, Payment, Shop, must_be_first, must_repeat, must_replay

from labrunner.checks import fail

SAME_KEY = "These are two ways to write one key."
OTHER_KEY = "These are two keys: they are compared byte by byte, in full."
VISIBLE = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) != '"')


def test_same_answer(shop: Shop) -> None:
    """IA-10: a finished key gives its answer again, without asking the ledger."""
    key, payment, first = shop.paid()
    again = first
    for _ in range(3):
        again = shop.twin().pay(key, payment)
        if again.status not in {503, 504}:
            must_repeat(first, again)
        shop.expect(again, 201, RETRY)
    record = shop.must_be_charged_once(payment, first, again)
    # Before the key was finished a stall may have made for more than one, and one of them may come late.
    if calls := [call for call in record.calls if call.at > first.answered and not call.was_closed]:
        got = f"{len(calls)} more after the first answer"
        fail(first, again, expected="no charge request at the ledger for a finished key", got=got, why=RETRY)


def test_replay_marked(shop: Shop) -> None:
    """IA-10: a replay says that it is one, and no first answer does."""
    key, payment, first = shop.paid()
    must_be_first(first)
    must_replay(first, shop.expect(shop.pay(key, payment), 201, RETRY))


def test_same_payload(shop: Shop) -> None:
    """IA-8: what is equal as JSON is the same payload, however it is written."""
    key, payment, first = shop.paid()
    for body in spellings(payment):
        again = shop.post(key, body)
        if again.status == 422:
            why = "White space, the order of members and escapes are no part of what a payment says."
            fail(first, again, expected="201 again", got=again.line, why=why)
        shop.expect(again, 201, RETRY)
    shop.must_be_charged_once(payment, first)


def spellings(payment: Payment) -> list[bytes]:
    """The same payload in other words."""
    backwards = {name: payment.members[name] for name in reversed(MEMBERS)}
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in payment.account)
    return [
        json.dumps(payment.members, indent=2).encode(),
        json.dumps(backwards, separators=(",", ":")).encode(),
        json.dumps(payment.members | {"account": "@"}).replace("@", escaped).encode(),
        b"\r\n\t " + payment.body + b"\n",
    ]


def test_key_forms(shop: Shop) -> None:
    """IA-6: a key in quotes and the same key bare are one."""
    plain = shop.new_key()
    odd = "".join(shop.rng.sample(VISIBLE, 20)).replace("\\", "") + "\\"
    for bare in (plain, odd + shop.new_key(6), shop.new_key(255)):
        quoted = '"' + bare.replace("\\", "\\\\") + '"'
        payment = shop.new_payment()
        first, second = shop.rng.sample([bare, quoted], 2)
        must_repeat(shop.succeed(first, payment), shop.expect(shop.pay(second, payment), 201, SAME_KEY))
        shop.must_be_charged_once(payment, why=SAME_KEY)
    payment, half = shop.new_payment(), shop.new_key(8)
    shop.succeed(f'"{half}\\"{half}"', payment, why="An escaped quote is a byte like another.")


def test_keys_differ(shop: Shop) -> None:
    """IA-6: keys that differ in a byte are two."""
    base = shop.new_key(200) + "x"
    long = shop.new_key(254)
    for one, other in ((base, base.swapcase()), (long + "a", long + "b"), (f"{base}-", f"{base}_")):
        payment = shop.new_payment()
        shop.succeed(one, payment)
        answer = shop.expect(shop.pay(other, payment), 201, OTHER_KEY)
        if (count := len(shop.bank.record(payment.account).charges)) != 2:
            fail(answer, expected="two charges for two keys", got=f"{count}", why=OTHER_KEY)


def test_bad_keys(shop: Shop) -> None:
    """IA-6: what is no key is refused."""
    payment = shop.new_payment()
    good = shop.new_key(6)
    bad = [f'"{good}', f'{good}"', f'{good}"{good}', '""', "x" * 256, f'"{"x" * 256}"', f"{good} {good}",
           f'"{good} {good}"', f'"{good}";a=1', f'"{good}\\x"', f"{good}\xe9"]  # fmt: skip
    for key in bad:
        answer = shop.post(key, payment.body)
        answer.expect(400, why=f"This is no key: {key[:40]}")
    if calls := shop.bank.record(payment.account).calls:
        got = f"{len(calls)} charge requests"
        fail(expected="no charge request at the ledger", got=got, why="A refused request moves nothing.")
