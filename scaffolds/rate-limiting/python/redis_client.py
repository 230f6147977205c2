"""A small Redis client: done, so that the stage `shared` needs no download. `redis` from PyPI is as welcome.

    connection = Connection(os.environ["REDIS_URL"], timeout=0.25)
    connection.ask("EVAL", "return redis.call('INCRBY', KEYS[1], ARGV[1])", 1, "some key", 5)   # -> 5

One connection, for one command at a time: threads that share one must take turns, or each take one of their own. How many
there are, who uses them, and what happens while Redis does not answer, is yours to decide.
"""

from __future__ import annotations

import socket
import time
from urllib.parse import urlsplit

Reply = int | str | None | list["Reply"]


class RedisError(Exception):
    """Redis answered with an error. The connection can be used further."""


class Connection:
    """Speaks RESP2, which every Redis understands.

    `timeout`: seconds for connecting, and for each command. Whatever takes longer raises TimeoutError, an OSError like all
    that a broken connection raises. After an OSError close the connection: a late reply would be taken for the next one.
    """

    def __init__(self, url: str, timeout: float) -> None:
        parts = urlsplit(url)
        self.timeout = timeout
        self.received = b""
        self.socket = socket.create_connection((parts.hostname, parts.port or 6379), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, *words: str | int) -> Reply:
        """What Redis says to a command: a number, a text, None, or a list of these."""
        self.deadline = time.monotonic() + self.timeout
        parts = [str(word).encode() for word in words]
        message = b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
        self.socket.settimeout(self.timeout)
        self.socket.sendall(message)
        return self.read()

    def close(self) -> None:
        """Hang up."""
        self.socket.close()

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
            return None if rest == "-1" else self.array(int(rest))
        raise OSError(f"no reply that we know: {line}")

    def array(self, size: int) -> list[Reply]:
        """So many replies. All are read before an error among them is raised: the next command's reply comes after them."""
        replies: list[Reply] = []
        wrong: RedisError | None = None
        for _ in range(size):
            try:
                replies.append(self.read())
            except RedisError as error:
                wrong = wrong or error
        if wrong is not None:
            raise wrong
        return replies

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
        self.socket.settimeout(max(0.001, self.deadline - time.monotonic()))  # 0 would mean not to wait at all
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionResetError("Redis closed the connection")
        self.received += data
