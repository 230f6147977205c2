"""Fixed windows, one per pair of policy and client, opened by the first request that is admitted."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from policies import Policy


@dataclass
class Window:
    """An open window."""

    opened_at: float
    used: int = 0


@dataclass(frozen=True)
class Decision:
    """What was decided, and what the client may plan with."""

    is_admitted: bool
    remaining: int
    wait_ms: float


class Limiter:
    """Decides one request of a pair at a time."""

    def __init__(self) -> None:
        self.windows: dict[str, Window] = {}
        self.lock = threading.Lock()

    def decide(self, policy: Policy, client: str, cost: int) -> Decision:
        """Admit `cost` units now, or not at all."""
        with self.lock:
            now = time.monotonic() * 1000
            window = self.current(policy, client, now)
            is_admitted = window.used + cost <= policy.limit
            if is_admitted:
                window.used += cost
                self.windows[f"{policy.name}-{client}"] = window
            return Decision(is_admitted, policy.limit - window.used, window.opened_at + policy.window_ms - now)

    def current(self, policy: Policy, client: str, now: float) -> Window:
        """The pair's open window, or one that would open now."""
        window = self.windows.get(f"{policy.name}-{client}")
        if window is None or now >= window.opened_at + policy.window_ms:
            return Window(now)
        return window
