"""A service with a vice, named by its first argument; else it is healthy and tells of itself."""

import http.server
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable

HOARD: list[bytes] = []


def when_told(act: Callable[[], object]) -> None:
    """As soon as the file `now` lies in DATA_DIR: whoever asks has seen by then what it wanted to see."""

    def watch() -> None:
        while not os.path.exists(os.path.join(os.environ["DATA_DIR"], "now")):
            time.sleep(0.01)
        act()

    threading.Thread(target=watch, daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        status, told = 200, dict[str, object]()
        if self.path == "/environ":
            told = {"environ": dict(os.environ), "cwd": os.getcwd(), "argv": sys.argv}
        elif self.path == "/limits":
            import resource

            told = {
                name: resource.getrlimit(getattr(resource, name))[0] for name in dir(resource) if name[:7] == "RLIMIT_"
            }
        elif self.path == "/hoard":
            HOARD.append(b"x" * (64 << 20))
        elif self.path == "/healthz" and "sick" in sys.argv:
            status = 500
        body = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def serve(host: str | None = None, port: int | None = None) -> None:
    address = (host or os.environ["HOST"], port or int(os.environ["PORT"]))
    http.server.ThreadingHTTPServer(address, Handler).serve_forever()


def sleeper(*before: str) -> subprocess.Popen[bytes]:
    """A descendant that would outlive everybody."""
    return subprocess.Popen([*before, sys.executable, "-c", "import time; time.sleep(600)"])


def daemon() -> None:
    """Fork, setsid, fork: its parent is nobody's child any more. It ignores every polite word and closes everything."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
                signal.signal(number, signal.SIG_IGN)
            os.closerange(0, 256)
            time.sleep(600)
        os._exit(0)
    os.wait()


def storm(pause: float = 0.001) -> None:
    """Always a new process, the old one gone: whoever lists them sees yesterday's."""
    if os.fork() == 0:
        os.setsid()
        until = time.monotonic() + 20
        while time.monotonic() < until:
            if os.fork() > 0:
                os._exit(0)
            time.sleep(pause)
        os._exit(0)


match sys.argv[1:]:
    case ["exits", code]:
        print("about to give up")
        print("\x1b[31mred\x1b[0m last words", file=sys.stderr)
        sys.exit(int(code))
    case ["exits-silently"]:
        os._exit(0)
    case ["raises"]:
        raise RuntimeError("no such luck")
    case ["never-listens"]:
        time.sleep(600)
    case ["wrong-port"]:
        serve(port=int(os.environ["OTHER_PORT"]))
    case ["wrong-address"]:
        serve(host="127.0.0.2")
    case ["mute"]:
        with socket.create_server((os.environ["HOST"], int(os.environ["PORT"]))):
            time.sleep(600)
    case ["not-http"]:
        with socket.create_server((os.environ["HOST"], int(os.environ["PORT"]))) as server:
            while True:
                client, _ = server.accept()
                client.sendall(b"SSH-2.0-\x1b[2J\r\n")
                client.close()
    case ["stubborn"]:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        sleeper()
        serve()
    case ["forks"]:
        sleeper()
        sleeper("setsid")
        daemon()
        serve()
    case ["dies-with-family"]:
        sleeper("setsid")
        daemon()
        when_told(lambda: os._exit(7))
        serve()
    case ["storm"]:
        storm()
        serve()
    case ["chatty"]:
        flood = threading.Thread(target=lambda: [print("\x1b]0;noise\x07" * 50) for _ in range(200_000)], daemon=True)
        flood.start()
        serve()
    case ["busy"]:
        for _ in range(6):
            storm(0.0)
        serve()
    case ["parricide"]:
        when_told(lambda: os.kill(os.getppid(), signal.SIGKILL))
        serve()
    case ["polite"]:
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
        serve()
    case _:
        serve()
