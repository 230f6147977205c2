"""The networks of one side: an inner one without a way out, and an outer one that reaches the host's loopback only.

The inner network is *internal* and has no address on the host (`inhibit_ipv4`): neither the internet nor the host nor
a neighbour can be reached from it. An internal network drops published ports silently, so a forwarder stands between
it and the outer one.
"""

from __future__ import annotations

import contextlib
import ipaddress
import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import docker.errors
from docker.types import EndpointConfig, IPAMConfig, IPAMPool
from testcontainers.core.network import Network

from labrunner.errors import EnvironmentProblem
from labrunner.runtimes.docker.engine import API, explanation, told

if TYPE_CHECKING:
    from labrunner.runtimes.docker.engine import Engine
    from labrunner.runtimes.docker.labels import Run

SPACE = ipaddress.IPv4Network("10.128.0.0/9")
"""Subnets of our own: the engine's default pools end after some 30 networks."""
INNER_PREFIX = 25
"""126 hosts: every service and companion that 16 checks could start at once."""
OUTER_PREFIX = 26
TRIES = 30
REMOVALS = 6
_BRIDGE = "com.docker.network.bridge."
INNER = {f"{_BRIDGE}inhibit_ipv4": "true"}
OUTER = {
    f"{_BRIDGE}host_binding_ipv4": "127.0.0.1",
    f"{_BRIDGE}enable_ip_masquerade": "false",
    f"{_BRIDGE}enable_icc": "false",
}


@dataclass(frozen=True, slots=True)
class Subnet:
    """A network with a subnet that we chose."""

    network: Network
    block: ipaddress.IPv4Network
    engine: Engine

    @property
    def name(self) -> str:
        """Of the network."""
        return str(self.network.name)

    def host(self, number: int) -> str:
        """The address of that number; 1 is the bridge's own."""
        return str(self.block[number])

    def endpoint(self, number: int, aliases: tuple[str, ...] = ()) -> EndpointConfig:
        """A place at that address, for a container that is created in the network."""
        return EndpointConfig(API, ipv4_address=self.host(number), aliases=list(aliases) or None)

    def connect(self, identity: str, number: int, aliases: tuple[str, ...] = ()) -> None:
        """Give a container a leg here; the engine remembers neither address nor aliases of one that it had before."""
        with told():
            self.engine.api.connect_container_to_network(
                identity, self.network.id, ipv4_address=self.host(number), aliases=list(aliases) or None
            )

    def disconnect(self, identity: str) -> None:
        """Take that leg away."""
        with told():
            self.engine.api.disconnect_container_from_network(identity, self.network.id)

    def remove(self) -> None:
        """Free it; it may be gone already. A busy engine may hold endpoints of containers that it has removed.

        One that has miscounted them does not let go of a network in which nobody is: that one stays until its restart.
        """
        for attempt in range(REMOVALS):
            with told(), contextlib.suppress(docker.errors.NotFound):
                try:
                    self.network.remove()
                except docker.errors.NotFound:
                    return
                except docker.errors.APIError as fault:
                    if "active endpoints" not in explanation(fault):
                        raise
                    held = self._let_go()
                    if attempt == REMOVALS - 1:
                        if held:
                            raise
                        return
                else:
                    return
            time.sleep(0.1 * 2**attempt)

    def _let_go(self) -> bool:
        """Of every endpoint, whosever it is: all that was started here is to be gone. Whether there was any."""
        endpoints = self.engine.api.inspect_network(self.network.id)["Containers"]
        for held in endpoints.values():
            with contextlib.suppress(docker.errors.APIError):  # it may go by itself just now
                # By name: the endpoint of a container that is gone has no other.
                self.engine.api.disconnect_container_from_network(held["Name"], self.network.id, force=True)
        return bool(endpoints)


def inner(engine: Engine, run: Run) -> Subnet:
    """A network for the services of one side."""
    return _create(engine, run, INNER_PREFIX, INNER, internal=True)


def outer(engine: Engine, run: Run) -> Subnet:
    """A network for forwarders, whose published ports are on the host's loopback."""
    return _create(engine, run, OUTER_PREFIX, OUTER, internal=False)


def _create(engine: Engine, run: Run, prefix: int, options: dict[str, str], *, internal: bool) -> Subnet:
    """The first free subnet of some random ones.

    Raises:
        EnvironmentProblem: none could be had.
    """
    routed = _routes()
    chooser = random.SystemRandom()
    for _ in range(TRIES):
        block = _random_block(chooser, prefix)
        if any(block.overlaps(other) for other in routed):
            continue
        pool = IPAMPool(subnet=str(block), gateway=str(block[1]))
        network = Network(
            docker_client_kw={"version": API},
            docker_network_kw={
                "driver": "bridge",
                "internal": internal,
                "options": options,
                "ipam": IPAMConfig(pool_configs=[pool]),
                "labels": run.labels,
            },
        )
        network._docker.client.close()  # noqa: SLF001 - one connection pool for all
        network._docker = engine  # noqa: SLF001 - as above
        network.name = f"labrunner-{network.name}"
        with told():
            try:
                return Subnet(network.create(), block, engine)
            except docker.errors.APIError as fault:
                if "overlap" not in explanation(fault).lower():
                    raise
    raise EnvironmentProblem(
        f"No free subnet was found in {SPACE} for a Docker network.", "Remove unused ones: docker network prune."
    )


def _random_block(chooser: random.Random, prefix: int) -> ipaddress.IPv4Network:
    step = 1 << (32 - prefix)
    offset = chooser.randrange(SPACE.num_addresses // step) * step
    return ipaddress.IPv4Network((int(SPACE.network_address) + offset, prefix))


def _routes() -> list[ipaddress.IPv4Network]:
    """Where this machine's packets go already (Linux; elsewhere the engine's own machine refuses what overlaps)."""
    found = []
    try:
        rows = [line.split() for line in Path("/proc/net/route").read_text().splitlines()[1:]]
    except OSError:
        return []
    for row in rows:
        address, mask = (int.from_bytes(bytes.fromhex(row[column]), "little") for column in (1, 7))
        if mask:  # the default route overlaps everything
            found.append(ipaddress.IPv4Network((address, mask.bit_count())))
    return found
