"""Which shards there are, and, while records move, which there were.

It is kept in a file below DATA_DIR from the first change on; the file is written before anything moves, so that a
router that was killed knows what it was about.
"""

from __future__ import annotations

import json
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asking import Refusal
from placement import place
from shard import Shard

FILE = "topology.json"


@dataclass
class Move:
    """What this process knows of a move: which keys have their new place for certain, and how many records moved."""

    settled: set[str] = field(default_factory=set)
    moved: int = 0


@dataclass(frozen=True)
class View:
    """The shards that keys come from and those that they go to, by id; the same ones while nothing moves."""

    old: dict[str, Shard]
    new: dict[str, Shard]
    move: Move | None = None

    def home(self, key: str) -> Shard:
        """Where a key belongs."""
        return self.new[place(key, self.new)]

    def former(self, key: str) -> Shard:
        """Where it was before the move."""
        return self.old[place(key, self.old)]

    def is_settled(self, key: str) -> bool:
        """Whether nothing of the key can be anywhere but at home."""
        return self.move is None or key in self.move.settled or self.home(key) is self.former(key)

    def shards(self) -> dict[str, Shard]:
        """All of them."""
        return self.old | self.new

    def givers(self) -> list[str]:
        """Those that records go away from."""
        return sorted(self.old.keys() - self.new.keys()) or sorted(self.old)

    def takers(self) -> list[str]:
        """Those that records come to."""
        return sorted(self.shards().keys() - set(self.givers()))

    def statuses(self) -> list[dict[str, str]]:
        """As `GET /shards` shows them."""
        return [{"id": name, "status": self._status(name)} for name in sorted(self.shards())]

    def _status(self, name: str) -> str:
        if self.shards()[name].is_down:
            return "down"
        return "joining" if name not in self.old else "draining" if name not in self.new else "up"


class Topology:
    """The view now. Whoever has one asks afterwards whether it is still `view`.

    Args:
        folder: where to keep it.
        first: the shards of the first start, id to where it is.
        patience: seconds that one use of a shard may take.
    """

    def __init__(self, folder: Path, first: dict[str, str], patience: float) -> None:
        self._file = folder / FILE
        self._patience = patience
        self._changing = threading.Lock()
        self.moving = threading.Event()
        kept: dict[str, Any] = {"old": first, "new": first, "moved": 0}
        if self._file.exists():
            kept = json.loads(self._file.read_text())
        shards = {name: Shard(name, dsn, patience) for name, dsn in (kept["old"] | kept["new"]).items()}
        self.last_moved = int(kept["moved"])
        self.view = View({name: shards[name] for name in kept["old"]}, {name: shards[name] for name in kept["new"]})
        if self.view.old.keys() - self.view.new.keys():
            self.view = View(self.view.old, self.view.new, Move(moved=self.last_moved))
            self.moving.set()

    def refuse_to_join(self, name: str) -> None:
        """409 if a shard of this id cannot join now."""
        if self.view.move is not None:
            raise Refusal(409, "a move is under way")
        if name in self.view.new:
            raise Refusal(409, "the id is known")

    def join(self, name: str, dsn: str) -> None:
        """Begin the move to a further shard."""
        with self._changing:
            self.refuse_to_join(name)
            self._begin(self.view.new | {name: Shard(name, dsn, self._patience)})

    def drain(self, name: str) -> None:
        """Begin the move away from a shard."""
        with self._changing:
            if name not in self.view.shards():
                raise Refusal(404, "no such shard")
            if self.view.move is not None or len(self.view.new) == 1:
                raise Refusal(409, "a move is under way, or it is the last shard")
            self._begin({other: shard for other, shard in self.view.new.items() if other != name})

    def _begin(self, new: dict[str, Shard]) -> None:
        view = View(self.view.new, new, Move())
        self.keep(view)
        self.view = view
        self.moving.set()

    def end(self) -> None:
        """All that had to move has."""
        with self._changing:
            ended = self.view
            view = View(ended.new, ended.new)
            self.last_moved = ended.move.moved if ended.move else 0
            self.keep(view)
            self.view = view
            self.moving.clear()
        for name in ended.old.keys() - ended.new.keys():
            ended.old[name].leave()

    def moved(self) -> int:
        """How many records the current or last move has moved."""
        move = self.view.move
        return self.last_moved if move is None else move.moved

    def keep(self, view: View) -> None:
        """Write it down."""
        old, new = ({name: shard.dsn for name, shard in part.items()} for part in (view.old, view.new))
        moved = self.last_moved if view.move is None else view.move.moved
        self._file.parent.mkdir(parents=True, exist_ok=True)
        draft = self._file.with_suffix(".new")
        with draft.open("w") as file:
            json.dump({"old": old, "new": new, "moved": moved}, file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._file)
