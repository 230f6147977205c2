"""Which shards there are and will be, kept in DATA_DIR; and which slots have moved, as the shards tell."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import uuid
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

from asking import Refusal
from ring import owners, slot_of
from shard import Shard, Unavailable


class World:
    """Everybody goes on, or, for a moment, one alone."""

    def __init__(self) -> None:
        self._inside = 0
        self._alone = False
        self._changed = asyncio.Condition()

    @contextlib.asynccontextmanager
    async def shared(self) -> AsyncIterator[None]:
        """One of many."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._alone)
            self._inside += 1
        try:
            yield
        finally:
            async with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    @contextlib.asynccontextmanager
    async def alone(self, patience: float) -> AsyncIterator[None]:
        """Nobody else, or `TimeoutError`."""
        async with self._changed:
            self._alone = True
        try:
            async with asyncio.timeout(patience), self._changed:
                await self._changed.wait_for(lambda: self._inside == 0)
            yield
        finally:
            async with self._changed:
                self._alone = False
                self._changed.notify_all()


class Topology:
    """Args: the folder to keep it in, the shards of the first start, and a shard's patience."""

    def __init__(self, folder: Path, first: dict[str, str], patience: float) -> None:
        self._file = folder / "shards.json"
        self._patience = patience
        self.world = World()
        kept = json.loads(self._file.read_text()) if self._file.exists() else {"now": first}
        self.move: str | None = kept.get("move")
        self.moved = int(kept.get("moved", 0))
        everything = kept["now"] | kept.get("then", {})
        self.shards = {name: Shard(name, dsn, patience) for name, dsn in everything.items()}
        self.now = sorted(kept["now"])
        self.then = sorted(kept.get("then", kept["now"]))
        self.flipped: set[int] = set()
        # Those of which it must be asked what has arrived there.
        self.unknown = set(self.then) if self.move else set()

    def owner(self, key: str) -> str:
        """Where a key belongs."""
        return owners(self.then)[slot_of(key)]

    def where(self, key: str) -> Shard:
        """Where a key is. Raises `Unavailable` when only a shard that is away knows."""
        slot = slot_of(key)
        before, after = owners(self.now)[slot], owners(self.then)[slot]
        if before == after or slot in self.flipped:
            return self.shards[after]
        if after in self.unknown:
            raise Unavailable(after)
        return self.shards[before]

    def to_move(self) -> dict[tuple[str, str], list[int]]:
        """Slots that have yet to move, by where from and where to."""
        found: dict[tuple[str, str], list[int]] = {}
        for slot, pair in enumerate(zip(owners(self.now), owners(self.then), strict=True)):
            if pair[0] != pair[1] and slot not in self.flipped:
                found.setdefault(pair, []).append(slot)
        return found

    def check_join(self, name: str) -> None:
        """409 when it cannot."""
        if self.move or name in self.shards:
            raise Refusal(409, "the id is known, or a move is under way")

    def join(self, name: str, dsn: str) -> None:
        """Begin."""
        self.check_join(name)
        self.shards[name] = Shard(name, dsn, self._patience)
        self._begin([*self.now, name])

    def drain(self, name: str) -> None:
        """Begin."""
        if name not in self.shards:
            raise Refusal(404, "no such shard")
        if self.move or len(self.now) == 1:
            raise Refusal(409, "it is the last one, or a move is under way")
        self._begin([other for other in self.now if other != name])

    def _begin(self, then: Iterable[str]) -> None:
        then, move = sorted(then), uuid.uuid4().hex
        self._keep(self.now, then, move, 0)
        self.moved = 0
        self.flipped = set()
        self.unknown = set()
        self.then = then
        self.move = move

    def end(self) -> None:
        """Nothing is left to move."""
        self._keep(self.then, self.then, None, self.moved)
        self.move = None
        self.now = self.then
        self.flipped = set()
        for name in self.shards.keys() - set(self.now):
            self.shards.pop(name).leave()

    def statuses(self) -> list[dict[str, str]]:
        """As `GET /shards` shows them."""

        def status(name: str) -> str:
            if self.shards[name].is_down:
                return "down"
            return "joining" if name not in self.now else "draining" if name not in self.then else "up"

        return [{"id": name, "status": status(name)} for name in sorted(self.shards)]

    def _keep(self, now: list[str], then: list[str], move: str | None, moved: int) -> None:
        dsns = {name: shard.dsn for name, shard in self.shards.items()}
        kept = {"now": {name: dsns[name] for name in now}, "then": {name: dsns[name] for name in then}}
        draft = self._file.with_suffix(".draft")
        with draft.open("w") as file:
            json.dump({**kept, "move": move, "moved": moved}, file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._file)
