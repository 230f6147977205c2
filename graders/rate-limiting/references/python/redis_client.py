"""As much of a Redis client as a limiter needs: connections that are used again, and an answer in time or none.

Redis can be killed, paused or cut off from us at any moment, and be back at any other. One thread watches it; as long as
it does not answer, nobody waits for it.
"""

from __future__ import annotations

import contextlib
import hashlib
import socket
import threading
import time
from urllib.parse import urlsplit

PATIENCE = 0.25
"""Seconds for one command, its connection included; a client of ours gets its answer within half a second."""
HEARTBEAT = 0.2
MOST_CONNECTIONS = 32

Reply = int | str | None | list["Reply"]


class Unreachable(Exception):
    """Redis gave no answer. Whether it did, or will do, what it was told is unknown."""


class RedisError(Exception):
    """Redis answered with an error."""


class Connection:
    """One connection, for one command at a time (RESP2)."""

    def __init__(self, address: tuple, deadline: float) -> None:
        self.deadline = deadline
        self.received = b""
        self.socket = socket.socket(address[0], socket.SOCK_STREAM)
        try:
            self.socket.settimeout(PATIENCE)
            self.socket.connect(address[1])
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:
            self.close()
            raise

    def ask(self, words: tuple[str | int, ...], deadline: float) -> Reply:
        """What Redis says to a command. Raises OSError when it has said nothing by `deadline`."""
        self.deadline = deadline
        parts = [str(word).encode() for word in words]
        message = b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
        self.socket.settimeout(self.left())
        self.socket.sendall(message)
        return self.read()

    def read(self) -> Reply:
        """One reply."""
        line = self.line()
        kind, rest = line[:1], line[1:]
        if kind == "+":
            return rest
        if kind == "-":
            raise RedisError(rest)
        if kind == ":":
            return int(rest)
        if kind == "$":
            return None if rest == "-1" else self.exactly(int(rest) + 2)[:-2].decode()
        if kind == "*":
            return [self.read() for _ in range(int(rest))]
        raise OSError(f"no reply that we know: {line}")

    def line(self) -> str:
        """Up to the next end of line."""
        while b"\r\n" not in self.received:
            self.receive()
        line, self.received = self.received.split(b"\r\n", 1)
        return line.decode()

    def exactly(self, size: int) -> bytes:
        """So many bytes."""
        while len(self.received) < size:
            self.receive()
        taken, self.received = self.received[:size], self.received[size:]
        return taken

    def receive(self) -> None:
        """Whatever comes next."""
        self.socket.settimeout(self.left())
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionResetError("Redis closed the connection")
        self.received += data

    def left(self) -> float:
        """Seconds until the deadline; never 0, which would mean not to wait at all."""
        return max(0.001, self.deadline - time.monotonic())

    def close(self) -> None:
        """Hang up."""
        self.socket.close()


class Redis:
    """One Redis, as `redis://host:port/0` names it."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.host, self.port = parts.hostname or "localhost", parts.port or 6379
        self.changed = threading.Condition()
        self.address: tuple = ()
        self.is_up: bool | None = None  # nobody knows yet
        self.life = 0  # how often it has been down
        self.idle: list[Connection] = []
        self.connections = 0
        threading.Thread(target=self.watch, daemon=True).start()

    def run(self, script: str, key: str, *arguments: str | int) -> Reply:
        """What a Lua script returns. It is sent in full only to a Redis that does not know it. Raises Unreachable."""
        digest = hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()
        try:
            return self.ask("EVALSHA", digest, 1, key, *arguments)
        except RedisError as error:
            if not str(error).startswith("NOSCRIPT"):
                raise
        return self.ask("EVAL", script, 1, key, *arguments)

    def ask(self, *words: str | int) -> Reply:
        """What Redis says to a command. Raises Unreachable, RedisError."""
        life = self.wait_for_turn()
        connection: Connection | None = None
        try:
            deadline = time.monotonic() + PATIENCE
            connection = self.idle_connection() or Connection(self.address, deadline)
            reply = connection.ask(words, deadline)
        except RedisError:
            self.end_turn(connection, life)
            raise
        except OSError as error:
            if connection is not None:
                connection.close()  # a late reply would be taken for that to the next command
            self.set_down()
            self.end_turn(None, life)
            raise Unreachable(str(error)) from error
        self.end_turn(connection, life)
        return reply

    def wait_for_turn(self) -> int:
        """Wait while all connections are in use. Nobody waits for a Redis that is down."""
        with self.changed:
            if self.is_up is None:
                self.changed.wait_for(lambda: self.is_up is not None, PATIENCE)
            self.changed.wait_for(lambda: not self.is_up or self.connections < MOST_CONNECTIONS)
            if not self.is_up:
                raise Unreachable("Redis has not answered since it was last asked")
            self.connections += 1
            return self.life

    def idle_connection(self) -> Connection | None:
        """A connection that nobody uses, if there is one."""
        with self.changed:
            return self.idle.pop() if self.idle else None

    def end_turn(self, connection: Connection | None, life: int) -> None:
        """Let others have the connection, unless it is of a life that Redis no longer lives."""
        with self.changed:
            self.connections -= 1
            if connection is not None:
                if life == self.life:
                    self.idle.append(connection)
                else:
                    connection.close()
            self.changed.notify()

    def watch(self) -> None:
        """Ask Redis for a sign of life, for ever. It notices each restart, also one while nobody asked for anything."""
        while True:
            with contextlib.suppress(OSError, RedisError):
                self.listen()
            self.set_down()
            time.sleep(HEARTBEAT / 4)

    def listen(self) -> None:
        """Ask as long as it answers. A name can take seconds to look up, so only this thread does it."""
        family, _, _, _, where = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)[0]
        connection = Connection((family, where), time.monotonic() + PATIENCE)
        try:
            while True:
                connection.ask(("PING",), time.monotonic() + PATIENCE)
                self.set_up((family, where))
                time.sleep(HEARTBEAT)
        finally:
            connection.close()

    def set_up(self, address: tuple) -> None:
        """It answers."""
        if not self.is_up:
            with self.changed:
                self.address, self.is_up = address, True
                self.changed.notify_all()

    def set_down(self) -> None:
        """It does not answer, and what it was asked on other connections is just as lost."""
        with self.changed:
            self.is_up = False
            self.life += 1
            for connection in self.idle:
                connection.close()
            self.idle.clear()
            self.changed.notify_all()
