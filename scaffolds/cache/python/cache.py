"""The heart of it: what is answered from the store, what is forwarded, and who waits for whom."""

from __future__ import annotations

from http_plumbing import Request, Response


class Cache:
    """Stands before the origin at `origin` (host and port). `origin_timeout` is in seconds, `capacity` in answers."""

    def __init__(self, origin: tuple[str, int], origin_timeout: float, capacity: int) -> None:
        self.origin = origin
        self.origin_timeout = origin_timeout
        self.capacity = capacity

    def answer(self, request: Request) -> Response:
        """The answer to anything that is not for the service itself.

        TODO: begin with a proxy that stores nothing (`lab spec CA-1`, `lab spec CA-2`): `ask` in http_plumbing.py asks
        the origin, and says by `NoAnswer`, `TooLate` and `CutShort` what went wrong (`lab spec CA-3`). Then keep answers
        by request.target (`lab spec CA-8`). Many threads call this at once.
        """
        raise NotImplementedError("Cache.answer() in cache.py")
