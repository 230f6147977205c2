"""From what is seen of a service that is not ready to a sentence that helps. Pure but for `look`."""

from __future__ import annotations

import re
import signal
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labrunner.model.outcome import Failure
from labrunner.model.result import Startup
from labrunner.model.status import Reason
from labrunner.rules.text import from_bytes, printable

if TYPE_CHECKING:
    from labrunner.model.lab import ServiceSpec
    from labrunner.runtimes.listeners import Listener

ANSWER_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Glance:
    """What one GET of the readiness target saw.

    Attributes:
        status: of a valid HTTP answer, else None.
        first: the first bytes of what came instead.
        connected: whether somebody accepted the connection.
    """

    status: int | None = None
    first: bytes = b""
    connected: bool = False


def look(host: str, port: int, target: str, timeout: float) -> Glance:
    """Ask once. A TCP connection proves nothing by itself, so a whole status line is asked for."""
    data = b""
    connected = False
    until = time.monotonic() + timeout
    try:
        with socket.create_connection((host, port), timeout) as connection:
            connected = True
            request = f"GET {target} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n"
            connection.sendall(request.encode())
            # A service that drips single bytes must not be waited for longer.
            while b"\r\n" not in data and len(data) < ANSWER_BYTES and (left := until - time.monotonic()) > 0:
                connection.settimeout(left)
                more = connection.recv(4096)
                if not more:
                    break
                data += more
    except OSError:
        pass
    return Glance(_status(data), data[:80], connected)


def latest(before: Glance, now: Glance, *, is_cut_short: bool) -> Glance:
    """What is known after one more look; one that the deadline cut short takes nothing back that was heard before."""
    return before if is_cut_short and before.first and not now.first else now


def answers(host: str, port: int, spec: ServiceSpec | None, timeout: float) -> bool:
    """Ask once whether it is ready: as `spec` says, or by a 200 to ``/`` where none is known."""
    glance = look(host, port, spec.ready if spec else "/", timeout)
    return spec.is_ready(glance.status) if spec else glance.status == 200


def _status(data: bytes) -> int | None:
    line = re.match(rb"HTTP/1\.[01] ([0-9]{3})(?: [^\r\n]*)?\r\n", data)
    return int(line[1]) if line else None


def describe_exit(code: int) -> str:
    """An exit code in words."""
    if code >= 0:
        return f"exited with code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"was killed by {name}"


def ended(code: int, seconds: float, log: tuple[str, ...]) -> Startup:
    """It ended before it was ready."""
    got = f"the service {describe_exit(code)} after {seconds:.1f} s, before it was ready"
    why = "What it wrote is below." if log else "It wrote nothing before it ended."
    return Startup(Reason.CRASHED, Failure("a service that keeps running", got, why, log=log))


def at_limit(startup: Startup, limit: Reason, measure: str) -> Startup:
    """The same end, but a resource limit was hit before it, which says more.

    Args:
        startup: what was seen.
        limit: OOM, PIDS or DISK_FULL.
        measure: the limit in words, as in ``512 MiB of memory``.
    """
    failure = startup.failure
    return Startup(limit, Failure(f"a service that starts within {measure}", f"{failure.got}; it ran into that limit",
                                  failure.why, log=failure.log))  # fmt: skip


def not_ready(
    glance: Glance, listeners: list[Listener], spec: ServiceSpec, *, host: str, port: int, log: tuple[str, ...]
) -> Startup:
    """It lives, but did not become ready in time."""
    answered = "answered" if spec.any_status else "answered with 200"
    within = spec.ready_within_ms / 1000
    expected = f"GET {spec.ready} {answered} within {within:.0f} s of the start, on {host}:{port}"
    got, why = _diagnosis(glance, listeners, host=host, port=port, target=spec.ready)
    reason = Reason.PROTOCOL_ERROR if glance.first and glance.status is None else Reason.NOT_READY
    return Startup(reason, Failure(expected, got, why, log=log))


def _diagnosis(glance: Glance, listeners: list[Listener], *, host: str, port: int, target: str) -> tuple[str, str]:
    if glance.status is not None:
        return (
            f"GET {target} answers {glance.status}",
            f"{target} is about the process alone: answer 200 as soon as it listens.",
        )
    if glance.first:
        shown = printable(from_bytes(glance.first, 40))
        return (
            f"what answers on port {port} is not HTTP: {shown}",
            "An answer begins with a status line such as HTTP/1.1 200 OK.",
        )
    if glance.connected:
        return (
            f"port {port} accepts connections, but GET {target} gets no answer",
            "Is the request read, and the answer flushed?",
        )
    elsewhere = [listener.address for listener in listeners if listener.port == port]
    if elsewhere:
        where = ", ".join(elsewhere)
        return f"it listens on port {port}, but only on the address {where}", f"Listen on $HOST, which is {host}."
    if listeners:
        ports = ", ".join(sorted({str(listener.port) for listener in listeners}))
        return (
            f"it runs, but listens on port {ports}",
            f"Listen on the port in the environment variable PORT (here {port}).",
        )
    return (
        f"it runs, but listens on no port at all (PORT is {port})",
        "Read PORT and HOST from the environment and listen there.",
    )
