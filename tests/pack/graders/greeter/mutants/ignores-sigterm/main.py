"""A greeter on the standard library."""

import json
import os
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from greeting import greet, refuse


class Handler(BaseHTTPRequestHandler):
    """Two paths."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_GET(self) -> None:
        """Greet."""
        if self.path == "/healthz":
            self.answer(200, {"status": "ok"})
        elif self.path.startswith("/hello/"):
            name = self.path[7:]
            if refuse(name):
                self.answer(400, {"title": "no name", "status": 400})
            else:
                self.answer(200, {"greeting": greet(os.environ["GREETING"], name)})
        else:
            self.answer(404, {"title": "unknown", "status": 404})

    def answer(self, status: int, content: dict[str, object]) -> None:
        """Send JSON."""
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()


def main() -> None:
    """Serve until SIGTERM."""
    server = ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler)
    server.daemon_threads = True
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever(poll_interval=0.05)
    sys.exit(1)


if __name__ == "__main__":
    main()
