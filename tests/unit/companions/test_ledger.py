"""The ledger of the lab idempotent-api: whichever way a service's HTTP client sends a charge, it is carried out."""

from __future__ import annotations

import importlib.util
import json
import socket
import threading
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

LEDGER = Path(__file__).parents[3] / "graders" / "idempotent-api" / "companions" / "ledger.py"
ORDER = {"reference": "r1", "amount": 5, "currency": "EUR", "account": "kim"}
BODY = json.dumps(ORDER).encode()
POST = "POST /charges HTTP/1.1\r\nHost: ledger\r\n"
PATIENCE = 60.0


@pytest.fixture(scope="module")
def module() -> ModuleType:
    """The companion's module, as the host would load it."""
    spec = importlib.util.spec_from_file_location("idempotent_ledger", LEDGER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def ledger(module: ModuleType, tmp_path: Path) -> Any:
    """A new one, as the grader sees it."""
    return module.Ledger(tmp_path)


@pytest.fixture
def connection(module: ModuleType, ledger: Any) -> Iterator[socket.socket]:
    """To a server of its own."""
    server = module.Server(("127.0.0.1", 0), type("Bound", (module.Handler,), {"ledger": ledger}))
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    serving.start()
    try:
        with socket.create_connection(server.socket.getsockname(), timeout=PATIENCE) as connected:
            yield connected
    finally:
        server.shutdown()
        server.server_close()
        serving.join()
        ledger.journal.close()


def charges(ledger: Any) -> list[dict[str, Any]]:
    """What was charged, as it was asked for."""
    found: list[dict[str, Any]] = ledger.obey("POST", "/records", {"accounts": ["kim"]})["records"][0]["charges"]
    return [{name: each[name] for name in ORDER} for each in found]


def until_closed(connection: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    return b"".join(iter(lambda: connection.recv(4096), b""))


def test_a_charge_may_come_in_chunks(connection: socket.socket, ledger: Any) -> None:
    """RFC 9112, 7.1: chunks with extensions and trailers are the same body, and the next request is found behind it."""
    chunks = b"%x;a=b\r\n%s\r\n%X\r\n%s\r\n0\r\nT: x\r\n\r\n" % (9, BODY[:9], len(BODY) - 9, BODY[9:])
    head = f"{POST}Transfer-Encoding: chunked\r\n\r\n".encode()
    last = f"{POST}Content-Length: {len(BODY)}\r\nConnection: close\r\n\r\n".encode()
    connection.sendall(head + chunks + last + BODY)
    assert until_closed(connection).count(b"HTTP/1.1 201 ") == 2
    assert charges(ledger) == [ORDER, ORDER]


def test_a_broken_chunk_moves_nothing(connection: socket.socket, ledger: Any) -> None:
    """A request that ends early is none: its connection ends without an answer."""
    connection.sendall(f"{POST}Transfer-Encoding: chunked\r\n\r\n".encode() + b"%x\r\n%s\r\n" % (len(BODY), BODY))
    connection.shutdown(socket.SHUT_WR)
    assert until_closed(connection) == b""
    assert charges(ledger) == []


def test_who_expects_100_is_told_to_go_on(connection: socket.socket, ledger: Any) -> None:
    """RFC 9110, 10.1.1: ``100 Continue`` comes before the body was sent, not with the answer."""
    connection.sendall(
        f"{POST}Content-Length: {len(BODY)}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n".encode()
    )
    assert connection.recv(4096).startswith(b"HTTP/1.1 100 ")
    connection.sendall(BODY)
    assert b"HTTP/1.1 201 " in until_closed(connection)
    assert charges(ledger) == [ORDER]


@pytest.mark.parametrize("answer", ["cut", "drip"])
def test_an_answer_may_come_in_part(connection: socket.socket, ledger: Any, answer: str) -> None:
    """IA-2: the money moved and the head came; the body breaks off, or drips so slowly that it is never complete."""
    ledger.obey("POST", "/plan", {"account": "kim", "charges": [{"answer": answer}]})
    connection.sendall(f"{POST}Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY)
    told = b""
    while more := connection.recv(4096):
        told += more
        if answer == "drip" and told.endswith(b"   "):
            break
    head, _, body = told.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 201 ")
    assert b"}" not in body
    assert charges(ledger) == [ORDER]


def test_a_closed_reference_uses_no_step_up(connection: socket.socket, ledger: Any) -> None:
    """What is planned for the charge after a resolution is not spent on a late one before it."""
    ledger.arrive("charge", "r0", "kim")
    ledger.obey("POST", "/plan", {"account": "kim", "charges": [{"answer": "declined"}]})
    ledger.close("r0")
    assert ledger.arrive("charge", "r0", "kim")[1] == {}
    connection.sendall(f"{POST}Content-Length: {len(BODY)}\r\nConnection: close\r\n\r\n".encode() + BODY)
    assert until_closed(connection).startswith(b"HTTP/1.1 402 ")
