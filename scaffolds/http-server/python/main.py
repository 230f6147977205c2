"""Your HTTP server: begin here.

`python main.py` starts it; `lab test` tests it; README.md says what it must do. Sockets, asyncio, threads, dates, JSON,
hashes, gzip and URL decoding are yours; whatever reads or writes HTTP messages is forbidden (`lab spec HS-1`).
"""

from __future__ import annotations

import os
import socket
import threading

READ_BYTES = 65536


def handle(connection: socket.socket) -> None:
    """Serve one client.

    TODO: read the request, find out what it asks for, answer it (`lab spec HS-3`). Think of this: TCP is a stream, so one
    read may return half a request, or two of them; keep what you have not used yet.
    """
    with connection:
        connection.recv(READ_BYTES)
        connection.sendall(b"HTTP/1.1 501 Not Implemented\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def main() -> None:
    """Accept connections, each in a thread of its own."""
    address = (os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8000")))
    with socket.create_server(address, backlog=1024) as listener:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=handle, args=(connection,), daemon=True).start()


if __name__ == "__main__":
    main()
