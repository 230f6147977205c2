"""The heart of it: may this client have `cost` more units now?"""

from __future__ import annotations


class Limiter:
    """Decides.

    `policies` is what POLICIES says: a name for each policy, and for each name a table such as
    {"algorithm": "fixed-window", "limit": 5, "window_ms": 1000}. From stage to stage there are more algorithms, and
    "burst" and "on_store_failure" in some of the tables (`lab spec RL-2`).
    """

    def __init__(self, policies: dict[str, dict]) -> None:
        self.policies = policies

    def decide(self, policy: str, client: str, cost: int) -> bool:
        """Whether the request is admitted.

        TODO: a fixed window (`lab spec RL-12`). Think of this: time.monotonic() never jumps, time.time() does; each
        pair of policy and client has a state of its own; requests arrive in many threads at once.
        """
        raise NotImplementedError("Limiter.decide() in limiter.py")

    def tracked(self) -> int:
        """For how many pairs of policy and client there is state in this process.

        TODO, in the stage `memory` (`lab spec RL-17`): forget pairs whose state is that of a pair never seen.
        """
        raise NotImplementedError("Limiter.tracked() in limiter.py")
