"""Around a lab's own companion: starts it, and serves its control channel. Run as ``python -I -S host.py``.

``LAB_ORDER`` in the environment is JSON: host, port, source, settings, control, token. The control channel is HTTP on
a Unix socket (its path is relative) or on another network's address; each request bears the token. Standard library
only: in a container there is nothing else.
"""

import contextlib
import ctypes
import importlib.util
import json
import os
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from hmac import compare_digest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PR_SET_DUMPABLE = 4
Control = Callable[[str, str, Any], Any]


def harden() -> None:
    """Keep the token from other processes of the same user: they cannot read the environment of ours."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def load(source: str) -> Any:
    """The author's file as a module."""
    spec = importlib.util.spec_from_file_location("companion", source)
    if spec is None or spec.loader is None:
        raise ImportError(f"{source} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules["companion"] = module
    spec.loader.exec_module(module)
    return module


class Handler(BaseHTTPRequestHandler):
    """One control connection."""

    protocol_version = "HTTP/1.1"
    control: Control
    token: str

    def answer(self) -> None:
        """Answer one request."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if not compare_digest(self.headers.get("X-Lab-Token") or "", self.token):
            self.reply(403, {"error": "the token is missing or wrong"})
            return
        try:
            told = self.control(self.command, self.path, json.loads(body) if body else None)
        except LookupError as fault:
            self.reply(404, {"error": str(fault)})
        except Exception:  # noqa: BLE001 - whatever it is, its author is told
            self.reply(500, {"error": traceback.format_exc()})
        else:
            self.reply(200, told)

    do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 - http.server's names

    def reply(self, status: int, content: Any) -> None:
        """Send it in one piece."""
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        """A Unix socket's client has none."""
        return "lab"

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - http.server's name
        """The channel is not talked of."""


class Server(ThreadingHTTPServer):
    """On a Unix socket or a TCP address; the socket is made by `serve`."""

    daemon_threads = True
    request_queue_size = 128

    def server_bind(self) -> None:
        """Without asking a name server for our own name."""
        if self.address_family == socket.AF_UNIX:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(str(self.server_address))  # noqa: PTH108 - of a life before this one
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = "lab", 0


def serve(where: str, token: str, control: Control) -> None:
    """Answer control requests for ever."""
    handler = type("Bound", (Handler,), {"control": staticmethod(control), "token": token})
    host, _, port = where.rpartition(":")
    Server.address_family = socket.AF_INET if host else socket.AF_UNIX
    address: Any = (host, int(port)) if host else where
    with Server(address, handler) as server:
        server.serve_forever(poll_interval=3600)


def main() -> None:
    """Serve until killed."""
    harden()
    # A learner's program never gets to see ours, but what it prints in a traceback must not hold the token either.
    order = json.loads(os.environ.pop("LAB_ORDER"))
    control = load(order["source"]).start(order["host"], order["port"], order["settings"])
    threading.stack_size(256 * 1024)
    serve(order["control"], order["token"], control)


if __name__ == "__main__":
    main()
