"""A lab's own companion: one Python file of its author's, run by ``host.py``, and controlled over a channel of its own.

The author's file (standard library only; it runs in any Python from 3.11 on, and must not be slow to import) has

    def start(host: str, port: int, settings: dict) -> Callable[[str, str, object], object]:
        ...     # bind, serve in threads of its own, and return what answers the control channel

What ``start`` returns is called with method, path and JSON body of each control request, from several threads; what it
returns is the answer, in JSON. ``LookupError`` is told to the check as a mistake of the check's.
"""

from __future__ import annotations

import base64
import json
import socket
import sys
import time
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labrunner.ports.companion import Place, Program

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labrunner.ports.companion import CompanionKind

HOST = Path(__file__).with_name("host.py")
PROXY = Path(__file__).with_name("fault_proxy.py")
_UNPACK = """\
import base64, json, os, runpy, zlib
os.makedirs("/tmp/lab", 0o700, exist_ok=True)
for name, text in json.loads(zlib.decompress(base64.b64decode(os.environ.pop("LAB_FILES")))).items():
    with open("/tmp/lab/" + name, "w") as file: file.write(text)
runpy.run_path("/tmp/lab/host.py", run_name="__main__")
"""
"""In a container nothing of the host is mounted, and its root is read-only: the files travel in the environment."""


class Hosted:
    """Satisfies `labrunner.ports.CompanionKind`.

    Args:
        name: of the companion.
        source: its author's file.
        settings: what its ``start`` is given.
        scheme: of its URL.
    """

    image = "python"
    is_controlled = True
    refuses_root = False

    def __init__(self, name: str, source: Path, settings: Mapping[str, Any], scheme: str = "http") -> None:
        self.name = name
        self._source = source
        self._settings = dict(settings)
        self._scheme = scheme

    def program(self, place: Place) -> Program:
        source = f"/tmp/lab/{self._source.name}" if place.in_container else str(self._source)  # noqa: S108 - see above
        order = {
            "host": place.host,
            "port": place.port,
            "source": source,
            "settings": self._settings,
            "control": place.control,
            "token": place.token,
        }
        environment = {"LAB_ORDER": json.dumps(order)}
        if not place.in_container:
            return Program((sys.executable, "-I", "-S", "-B", str(HOST)), environment)
        files = {"host.py": HOST.read_text(encoding="utf-8"), self._source.name: self._source.read_text("utf-8")}
        packed = base64.b64encode(zlib.compress(json.dumps(files).encode())).decode()
        return Program(("python3", "-I", "-S", "-B", "-c", _UNPACK), environment | {"LAB_FILES": packed})

    def url(self, host: str, port: int) -> str:
        return f"{self._scheme}://{host}:{port}"

    def answers(self, host: str, port: int, timeout: float) -> bool:
        """Any byte in answer to ``OPTIONS *``, which no client of a lab's sends."""
        return _hears_back(host, port, "OPTIONS *", timeout)


class FaultProxy(Hosted):
    """Before a target, of whose kind it then looks to be.

    Args:
        target: address, as the proxy reaches it.
        behind: what is there; None for a service of the learner's.
        ready: of such a service: target of a GET that it answers.
    """

    def __init__(self, target: tuple[str, int], behind: CompanionKind | None, ready: str) -> None:
        super().__init__("fault-proxy", PROXY, {"target": list(target)})
        self._behind = behind
        self._ready = ready

    def url(self, host: str, port: int) -> str:
        return super().url(host, port) if self._behind is None else self._behind.url(host, port)

    def answers(self, host: str, port: int, timeout: float) -> bool:
        if self._behind is None:
            return _hears_back(host, port, f"GET {self._ready}", timeout)
        return self._behind.answers(host, port, timeout)


def _hears_back(host: str, port: int, request: str, timeout: float) -> bool:
    give_up = time.monotonic() + timeout
    try:
        with socket.create_connection((host, port), timeout) as connection:
            connection.sendall(f"{request} HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n".encode())
            connection.settimeout(max(0.001, give_up - time.monotonic()))
            return bool(connection.recv(64))
    except OSError:
        return False
