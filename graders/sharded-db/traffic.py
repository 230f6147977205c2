"""Concurrent clients whose every request is recorded, and the question whether one order makes all answers right."""

from __future__ import annotations

import json
import random
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from fleet import once_served
from vocabulary import IF_ABSENT, JSON, Router, encoded, if_match, items_of, member, record

from labrunner.checks import Answer, Client, Unanswered, fail, note_deadline, note_history, undecided
from labrunner.checks.linear import ABSENT, RECORD, Delete, Get, Operation, Put, Verdict, judge, timeline

if TYPE_CHECKING:
    from types import TracebackType

    from labrunner.checks.linear import Action

CLIENTS = 8
PAUSE_SECONDS = 0.016
AGAIN_SECONDS = 0.15
"""A client waits so long after a 503 or a lost answer. Each unknown outcome may be anywhere in the order that is searched:
with hundreds of them on one key nothing can be proved."""
BATCH = 4
ONE_ORDER = "A record is one thing: what one client saw, or was told, nobody may see undone or before it was done."
GOES_ON = "Who reads and writes need not know what moves behind the router."


class Traffic:
    """Clients that read, write, compare, set and delete until the block is left.

    Args:
        router: whom they ask.
        keys: nobody has used them before.
        is_hurt: whether an answer may be lost (C-16): the router or a shard fails meanwhile.
        pause: the longest that a client waits between two requests, in seconds.

    Attributes:
        history: what was asked and answered, key by key.
        answers: of each operation; None where there was none.
        refused: the 503.
    """

    def __init__(self, router: Router, keys: list[str], *, is_hurt: bool = False, pause: float = PAUSE_SECONDS) -> None:
        self.router = router
        self.keys = keys
        self.history: list[Operation] = []
        self.answers: list[Answer | None] = []
        self.refused: list[Answer] = []
        self._is_hurt = is_hurt
        self._pause = pause
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self._is_open = threading.Event()
        self._is_open.set()
        self._faults: list[BaseException] = []
        seeds = [router.rng.randrange(2**32) for _ in range(CLIENTS)]
        self._threads = [
            threading.Thread(target=self._live, args=(number, seed), daemon=True) for number, seed in enumerate(seeds)
        ]

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
        if self._faults and fault is None:
            raise self._faults[0]

    def kill_router(self) -> float:
        """SIGKILL amid the requests, and a start; when it was ready. Nobody asks a router that is not there."""
        self.router.service.kill()
        self._is_open.clear()
        try:
            return self.router.service.restart()
        finally:
            self._is_open.set()

    def create_and_delete(self, key: str) -> None:
        """One client more, with a key that the others leave alone: its record is absent afterwards, and its version is known."""
        self._put(self.router.client, CLIENTS, key, "again", {})
        self._delete(self.router.client, CLIENTS, key, None)

    # --- a client --------------------------------------------------------------------------------------------------

    def _live(self, number: int, seed: int) -> None:
        rng = random.Random(seed)
        client = self.router.service.client()
        seen: dict[str, int] = {}
        count = 0
        try:
            while not self._is_over.is_set() and not self._faults:
                count += 1
                self._is_open.wait()
                self._act(client, number, f"{number}.{count}", rng, seen)
                time.sleep(rng.random() * self._pause)
        except BaseException as fault:  # noqa: BLE001 - raised again where the block ends
            self._faults.append(fault)
        finally:
            client.close()

    def _act(self, client: Client, number: int, value: str, rng: random.Random, seen: dict[str, int]) -> None:
        """One request of any kind; `seen` is the last version that this client knows of each key."""
        key, kind = rng.choice(self.keys), rng.random()
        if kind < 0.4:
            self._get(client, number, key, seen)
        elif kind < 0.64:
            self._put(client, number, key, value, seen)
        elif kind < 0.78:
            self._put(client, number, key, value, seen, expected=seen.get(key, 1))
        elif kind < 0.84:
            self._put(client, number, key, value, seen, if_absent=True)
        elif kind < 0.92:
            self._delete(client, number, key, seen.get(key) if rng.random() < 0.5 else None)
        else:
            self._batch(client, number, rng.sample(self.keys, min(BATCH, len(self.keys))))

    def _get(self, client: Client, number: int, key: str, seen: dict[str, int]) -> None:
        answer = self._ask(client, "GET", record(key), {}, b"", {200, 404})
        if isinstance(answer, Answer) and answer.status != 503:
            told = answer.json(ONE_ORDER) if answer.status == 200 else None
            action = _read(answer, told)
            if action.version:
                seen[key] = action.version
            self._note(key, number, answer, action)

    def _put(
        self, client: Client, number: int, key: str, value: str, seen: dict[str, int], *,
        expected: int | None = None, if_absent: bool = False,
    ) -> None:  # fmt: skip
        fields = IF_ABSENT if if_absent else {} if expected is None else if_match(expected)
        conditional = {412} if fields else set()
        answer = self._ask(client, "PUT", record(key), {**JSON, **fields}, encoded(value), {200, 201, *conditional})
        status = answer.status if isinstance(answer, Answer) and answer.status != 503 else 0
        version = _version(answer) if isinstance(answer, Answer) and status in (200, 201) else 0
        if version:
            seen[key] = version
        self._note(key, number, answer, Put(_canonical(value), status, version, expected, if_absent))
        if version and not self._is_over.is_set():
            self._get(client, number, key, seen)  # at once: who reads another thing now was lied to by a cache

    def _delete(self, client: Client, number: int, key: str, expected: int | None) -> None:
        fields = {} if expected is None else if_match(expected)
        answer = self._ask(client, "DELETE", record(key), fields, b"", {204, 404} | ({412} if fields else set()))
        status = answer.status if isinstance(answer, Answer) and answer.status != 503 else 0
        self._note(key, number, answer, Delete(status, expected))

    def _batch(self, client: Client, number: int, keys: list[str]) -> None:
        answer = self._ask(client, "POST", "/records:batchGet", JSON, encoded({"keys": keys}), {200})
        if not isinstance(answer, Answer) or answer.status == 503:
            return
        for key, item in items_of(answer, ONE_ORDER).items():
            self._note(key, number, answer, _read(answer, item))
        for key in member(answer, "missing", ONE_ORDER):
            self._note(key, number, answer, Get(ABSENT))
        if member(answer, "unavailable", ONE_ORDER):
            with self._lock:
                self.refused.append(answer)

    def _ask(
        self, client: Client, method: str, target: str, fields: dict[str, str], body: bytes, right: set[int]
    ) -> Answer | Unanswered:
        answer: Answer | Unanswered
        if self._is_hurt:
            answer = client.attempt(target, method=method, headers=fields, body=body, deadline=self.router.longest)
        else:
            answer = client.request(method, target, headers=fields, body=body, deadline=self.router.longest)
        if isinstance(answer, Unanswered):
            time.sleep(AGAIN_SECONDS)
        elif answer.status == 503:
            with self._lock:
                self.refused.append(answer)
            time.sleep(AGAIN_SECONDS)
        elif answer.status not in right:
            fail(answer, expected=" or ".join(map(str, sorted(right))), got=answer.line, why=ONE_ORDER)
        return answer

    def _note(self, key: str, number: int, answer: Answer | Unanswered, action: Action) -> None:
        """A 503 to a write is an unknown outcome, as no answer is."""
        is_known = isinstance(answer, Answer) and answer.status != 503
        answered = answer.answered if isinstance(answer, Answer) and is_known else None
        with self._lock:
            self.history.append(Operation(key, number, answer.sent, answered, action))
            self.answers.append(answer if isinstance(answer, Answer) and is_known else None)

    # --- afterwards ------------------------------------------------------------------------------------------------

    def read_all(self, back: float = 0.0) -> None:
        """Final reads: with nothing wrong any more, the last shard `back` at that moment, each key is read."""
        self.router.reconnect()
        for key in self.keys:
            answer = once_served(partial(self.router.get, key), back)
            if answer.status == 503:
                expected = "200 or 404, with the router and all shards back"
                self.router.too_slow(answer, expected=expected, got=answer.line, why="Nothing is wrong any more.")
            if answer.status not in (200, 404):
                fail(answer, expected="200 or 404", got=answer.line, why=ONE_ORDER)
            told = answer.json(ONE_ORDER) if answer.status == 200 else None
            self._note(key, CLIENTS, answer, _read(answer, told))

    def must_be_linear(self) -> None:
        """SD-18: of each key one order of all operations makes every answer right."""
        found = judge(RECORD, self.history)
        note_history(is_unknown=found.verdict is Verdict.UNKNOWN)
        if found.verdict is Verdict.UNKNOWN:
            undecided(f"the search for an order of the {len(self.history)} operations was given up")
        if found.verdict is Verdict.IMPOSSIBLE:
            decisive = self.answers[found.telling[-1]]
            drawn = timeline(self.history, found)
            evidence = [] if decisive is None else [decisive]
            fail(*evidence, expected=found.expected, got=found.got, why=ONE_ORDER, timeline=drawn)

    def must_not_refuse(self) -> None:
        """SD-34: with no fault injected a 503 is a time-out, which a stalled machine alone can cause."""
        for answer in self.refused:
            self.router.too_slow(answer, expected="an answer other than 503", got=answer.line, why=GOES_ON)

    def must_be_within(self, seconds: float) -> None:
        """SD-28: no request waits for longer."""
        slowest = max((each for each in self.answers if each is not None), key=lambda each: each.answered - each.sent)
        took = slowest.answered - slowest.sent
        note_deadline(took, seconds)
        if took > seconds:
            expected = f"each answer within {seconds:g} s"
            self.router.too_slow(slowest, deadline=seconds, expected=expected, got=f"{took:.2f} s", why=GOES_ON)


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _version(answer: Answer) -> int:
    found = member(answer, "version", ONE_ORDER)
    if isinstance(found, bool) or not isinstance(found, int):
        fail(answer, expected="a version as a number", got=answer.text, why=ONE_ORDER)
    return found


def _read(answer: Answer, item: Any) -> Get:
    """What a read said of a record; None is 404."""
    if item is None:
        return Get(ABSENT)
    if not isinstance(item, dict) or not isinstance(item.get("version"), int) or "value" not in item:
        fail(answer, expected="a record with key, value and version", got=answer.text, why=ONE_ORDER)
    return Get(_canonical(item["value"]), item["version"])
