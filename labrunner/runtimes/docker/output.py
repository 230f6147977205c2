"""What a container writes, as it writes it: the engine's multiplexed stream, taken apart in a thread of its own."""

from __future__ import annotations

import contextlib
import struct
import threading
from typing import TYPE_CHECKING, Any

from labrunner.runtimes.docker.engine import told

if TYPE_CHECKING:
    from collections.abc import Callable

    from labrunner.runtimes.docker.engine import Engine

STDOUT, STDERR = 1, 2
_HEADER = struct.Struct(">BxxxL")
_BLOCK = 256 * 1024


def attach(engine: Engine, identity: str, on_data: Callable[[int, bytes], None], on_end: Callable[[], None]) -> None:
    """Hand on all that the container writes from now on, until it ends.

    Args:
        engine: where it is.
        identity: the container's id; best before its start.
        on_data: called with `STDOUT` or `STDERR` and some bytes.
        on_end: called once, after the last of them.

    Raises:
        EnvironmentProblem: the engine cannot.
    """
    with told():
        stream = engine.api.attach_socket(identity, params={"stdout": 1, "stderr": 1, "stream": 1})

    def read() -> None:
        with contextlib.suppress(OSError, ValueError):
            _take_apart(stream, on_data)
        _close(stream)
        on_end()

    threading.Thread(target=read, name="container-output", daemon=True).start()


def of_execution(engine: Engine, execution: str, on_data: Callable[[int, bytes], None]) -> None:
    """Start what `exec_create` prepared, and hand on its output until it ends.

    Raises:
        EnvironmentProblem: the engine cannot.
    """
    with told():
        stream = engine.api.exec_start(execution, socket=True)
    try:
        with contextlib.suppress(OSError, ValueError):
            _take_apart(stream, on_data)
    finally:
        _close(stream)


def _take_apart(stream: Any, on_data: Callable[[int, bytes], None]) -> None:
    while header := _exactly(stream, _HEADER.size):
        kind, left = _HEADER.unpack(header)
        while left:
            data = stream.read(min(left, _BLOCK))
            if not data:
                return
            left -= len(data)
            on_data(kind, data)


def _close(stream: Any) -> None:
    """The connection is ours alone since it became a stream, and docker-py would leave it to the garbage collector."""
    connection = stream._sock  # noqa: SLF001 - no public way through docker-py and urllib3
    stream._response.close()  # noqa: SLF001 - as above
    stream.close()
    connection.close()


def _exactly(stream: Any, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = stream.read(size - len(data))
        if not more:
            return b""
        data += more
    return data
