"""Where states are kept: here, or in Redis without a script, by optimistic transactions (WATCH, MULTI, EXEC)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import redis.asyncio as redis
from redis.asyncio.client import Pipeline
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from states import Policy, State, Verdict, decide

SLICES, SLICE = 7, 0.05
REST = 0.4
CONNECTIONS = 8


class Down(Exception):
    """Nothing was decided, or nobody knows."""


class Memory:
    """One event loop, and nothing is awaited while a decision is made: so no lock."""

    def __init__(self) -> None:
        self.states: dict[tuple[str, str], tuple[State, int]] = {}

    async def decide(self, policy: Policy, client: str, cost: int) -> Verdict:
        now = time.monotonic_ns() // 1000
        known = self.states.get((policy.name, client))
        change = decide(policy, known and known[0], cost, now)
        if change.state is not None:
            self.states[policy.name, client] = (change.state, change.idle_at)
        return change.verdict

    async def clean(self) -> None:
        """Forget idle pairs, for ever, a thousand at a time."""
        while True:
            await asyncio.sleep(1)
            pairs = list(self.states)
            for start in range(0, len(pairs), 1000):
                now = time.monotonic_ns() // 1000
                for pair in pairs[start : start + 1000]:
                    if self.states[pair][1] <= now:
                        del self.states[pair]
                await asyncio.sleep(0)

    def tracked(self) -> int:
        return len(self.states)


class Shared:
    """A transaction fails when another replica was faster, and is tried again. Within one replica a pair's requests wait
    for one another, so that at most one transaction per replica contends for a pair."""

    def __init__(self, url: str) -> None:
        self.redis = redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0))
        self.locks: dict[str, tuple[asyncio.Lock, list[None]]] = {}
        self.turns = asyncio.Semaphore(CONNECTIONS)
        self.rests_until = 0.0
        self.last_success = 0.0

    async def decide(self, policy: Policy, client: str, cost: int) -> Verdict:
        """Raises Down."""
        key = f"{policy.name} {client}"
        async with self.alone_with(key), self.turns:
            while True:
                began = time.monotonic()
                if began < self.rests_until:
                    raise Down
                try:
                    verdict = await in_time(self.attempt(policy, key, cost))
                except redis.WatchError:
                    verdict = None
                except (redis.RedisError, OSError, TimeoutError) as error:
                    if self.last_success < began:  # else it was only slow: others have been answered meanwhile
                        self.rests_until = time.monotonic() + REST
                    raise Down from error
                self.last_success = time.monotonic()
                if verdict is not None:
                    return verdict

    async def attempt(self, policy: Policy, key: str, cost: int) -> Verdict:
        """Raises WatchError when the pair's state changed between reading and writing."""
        async with self.redis.pipeline() as pipe:
            await pipe.watch(key)
            known, now = await self.read(pipe, key)
            change = decide(policy, known, cost, now)
            if change.state is not None:
                pipe.multi()
                pipe.set(key, json.dumps(change.state), pxat=-(-change.idle_at // 1000))
                await pipe.execute()
            return change.verdict

    async def read(self, pipe: Pipeline, key: str) -> tuple[State | None, int]:
        """The state first, then Redis' clock: so no unit is spent later than now."""
        text = await pipe.get(key)
        seconds, microseconds = await pipe.time()
        return (None if text is None else json.loads(text)), seconds * 1_000_000 + microseconds

    @contextlib.asynccontextmanager
    async def alone_with(self, key: str) -> AsyncIterator[None]:
        """A lock per pair, which is there as long as somebody wants it."""
        lock, users = self.locks.setdefault(key, (asyncio.Lock(), []))
        users.append(None)
        try:
            async with lock:
                yield
        finally:
            users.pop()
            if not users:
                del self.locks[key]

    async def clean(self) -> None:
        """Redis does that."""

    def tracked(self) -> int:
        return 0


async def in_time(asking: Coroutine[Any, Any, Verdict]) -> Verdict:
    """Wait a third of a second, in slices: when this process itself was held up, that takes one of them, not all."""
    task = asyncio.create_task(asking)
    for _ in range(SLICES):
        done, _ = await asyncio.wait({task}, timeout=SLICE)
        if done:
            return task.result()
    task.cancel()  # redis-py closes the connection then
    raise TimeoutError
