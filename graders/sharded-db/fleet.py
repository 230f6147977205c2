"""Shards and routers of a check's own, to be hurt."""

from __future__ import annotations

import random
import threading
import time
from typing import TYPE_CHECKING

from environment import PATIENT_MS
from shards import Shards
from vocabulary import LETTERS, Router, record

from labrunner.checks import (
    PULSE,
    Answer,
    Ask,
    Broken,
    Companion,
    Companions,
    Exceeded,
    Service,
    Services,
    exceeded,
    note_recovery,
    wait_until,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from labrunner.checks import Suffering

BACK_SECONDS = 3.0
"""SD-27: from so long after a shard is back, its keys are served."""
COMES_BACK = "A shard that is back is served again without anybody's help."


class Fleet:
    """Some shards, and what routers before them are told.

    Args:
        services: starts routers.
        companions: starts shards.
        rng: of the check; chooses the ids.
        count: shards in ``SHARDS``.
        spares: further ones that may join.
        timeout_ms: ``SHARD_TIMEOUT_MS``.
        proxied: how many are behind a fault proxy, those that may join first. A proxy is a process more, and slows down all
            that passes: only who is delayed or cut needs one.

    Attributes:
        proxied: their ids.
        shards: those in ``SHARDS``, and those that joined.
        spares: id and shard of each that may join.
    """

    def __init__(
        self,
        services: Services,
        companions: Companions,
        rng: random.Random,
        count: int,
        *,
        spares: int = 0,
        timeout_ms: int = PATIENT_MS,
        proxied: int = 0,
    ) -> None:
        PULSE.start()
        self._services = services
        self.rng = rng
        started = companions.start_together("postgres", count + spares, behind_proxy=proxied)
        ids: dict[str, None] = {}
        while len(ids) < len(started):
            ids["-".join("".join(rng.choices(LETTERS, k=3)) for _ in range(2))] = None
        named = list(zip(ids, started, strict=True))
        self.proxied = list(ids)[:proxied]
        self.spares = named[:spares]
        self.shards = Shards(dict(sorted(named[spares:], key=lambda each: each[0])))
        self.env = {"SHARDS": self.shards.variable, "SHARD_TIMEOUT_MS": str(timeout_ms)}

    def start(self, env: dict[str, str] | None = None) -> Router:
        """A router with a ``DATA_DIR`` of its own."""
        return Router(self._services.start(env or self.env), self.shards, self.rng)

    def shard(self, name: str) -> Companion:
        """By its id."""
        return self.shards.companions[name]


def keys_by_shard(router: Router, count: int, tag: str = "k") -> dict[str, list[str]]:
    """At least so many new keys for each shard that some of a few hundred keys belong to."""
    found: dict[str, list[str]] = {name: [] for name in router.shards}
    for _ in range(12):
        keys = router.new_keys(max(24, 4 * count), tag)
        for key, name in router.locate_all(keys).items():
            found.setdefault(name, []).append(key)
        if all(len(keys) >= count for keys in found.values()):
            break
    return {name: keys[:count] for name, keys in found.items()}


def hurt(shard: Companion, form: str) -> Callable[[], float]:
    """Let a shard suffer one of *kill*, *pause*, *cut*; what ends it, and returns when it was back."""
    if form == "kill":
        shard.kill()
        return shard.restart
    suffering: Suffering = shard.pause() if form == "pause" else shard.cut()
    return suffering.undo


def until_served(router: Router, key: str, back: float) -> Answer:
    """SD-27: ask for a key of a shard that is back until it is not 503; from 3 s after that nothing else is right."""
    while True:
        answer = router.ask("GET", record(key))
        if answer.status != 503:
            note_recovery(answer.answered - back)
            return answer
        if answer.sent > back + BACK_SECONDS:
            got = f"503, {answer.sent - back:.1f} s after it was back"
            expected = f"no 503 from {BACK_SECONDS:.0f} s after the shard was back"
            router.too_slow(answer, deadline=BACK_SECONDS, expected=expected, got=got, why=COMES_BACK)
        time.sleep(0.05)


class Aside:
    """Requests all at once, from a thread of their own.

    Args:
        router: asked.
        asks: what for.
        connections: so many.
    """

    def __init__(self, router: Router, asks: list[Ask], connections: int) -> None:
        self._answers: list[Answer] = []
        self._fault: Broken | Exceeded | None = None
        self._thread = threading.Thread(target=self._ask, args=(router, asks, connections), daemon=True)
        self._thread.start()

    def _ask(self, router: Router, asks: list[Ask], connections: int) -> None:
        try:
            self._answers = router.all_at_once(asks, connections)
        except (Broken, Exceeded) as fault:
            self._fault = fault

    @property
    def is_over(self) -> bool:
        """Whether all are answered, or one never will be."""
        return not self._thread.is_alive()

    def answers(self) -> list[Answer]:
        """All of them, when they are there; raises what a connection of theirs ran into."""
        self._thread.join()
        if self._fault is not None:
            raise self._fault
        return self._answers


def once_served(ask: Callable[[], Answer], back: float) -> Answer:
    """SD-27: the answer; where it is 503 less than 3 s after the last shard was back, the one to the same request then.

    That another request was served says nothing of this one: each connection of a pool can be a broken one.
    """
    answer = ask()
    if answer.status == 503 and answer.sent <= back + BACK_SECONDS:
        wait_until(back + BACK_SECONDS)
        answer = ask()
    return answer


def settle(router: Router, key: str) -> None:
    """Until the shard is served (SD-27: 3 s), as it is not when it was just started; whether it is in time is another check's concern.

    A read, so that nothing of unknown outcome is left of a 503.
    """
    give_up = time.monotonic() + 4.0
    while router.get(key).status == 503 and time.monotonic() < give_up:
        time.sleep(0.05)


def stopped(router: Router, seconds: float, *evidence: Answer) -> int | None:
    """C-6: the exit code after SIGTERM; None when it had to be killed, which ends the try."""
    end = router.service.stop(within=seconds)
    if end.code is None:
        why = "Every deployment ends with SIGTERM."
        expected = f"an end within {seconds:.0f} s of SIGTERM"
        exceeded(*evidence, deadline=seconds, expected=expected, got="it still ran and was killed", why=why)
    return end.code


def killed_and_started(target: Service | Companion) -> float:
    """SIGKILL, and a start with what it had on disk; when it was ready."""
    target.kill()
    return target.restart()
