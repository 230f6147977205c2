"""One key's life, as a check sees it: what was asked and what came back, kills, and the audit at the end."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from vocabulary import REPLAYED, Payment, Shop, member

from labrunner.checks import (
    Answer,
    Broken,
    Exceeded,
    Service,
    Unanswered,
    burst,
    exceeded,
    fail,
    note_history,
    undecided,
    wait,
)
from labrunner.checks.once import Asked, Heard, History, Impossible, Kill, Listed, Unknown, judge

if TYPE_CHECKING:
    from collections.abc import Callable

    from bank import Record

FINISHED = (201, 402)
AGAIN = (409, 503, 504)
"""What a client that retries may be told, for as long as the key is not finished."""
RETRIES_SECONDS = 9.0
PAUSE_SECONDS = 0.05
EXACTLY_ONCE = (
    "However often a client retries, and whatever crashes or is lost: the money moves once, and is told of once."
)
IN_TIME = "Nobody waits for ever for the answer to a payment; 504 is an answer."


class Life:
    """A key and its payment.

    Args:
        shop: the service, with the tenant whose key it is.
    """

    def __init__(self, shop: Shop, payment: Payment | None = None) -> None:
        self.shop = shop
        self.key = shop.new_key()
        self.payment = payment or shop.new_payment()
        self.answers: list[Answer] = []
        self._asked: list[Asked] = []
        self._kills: list[Kill] = []
        self._threads: list[threading.Thread] = []
        self._raised: list[Exceeded | Broken] = []
        self._ended: list[BaseException] = []

    # --- asking ----------------------------------------------------------------------------------------------------

    def ask(self, payment: Payment | None = None, *, gives_up: float | None = None) -> Answer | None:
        """One request on a connection of its own; None when its answer was lost.

        Args:
            payment: another payload than the key's own.
            gives_up: seconds after which the client leaves; None for as long as an answer may take.
        """
        wanted = payment or self.payment
        client = self.shop.service.client()
        sent = time.monotonic()
        try:
            came: Answer | Unanswered | None
            if gives_up is None:
                came = self.shop.post(self.key, wanted.body, client=client, deadline=self.shop.longest + 1.0)
            else:
                came = self.shop.leave(self.key, wanted.body, after=gives_up, client=client)
        except (Broken, Exceeded) as lost:
            self._raised.append(lost)
            came = None
        finally:
            client.close()
        if not isinstance(came, Answer):
            self._asked.append(Asked(sent, time.monotonic(), wanted.name))
            return None
        return self._note(came, wanted)

    def _note(self, answer: Answer, wanted: Payment) -> Answer:
        self.answers.append(answer)
        self._asked.append(Asked(answer.sent, answer.answered, wanted.name, _heard(answer)))
        return answer

    def answered(self, payment: Payment | None = None) -> Answer:
        """One request that nothing keeps from being answered, within the time of IA-17."""
        answer = self.ask(payment)
        if answer is None:
            raise self._raised[-1]
        limit = 4 * self.shop.patience + 1.0
        if (took := answer.answered - answer.sent) > limit:
            exceeded(
                answer, deadline=limit, expected=f"an answer within {limit:.1f} s", got=f"{took:.1f} s", why=IN_TIME
            )
        return answer

    def ask_together(self, count: int) -> list[Answer]:
        """So many requests, released together; none may be left without an answer."""
        ask = self.shop.ask(self.key, self.payment.body)
        came = burst(self.shop.service, [ask] * count, deadline=self.shop.longest + 1.0)
        answers = [self._note(answer, self.payment) for answer in came]
        for answer in answers:
            if answer.status not in {*FINISHED, *AGAIN}:
                expected = "201 or 402, or 409, 503 or 504"
                fail(answer, expected=expected, got=answer.line, why="Several clients only make one payment.")
        return answers

    def ask_aside(self, payment: Payment | None = None) -> None:
        """One request in the background; `join` waits for it."""
        self._aside(lambda: self.ask(payment))

    def retry_aside(self) -> None:
        """Ask in the background, and again after each answer that does not finish the key, until one is lost."""

        def retry() -> None:
            while (answer := self.ask()) is not None and answer.status in AGAIN:
                time.sleep(PAUSE_SECONDS)

        self._aside(retry)

    def _aside(self, work: Callable[[], object]) -> None:
        """In the background; what ends it ends `join`, too: nobody sees what is raised in a thread."""

        def run() -> None:
            try:
                work()
            except BaseException as ended:  # noqa: BLE001 - raised by `join`
                self._ended.append(ended)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        self._threads.append(thread)

    @property
    def lost(self) -> list[Exceeded | Broken]:
        """Why requests were not answered, of those that nobody gave up."""
        return self._raised

    def join(self) -> None:
        """Wait for the requests in the background; raises what one of them was ended by, such as `Failed`."""
        for thread in self._threads:
            thread.join()
        self._threads.clear()
        if self._ended:
            raise self._ended[0]

    def finish(self) -> Answer:
        """Retry until the key is finished, as a client does (IA-16)."""
        give_up = time.monotonic() + RETRIES_SECONDS
        while True:
            answer = self.answered()
            if answer.status in FINISHED:
                return answer
            if answer.status not in {503, 504}:
                self._accuse()
            if answer.status not in AGAIN:
                expected = "201 or 402, or 409, 503 or 504 until then"
                fail(*self.answers[-2:], expected=expected, got=answer.line, why="The client only retries its payment.")
            if time.monotonic() > give_up:
                self._accuse()
                got = f"{answer.line} after {len(self.answers)} requests in {RETRIES_SECONDS:.0f} s"
                exceeded(*self.answers[-2:], deadline=self.shop.patience, expected="201 or 402 in the end",
                         got=got, why="The ledger is well by now: a key that is retried until it is finished ends so.")  # fmt: skip
            wait(PAUSE_SECONDS)

    # --- faults ----------------------------------------------------------------------------------------------------

    def noted(self, kill: Kill) -> None:
        """The service was killed in this life."""
        self._kills.append(kill)

    # --- the audit -------------------------------------------------------------------------------------------------

    def _accuse(self) -> None:
        """Tell a law that was broken already, if one was."""
        history = self.history(self.shop.bank.record(self.payment.account), None)
        if isinstance(verdict := judge(history), Impossible):
            self._tell(verdict)

    def history(self, record: Record, payments: tuple[Listed, ...] | None) -> History:
        """All that was seen of it."""
        return History(
            asked=tuple(self._asked),
            calls=record.calls,
            charges=record.charges,
            closes=record.closes,
            kills=tuple(self._kills),
            payments=payments,
            is_final=record.is_final,
            bound=self.shop.longest + 1.0,
        )

    def audit(self) -> Record:
        """Reconcile the answers, the ledger's record and what can be read; fails with a short story."""
        self.join()
        record = self.shop.bank.final_record(self.payment.account)
        verdict = judge(self.history(record, self._listed()))
        if isinstance(verdict, Impossible):
            self._tell(verdict)
        note_history(is_unknown=isinstance(verdict, Unknown))
        if isinstance(verdict, Unknown):
            undecided(verdict.reason)
        return record

    def _listed(self) -> tuple[Listed, ...]:
        """The payments of the key's account that can be read."""
        answer = self.shop.page(account=self.payment.account).expect(200, "Payments can be read.")
        mine = [item for item in self.shop.items(answer) if item["account"] == self.payment.account]
        return tuple(Listed(str(item["id"]), str(item["charge_id"])) for item in mine)

    def _tell(self, verdict: Impossible) -> None:
        fail(*self.answers[-3:], expected="one payment for one key, in every answer and record", got=verdict.story,
             why=EXACTLY_ONCE)  # fmt: skip


def _heard(answer: Answer) -> Heard:
    """An answer in the oracle's words."""
    words = "\n".join([answer.headers.get("Content-Type") or "", answer.headers.get("Location") or "", answer.text])
    is_replay = (answer.headers.get(REPLAYED) or "").strip().lower() == "true"
    if answer.status != 201:
        return Heard(answer.status, is_replay, words if answer.status in FINISHED else "")
    why = "A 201 says which payment it is, and under which charge the ledger has it."
    identity, charge = str(member(answer, "id", why)), str(member(answer, "charge_id", why))
    return Heard(201, is_replay, words, identity, charge)


def kill(service: Service, *lives: Life) -> None:
    """SIGKILL, noted in these lives."""
    begun = time.monotonic()
    service.kill()
    killed = Kill(begun, time.monotonic())
    for life in lives:
        life.noted(killed)


def killed_at(service: Service, moment: Callable[[], None], *lives: Life) -> None:
    """SIGKILL at a moment that is waited for, then a new start; what the lives had asked for ends with it."""
    moment()
    kill(service, *lives)
    for life in lives:
        life.join()
    service.restart()
    for life in lives:
        life.shop.reconnect()
