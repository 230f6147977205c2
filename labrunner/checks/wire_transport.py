"""An httpx transport with one total deadline per exchange and a cap on bytes.

httpx bounds each read by itself, so a service that drips one byte a second is never given up. Here every socket
operation gets what is left of the exchange's deadline. Connections that idled for half a second are not used again: a
correct server may close them at any moment, and that must not look like its fault.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import httpcore
import httpx

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

KEEP_ALIVE_SECONDS = 0.5
BYTES = 4 * 1024 * 1024
"""Of one exchange's answer, header section included."""


class TooLarge(Exception):
    """The answer is larger than `BYTES`."""


class _Budget:
    """What is left of the exchange's time and bytes."""

    def __init__(self) -> None:
        self.until = 0.0
        self.bytes_left = 0

    def begin(self, deadline: float) -> None:
        self.until = time.monotonic() + deadline
        self.bytes_left = BYTES

    def seconds(self) -> float:
        left = self.until - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the exchange's deadline passed")
        return left


class _Stream(httpcore.NetworkStream):
    """A network stream whose every operation is bounded by the budget."""

    def __init__(self, stream: httpcore.NetworkStream, budget: _Budget) -> None:
        self._stream = stream
        self._budget = budget

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = self._stream.read(max_bytes, self._budget.seconds())
        self._budget.bytes_left -= len(data)
        if self._budget.bytes_left < 0:
            raise TooLarge
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._budget.seconds())

    def close(self) -> None:
        self._stream.close()

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    def __init__(self, budget: _Budget) -> None:
        self._real = httpcore.SyncBackend()
        self._budget = budget

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        stream = self._real.connect_tcp(host, port, self._budget.seconds(), local_address, socket_options)
        return _Stream(stream, self._budget)


class _Body(httpx.SyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        yield from self._response.iter_stream()

    def close(self) -> None:
        self._response.close()


class WireTransport(httpx.BaseTransport):
    """One keep-alive connection to one service.

    Of a request's extensions, ``deadline`` (seconds) and ``target`` (bytes, sent as they are) are honoured.
    """

    def __init__(self) -> None:
        self._budget = _Budget()
        self._pool = httpcore.ConnectionPool(
            network_backend=_Backend(self._budget), max_connections=1, keepalive_expiry=KEEP_ALIVE_SECONDS, retries=0
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self._budget.begin(request.extensions["deadline"])
        url = httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.extensions["target"],
        )
        response = self._pool.handle_request(
            httpcore.Request(request.method, url, headers=request.headers.raw, content=request.stream)
        )
        return httpx.Response(response.status, headers=response.headers, stream=_Body(response))

    @property
    def heard_nothing(self) -> bool:
        """Whether not one byte of the last exchange's answer came."""
        return self._budget.bytes_left == BYTES

    def close(self) -> None:
        self._pool.close()
