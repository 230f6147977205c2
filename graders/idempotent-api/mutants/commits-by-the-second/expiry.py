"""Drops expired keys, asked or not."""

from __future__ import annotations

import atexit
import threading
import time

from store import Store

PAUSE_SECONDS = 5.0


def drop_expired(store: Store) -> None:
    """Begin to do so, for as long as the program runs."""

    def work() -> None:
        while True:
            time.sleep(PAUSE_SECONDS)
            store.flush()
            store.drop_expired()

    atexit.register(store.flush)
    threading.Thread(target=work, daemon=True).start()
