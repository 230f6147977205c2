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

from labrunner.checks import fail

if TYPE_CHECKING:
    from labrunner.checks import Companion

USER, DATABASE = "lab", "postgres"
OURS = "lab-grader"
"""The name under which the grader connects, so that its connections are not counted as the router's."""
SECONDS = 10.0
MOST_CONNECTIONS = 30
MAX_CONNECTIONS = 100
"""SD-1: the shard's own limit."""
TABLE = "public.records(key text, value jsonb, version bigint) in each shard"
READ_DIRECTLY = "SD-2: whoever has a shard, or a backup of it, reads the records there."
SHARED = "SD-1: a database gives its connections to everybody who needs it, not to one."
WRONG_STATEMENT, NO_TABLE, TOO_MANY = "42", "42P01", "53300"
"""A class of SQLSTATE, and two of its kind."""


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
            try:
                found = connection.run("SELECT key, value::text, version FROM public.records") or []
                return {str(key): Row(json.loads(value), int(version)) for key, value, version in found}
            except (pg8000.native.DatabaseError, ValueError, TypeError) as fault:
                told = _told(fault)
                state = told.get("C", WRONG_STATEMENT)
                if not state.startswith(WRONG_STATEMENT) or state == NO_TABLE:  # it may just have been dropped
                    raise
                fail(expected=TABLE, got=told.get("M") or f"a row that is not so: {fault}", why=READ_DIRECTLY)

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

    def connections(self, name: str) -> frozenset[int]:
        """The processes that serve a shard's connections, but for the grader's: one for each.

        Where not even the grader gets one, nobody can tell which they are, but how many: as many as there may be.
        """
        query = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND application_name <> :ours"
        try:
            connection = self._connected(name)
        except pg8000.native.Error as fault:
            if _told(fault).get("C") != TOO_MANY:
                raise
            return frozenset(range(-MAX_CONNECTIONS, 0))
        with contextlib.closing(connection):
            return frozenset(int(pid) for (pid,) in connection.run(query, ours=OURS) or [])

    @contextlib.contextmanager
    def _asked(self, name: str) -> Iterator[Any]:
        try:
            connection = self._connected(name)
        except pg8000.native.Error as fault:
            told = _told(fault)
            if told.get("C") != TOO_MANY:
                raise
            fail(expected=f"at most {MOST_CONNECTIONS} connections to a shard", got=told["M"], why=SHARED)
        with contextlib.closing(connection):
            yield connection

    def _connected(self, name: str) -> Any:
        host, port = self.companions[name].client_address
        return pg8000.native.Connection(
            USER, host=host, port=port, database=DATABASE, application_name=OURS, timeout=SECONDS
        )


def _told(fault: BaseException | None) -> dict[str, str]:
    """What the server said: SQLSTATE as C, the message as M.

    It closes a connection that it refuses, and pg8000 may raise that, with the reason as its context.
    """
    while fault is not None:
        if isinstance(fault, pg8000.native.DatabaseError) and fault.args and isinstance(fault.args[0], dict):
            return fault.args[0]
        fault = fault.__context__
    return {}
