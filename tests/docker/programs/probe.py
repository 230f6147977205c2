"""A service that tells what it can see and do, and keeps what it is told to."""

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

DATA = Path(os.environ["DATA_DIR"])


def attempt(action):
    try:
        return str(action() or "done")
    except (OSError, subprocess.SubprocessError) as fault:
        return f"{type(fault).__name__} {fault.errno if isinstance(fault, OSError) else ''}".strip()


def reach(address, port=80, timeout=1.0):
    def connect():
        with socket.create_connection((address, int(port)), timeout):
            return "connected"

    return attempt(connect)


def system_call(number, *arguments):
    libc = ctypes.CDLL(None, use_errno=True)
    return "done" if libc.syscall(number, *arguments) >= 0 else os.strerror(ctypes.get_errno())


def status():
    wanted = ("Uid", "Gid", "CapEff", "CapBnd", "CapPrm", "NoNewPrivs", "Seccomp")
    rows = (line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {name: value.split()[0] for name, value in rows if name in wanted}


def everything():
    libc = ctypes.CDLL(None, use_errno=True)
    return {
        "status": status(),
        "environment": dict(os.environ),
        "write_root": attempt(lambda: Path("/app/new").write_text("x")),
        "write_etc": attempt(lambda: Path("/etc/new").write_text("x")),
        "write_tmp": attempt(lambda: Path("/tmp/new").write_text("x")),
        "write_data": attempt(lambda: (DATA / "new").write_text("x")),
        "mknod": attempt(lambda: os.mknod("/tmp/device", 0o600 | 0o060000, os.makedev(8, 0))),
        "raw_socket": attempt(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close()),
        "mount": "done" if libc.mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0 else os.strerror(ctypes.get_errno()),
        "unshare": "done" if libc.unshare(0x10000000) == 0 else os.strerror(ctypes.get_errno()),
        "setuid": attempt(lambda: os.setuid(0)),
        "sockets": [str(path) for path in Path("/run").rglob("*.sock")]
        + [str(p) for p in Path("/var/run").rglob("*.sock")],
        "mounts": [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()],
        "init": Path("/proc/1/comm").read_text().strip(),
        "interfaces": sorted(name for _, name in socket.if_nameindex()),
    }


HOARD = []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        answer = {"status": "ok"}
        if url.path == "/all":
            answer = everything()
        elif url.path == "/reach":
            answer = {"result": reach(query["address"], query.get("port", 80))}
        elif url.path == "/keep":
            (DATA / "kept").write_text(query["value"])
        elif url.path == "/kept":
            path = DATA / "kept"
            answer = {"value": path.read_text() if path.exists() else None, "pid": os.getpid()}
        elif url.path == "/daemon":
            subprocess.Popen(["sh", "-c", "setsid sleep 1000 & trap '' TERM; sleep 1000"], start_new_session=True)
        elif url.path == "/processes":
            names = [p.read_text().strip() for p in Path("/proc").glob("[0-9]*/comm")]
            answer = {"names": sorted(names)}
        elif url.path == "/exit":
            os._exit(int(query.get("code", 3)))
        elif url.path == "/kill-init":
            os.kill(os.getppid(), signal.SIGKILL)
        elif url.path == "/child-memory":
            subprocess.run([sys.executable, "-c", "x = bytearray(2_000_000_000)"], check=False)
        elif url.path == "/memory":
            HOARD.append(b"x" * (int(query.get("mib", 2000)) << 20))
            answer = {"kept": len(HOARD)}
        elif url.path == "/print":
            print(query["text"], flush=True)
            print(query["text"] + " (error)", file=sys.stderr, flush=True)
        elif url.path == "/fill":
            answer = {"tmp": fill("/tmp/big"), "data": fill(DATA / "big"), "files": flood("/tmp/many")}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


def fill(path):
    size = 0
    try:
        with open(path, "wb") as file:
            while size < 2**31:
                size += file.write(bytes(1 << 20))
                file.flush()
    except OSError as fault:
        return [size >> 20, fault.errno]
    finally:
        Path(path).unlink(missing_ok=True)
    return [size >> 20, 0]


def flood(folder):
    Path(folder).mkdir()
    count = 0
    try:
        for count in range(100_000):
            (Path(folder) / str(count)).touch()
    except OSError as fault:
        return [count, fault.errno]
    return [count, 0]


if __name__ == "__main__":
    server = ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print("listening", flush=True)
    server.serve_forever(poll_interval=0.02)
