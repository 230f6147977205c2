"""Networks of the real engine."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

import docker.errors
import pytest

from labrunner.runtimes.docker import network
from labrunner.runtimes.docker.engine import Engine
from labrunner.runtimes.docker.labels import Run
from labrunner.runtimes.docker.recipes import RECIPES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from labrunner.runtimes.docker.address import Address
    from labrunner.runtimes.docker.network import Subnet


@pytest.fixture
def engine(where: Address) -> Iterator[Engine]:
    """The engine, as a run has it."""
    made = Engine(where)
    yield made
    made.close()


@pytest.fixture
def inhabited(engine: Engine) -> Iterator[tuple[Subnet, Callable[[], None]]]:
    """A network with a container on it, and what removes that."""
    run = Run()
    subnet = network.inner(engine, run)
    made = engine.api.create_container(
        RECIPES["base"].tag, ["sleep", "60"], labels=run.labels,
        networking_config=engine.api.create_networking_config({subnet.name: subnet.endpoint(5)}),
    )  # fmt: skip
    engine.api.start(made["Id"])

    def remove() -> None:
        engine.api.remove_container(made["Id"], force=True)

    yield subnet, remove
    for end in (remove, lambda: engine.api.remove_network(subnet.network.id)):
        with contextlib.suppress(docker.errors.NotFound):
            end()


def test_a_network_goes_while_the_engine_holds_an_endpoint(
    engine: Engine, inhabited: tuple[Subnet, Callable[[], None]]
) -> None:
    """What stays on it does not keep it: a busy engine forgets endpoints late, and a run would end with an error."""
    subnet, _ = inhabited
    subnet.remove()
    with pytest.raises(docker.errors.NotFound):
        engine.api.inspect_network(subnet.network.id)


def test_a_network_goes_while_its_last_container_goes(inhabited: tuple[Subnet, Callable[[], None]]) -> None:
    """Both at once is no error, and the second removal finds nothing to do."""
    subnet, remove = inhabited
    thread = threading.Timer(0.05, remove)
    thread.start()
    subnet.remove()
    thread.join()
    subnet.remove()
