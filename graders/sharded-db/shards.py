"""The shards as the grader sees them: PostgreSQL itself is asked, over connections of the grader's own. Nothing is written.

In a check `Shards` are what the router was told at its start, and what joined since.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pg8000.native

if TYPE_CHECKING:
    from labrunner.checks import Companion

USER, DATABASE = "lab", "postgres"
OURS = "lab-grader"
"""The name under which the grader connects, so that its connections are not counted as the router's."""
SECONDS = 10.0
MOST_CONNECTIONS = 30


@dataclass(frozen=True, slots=True)
class Row:
    """What a shard's table holds for a key."""

    value: Any
    version: int


class Shards:
    """Some shards.

    Args:
        companions: by the id that the router knows.
    """

    def __init__(self, companions: Mapping[str, Companion]) -> None:
        self.companions = dict(companions)

    def __iter__(self) -> Iterator[str]:
        return iter(self.companions)

    @property
    def variable(self) -> str:
        """``SHARDS``."""
        return json.dumps({name: each.url for name, each in self.companions.items()})

    def rows(self) -> dict[str, dict[str, Row]]:
        """Every record in every shard's `public.records`; a table that is not there has none."""
        return {name: self.rows_of(name) for name in self.companions}

    def rows_of(self, name: str) -> dict[str, Row]:
        """One shard's."""
        with self._asked(name) as connection:
            if connection.run("SELECT to_regclass('public.records')") == [[None]]:
                return {}
            found = connection.run("SELECT key, value::text, version FROM public.records") or []
        return {str(key): Row(json.loads(value), int(version)) for key, value, version in found}

    def places(self) -> dict[str, list[str]]:
        """By key, the shards that have it."""
        places: dict[str, list[str]] = {}
        for name, rows in self.rows().items():
            for key in rows:
                places.setdefault(key, []).append(name)
        return places

    def in_doubt(self) -> list[str]:
        """Transactions that were prepared and neither committed nor rolled back."""
        found: list[str] = []
        for name in self.companions:
            with self._asked(name) as connection:
                found += [str(gid) for (gid,) in connection.run("SELECT gid FROM pg_prepared_xacts") or []]
        return found

    def connections(self) -> dict[str, int]:
        """How many connections each shard has, but for the grader's."""
        query = (
            "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND application_name <> :ours"
        )
        counts = {}
        for name in self.companions:
            with self._asked(name) as connection:
                ((count,),) = connection.run(query, ours=OURS) or [[0]]
                counts[name] = int(count)
        return counts

    @contextlib.contextmanager
    def _asked(self, name: str) -> Iterator[Any]:
        host, port = self.companions[name].client_address
        connection = pg8000.native.Connection(
            USER, host=host, port=port, database=DATABASE, application_name=OURS, timeout=SECONDS
        )
        try:
            yield connection
        finally:
            connection.close()
