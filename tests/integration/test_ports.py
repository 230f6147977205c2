"""Ports for services: nobody else gets them meanwhile."""

from __future__ import annotations

import socket

from labrunner.runtimes.process.ports import RANGE, Ports


def test_a_reserved_port_can_be_bound_and_is_given_to_nobody_else() -> None:
    """The service can listen on it at once; another run, which asks for many, never gets the same."""
    ours, theirs = Ports("127.0.0.1"), Ports("127.0.0.1")
    number = ours.reserve()
    others = {theirs.reserve() for _ in range(300)}
    assert number in RANGE
    assert number not in others
    assert len(others) == 300
    with socket.create_server(("127.0.0.1", number)):
        pass
    ours.close()
    theirs.close()


def test_a_port_somebody_listens_on_is_not_given() -> None:
    """Also not when that somebody is no run of ours."""
    ports = Ports("127.0.0.1")
    taken = [socket.create_server(("127.0.0.1", number)) for number in _free(50)]
    numbers = {server.getsockname()[1] for server in taken}
    given = {ports.reserve() for _ in range(200)}
    assert not numbers & given
    for server in taken:
        server.close()
    ports.close()


def _free(count: int) -> list[int]:
    ports = Ports("127.0.0.1")
    numbers = [ports.reserve() for _ in range(count)]
    ports.close()
    return numbers
