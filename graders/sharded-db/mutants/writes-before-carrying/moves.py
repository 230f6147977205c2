"""How records come to another shard while they are read and written.

While records move, a key that has a record or a grave in its new shard is at home there, and what is left of it in the
old one counts for nothing; else the old one has the truth. Nobody but `carry` writes such a key in its old shard. Who
wants to write a key carries it home first; all others are carried by a thread.

A router that was killed leaves nothing but the two shards' tables, and they say enough.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

import records
from keylocks import Busy, KeyLocks
from psycopg import sql
from shard import Connection, Shard, Unavailable
from topology import Topology, View

CHUNK = 20
PAGE = 500
AGAIN_AFTER = 0.2


class Moves:
    """Args: the topology, and the locks that all writers of keys take."""

    def __init__(self, topology: Topology, locks: KeyLocks) -> None:
        self._topology = topology
        self._locks = locks
        threading.Thread(target=self._run, daemon=True).start()

    @contextlib.contextmanager
    def at_home(self, keys: Sequence[str], deadline: float, queue_until: float | None = None) -> Iterator[View]:
        """Hold these keys while they are at home. Raises `Unavailable`."""

        def look() -> None:
            for shard in map(self._topology.view.home, keys):
                if shard.is_down:
                    raise Unavailable(shard.name)

        try:
            with self._locks.hold(keys, queue_until or deadline, look):
                view = self._topology.view  # read under the locks: see `_go_over`
                yield view
        except Busy:
            raise Unavailable("(busy)") from None

    def _run(self) -> None:
        while True:
            self._topology.moving.wait()
            try:
                self._go_over(self._topology.view)
            except (Unavailable, Busy):
                time.sleep(AGAIN_AFTER)
            else:
                self._topology.end()

    def _go_over(self, view: View) -> None:
        """Carry all that is not at home. When it returns, nothing is left."""
        # Who began before the move may still write to the old place: in this process under a lock of the key; in a
        # transaction that a router gave up, or that is prepared, until that ends.
        self._locks.wait_for_holders()
        for shard in view.shards().values():
            _wait_for_transactions(shard)
        for name in view.givers():
            source = view.old[name]
            for page in _pages(source):
                strays = [(view.home(key).name, key) for key in page if view.home(key) is not source]
                for target, group in groupby(sorted(strays, reverse=True), lambda stray: stray[0]):
                    self._carry_all(view, source, view.new[target], [key for _, key in group])
                self._topology.keep(view)

    def _carry_all(self, view: View, source: Shard, target: Shard, keys: list[str]) -> None:
        for at in range(0, len(keys), CHUNK):
            chunk = keys[at : at + CHUNK]
            with self._locks.hold(chunk, time.monotonic() + 5):
                if left := carry(view, source, target, chunk):
                    with source.transaction() as connection:
                        _clear(connection, left)


def carry(view: View, source: Shard, target: Shard, keys: list[str], deadline: float | None = None) -> list[str]:
    """Bring keys home, of which the caller holds the locks; those that were there already, and may have left something.

    Raises `Unavailable`; then each key is where it was, or at home.
    """
    with target.use(deadline) as there:
        there.execute("BEGIN")
        records.lock(there, *keys)
        missing = sorted(set(keys) - records.look(there, keys).keys)
        if not missing:
            _settle(view, keys, 0)
            return keys
        with source.transaction(deadline) as here:
            records.lock(here, *missing)  # waits for what a router that was killed has sent
            count = _copy(here, there, missing)
            there.execute("COMMIT")
            _settle(view, keys, count)  # readers learn it before the old one is gone
            _clear(here, missing)
    return [key for key in keys if key not in missing]


def _settle(view: View, keys: Iterable[str], count: int) -> None:
    if view.move is not None:
        view.move.settled.update(keys)
        view.move.moved += count


def _copy(here: Connection, there: Connection, keys: list[str]) -> int:
    """Records and graves; how many records."""
    rows = here.execute("SELECT key, value::text, version FROM public.records WHERE key = ANY(%s)", (keys,)).fetchall()
    graves = here.execute("SELECT key, version FROM public.graves WHERE key = ANY(%s)", (keys,)).fetchall()
    for row in rows:
        there.execute("INSERT INTO public.records VALUES (%s, %s::jsonb, %s)", row)
    for grave in graves:
        there.execute("INSERT INTO public.graves VALUES (%s, %s)", grave)
    return len(rows)


def _clear(connection: Connection, keys: list[str]) -> None:
    for table in ("records", "graves"):
        connection.execute(
            sql.SQL("DELETE FROM {} WHERE key = ANY(%s)").format(sql.Identifier("public", table)), (keys,)
        )


def _pages(shard: Shard) -> Iterator[list[str]]:
    """All keys of a shard, in order."""
    after = ""
    while True:
        with shard.use() as connection:
            rows = connection.execute(
                "SELECT key FROM public.records WHERE key > %(after)s"
                " UNION SELECT key FROM public.graves WHERE key > %(after)s ORDER BY key LIMIT %(limit)s",
                {"after": after, "limit": PAGE},
            ).fetchall()
        if not rows:
            return
        yield [str(key) for (key,) in rows]
        after = str(rows[-1][0])


def _wait_for_transactions(shard: Shard) -> None:
    """Until all transactions that write there now have ended."""
    with shard.use() as connection:
        row = connection.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text").fetchone()
    now = int(str(row[0])) if row else 0
    while True:
        with shard.use() as connection:
            row = connection.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text").fetchone()
        if row and int(str(row[0])) >= now:
            return
        time.sleep(0.02)
