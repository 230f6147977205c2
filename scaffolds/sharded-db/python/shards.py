"""The heart of it: which shard has a key, and a connection to it, whatever fails."""

from __future__ import annotations

from pathlib import Path


class Shards:
    """The shards by their ids. `first` is the topology of the first start, id to where it is; `patience` is in seconds."""

    def __init__(self, folder: Path, first: dict[str, str], patience: float) -> None:
        self.folder = folder
        self.first = first
        self.patience = patience

    def of(self, key: str) -> str:
        """The id of the key's shard.

        TODO: begin with one shard; then a function of the key and the set of ids alone (`lab spec SD-22`). Think of this
        from the first line on: another shard will join, and few keys may move then (`lab spec SD-24`).
        """
        raise NotImplementedError("Shards.of() in shards.py")

    def connection(self, shard: str) -> object:
        """A connection to a shard.

        TODO: `psycopg.connect(dsn)` is one, and psycopg is installed. Think of this from the first line on: many threads
        ask at once, and a shard takes 30 connections of you; it may be down when you start, and silent at any moment, while
        others must be served (`lab spec SD-25`, `lab spec SD-26`); the table must be made by you (`lab spec SD-2`).
        """
        raise NotImplementedError("Shards.connection() in shards.py")
