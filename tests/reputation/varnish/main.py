"""Varnish as a solution of cache: its configuration, and its words in those of the lab."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from adapter import Asked, Box, Fields, Message, authority, data, filled, run

SAFE = {b"GET", b"HEAD", b"OPTIONS", b"TRACE"}


class Varnish(Box):
    """`X-Lab` is what its configuration noted of an answer.

    Whether nothing is stored of a URI, or no variant that matches, Varnish does not tell: the adapter takes it from whether
    an answer with `Vary` was stored before.
    """

    def __init__(self) -> None:
        self.known: set[bytes] = set()

    def told(self, asked: Asked, answer: Message) -> tuple[bytes, Fields]:
        """The configuration's own word, but for the miss."""
        why, stored = answer.get(b"x-lab") or b"", answer.get(b"x-lab-stored")
        if why == b"miss":
            why = b"vary-miss" if asked.target in self.known else b"uri-miss"
        if stored and why != b"hit" and answer.get(b"vary"):
            self.known.add(asked.target)
        status = int(answer.start.split(b" ")[1])
        if asked.method == b"PURGE" or (asked.method not in SAFE and 200 <= status < 400):
            self.known.discard(asked.target)
        word = b"" if not why else why if why == b"hit" else b"fwd=" + why + (b"; stored" if stored else b"")
        return word, answer.without(b"x-lab", b"x-lab-stored", b"x-lab-target", b"x-came", b"x-varnish", b"connection")

    def argv(self, front: Path, back: Path) -> list[str]:
        """In the foreground, without a management port, with its files below DATA_DIR."""
        seconds = int(os.environ.get("ORIGIN_TIMEOUT_MS", "2000")) / 1000
        written = filled("lab.vcl", BACK=str(back), AUTHORITY=authority(), SECONDS=f"{seconds}s")
        told = {"default_ttl": "0", "default_grace": "0", "default_keep": "3600", "http_gzip_support": "off",
                "http_range_support": "off", "shortlived": "0", "thread_pools": "1", "thread_pool_min": "50",
                "vsl_space": "4m", "timeout_idle": "60",
                # its configuration becomes C at each start: translated in a hurry
                "cc_command": "exec gcc -w -O0 -fpic -shared -pthread -o %o %s"}  # fmt: skip
        parameters = [word for name, value in told.items() for word in ("-p", f"{name}={value}")]
        return ["varnishd", "-F", "-j", "none", "-a", str(front), "-T", "none", "-f", str(written),
                "-n", str(data() / "varnish"), "-s", "malloc,200m", *parameters]  # fmt: skip


if __name__ == "__main__":
    asyncio.run(run(Varnish()))
