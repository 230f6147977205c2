"""One check in the foreground, for its author: pytest's own output, `print`, and a debugger that reads the terminal."""

from __future__ import annotations

import time
from typing import Any

import pytest

from labrunner.rules import wire
from labrunner.suites.forkserver import AGENT, CONTEXT, Context, ForkServer, check_id


class Foreground(ForkServer):
    """Lets pytest itself run the one check that the runner asks for, in this process."""

    _began = 0.0

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:  # type: ignore[override]
        """Choose the check, and leave the rest to pytest."""
        if session.testsfailed:
            return True
        items = {check_id(item): item for item in session.items}
        self.served = True
        self._channel.send({"collected": sorted(items)})
        order: dict[str, Any] = wire.decode(next(self._channel.lines()), dict)
        item = items[order["run"]]
        session.items[:] = [item]
        item.config.stash[CONTEXT] = Context.of(self._channel, self._seed, order)
        item.config.stash[AGENT] = "lab/foreground"
        self._began = time.monotonic()
        return None

    def pytest_sessionfinish(self) -> None:
        """Tell the runner what came of it."""
        if self._began:
            self._channel.send({"attempt": self.attempt(self._began)})
