"""An HTTP/1.1 server on raw sockets: a thread for each connection. Start here."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from types import FrameType

from connection import Connection, Settings
from files import Store
from routes import Routes

STOP_SECONDS = 4.5


class Server:
    """Accepts connections until it is told to stop, and knows which are open."""

    def __init__(self, address: tuple[str, int], routes: Routes, settings: Settings) -> None:
        self.routes = routes
        self.settings = settings
        self.listener = socket.create_server(address, backlog=1024)
        self.connections: set[Connection] = set()
        self.lock = threading.Lock()
        self.is_stopping = False

    def serve(self) -> None:
        """Accept; returns after `stop`."""
        while True:
            try:
                accepted, _ = self.listener.accept()
            except OSError:
                if self.is_stopping:
                    return
                time.sleep(0.01)  # out of descriptors, for example: others still want to be served
                continue
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(accepted, self.routes, self.settings)
            with self.lock:
                self.connections.add(connection)
            if self.is_stopping:
                connection.stop()
            threading.Thread(target=self.run, args=(connection,), daemon=True).start()

    def run(self, connection: Connection) -> None:
        """One connection, in its own thread."""
        try:
            connection.serve()
        finally:
            with self.lock:
                self.connections.discard(connection)

    def stop(self) -> None:
        """Accept no more, let idle connections go; requests in flight go on."""
        self.is_stopping = True
        self.settings.is_stopping = True
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        with self.lock:
            open_now = list(self.connections)
        for connection in open_now:
            connection.stop()

    def wait(self) -> None:
        """Wait for the requests in flight, but not for clients that never read."""
        give_up = time.monotonic() + STOP_SECONDS
        while self.connections and time.monotonic() < give_up:
            time.sleep(0.01)


def main() -> None:
    """Serve until SIGTERM."""
    environment = os.environ
    settings = Settings(
        keep_alive=int(environment.get("KEEP_ALIVE_TIMEOUT_MS", "5000")) / 1000,
        header=int(environment.get("HEADER_TIMEOUT_MS", "5000")) / 1000,
    )
    threading.stack_size(256 * 1024)
    address = (environment.get("HOST", "127.0.0.1"), int(environment.get("PORT", "8000")))
    server = Server(address, Routes(Store(environment["FILES_DIR"])), settings)

    def stop(number: int, frame: FrameType | None) -> None:
        threading.Thread(target=server.stop).start()

    signal.signal(signal.SIGTERM, stop)
    try:
        server.serve()
    except KeyboardInterrupt:
        server.stop()
    server.wait()
    sys.stdout.flush()
    os._exit(0)  # a thread may still wait for a client that does not read


if __name__ == "__main__":
    main()
