"""Drops expired keys, asked or not."""

from __future__ import annotations

import threading
import time

from store import Store

PAUSE_SECONDS = 1.0


def drop_expired(store: Store) -> None:
    """Begin to do so, for as long as the program runs."""

    def work() -> None:
        while True:
            time.sleep(PAUSE_SECONDS)
            store.drop_expired()

    threading.Thread(target=work, daemon=True).start()
