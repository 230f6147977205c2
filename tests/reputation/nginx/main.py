"""nginx's proxy_cache as a solution of cache: its configuration, and its words in those of the lab."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

from adapter import Asked, Box, Fields, Message, authority, data, filled, run

WORDS = {b"HIT": b"hit", b"UPDATING": b"hit", b"EXPIRED": b"stale", b"REVALIDATED": b"stale", b"STALE": b"stale",
         b"BYPASS": b"request"}  # fmt: skip


class Nginx(Box):
    """What is stored stands in its files, each of which begins with its key and the fields of the answer."""

    def before(self, asked: Asked) -> object:
        """Whether anything was stored of the URI."""
        return self.holds(asked.target, b"")

    def holds(self, target: bytes, mark: bytes) -> bool:
        """Whether a file is of that URI and has that mark among its fields."""
        for path in (data() / "cache").rglob("?*"):
            try:
                head = path.read_bytes()[:8192]
            except OSError:  # a folder, or it went just now
                continue
            if b"\nKEY: " + target + b"\n" in head and mark in head:
                return True
        return False

    def told(self, asked: Asked, answer: Message) -> tuple[bytes, Fields]:
        """`X-Cache-Status` and `Age`, of which nginx says nothing: since `X-Came`, when the answer came past the adapter."""
        said = answer.get(b"x-lab") or b""
        hidden = (b"x-lab", b"x-came", b"connection", b"server")
        if asked.method not in {b"GET", b"HEAD"}:
            return b"fwd=method" if said == b"" else b"", answer.without(*hidden)
        word = WORDS.get(said, b"miss")
        if word == b"miss" or (word == b"request" and not asked.before):
            word = b"vary-miss" if asked.before else b"uri-miss"
        if any(name.lower() == b"range" for name, _ in asked.message.fields):
            word = b"bypass"
        came = answer.get(b"x-came")
        if came is None:  # an answer of its own
            return b"", answer.without(*hidden)
        if word == b"hit":
            old = int(answer.get(b"age") or 0)
            age = (b"Age", b"%d" % int(time.time() - float(came) + old))
            return word, [*answer.without(*hidden, b"age"), age]
        stored = b"; stored" if asked.method == b"GET" and self.holds(asked.target, b"\r\nX-Came: " + came) else b""
        return b"fwd=" + word + stored, answer.without(*hidden)

    def argv(self, front: Path, back: Path) -> list[str]:
        """In the foreground, one worker, with its files below DATA_DIR."""
        timeout = os.environ.get("ORIGIN_TIMEOUT_MS", "2000") + "ms"
        written = filled("lab.conf", FRONT=str(front), BACK=str(back), AUTHORITY=authority(), DATA=str(data()),
                         TIMEOUT=timeout)  # fmt: skip
        return ["nginx", "-p", str(data()), "-e", "stderr", "-c", str(written)]


if __name__ == "__main__":
    asyncio.run(run(Nginx()))
