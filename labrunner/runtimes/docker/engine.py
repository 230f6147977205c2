"""The connection to the engine: docker-py, shared with Testcontainers. Heavy: imported only where this runtime is used."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import docker
import docker.errors
import requests
from testcontainers.core.config import testcontainers_config
from testcontainers.core.docker_client import DockerClient
from testcontainers.core.labels import create_labels

from labrunner.errors import EnvironmentProblem
from labrunner.runtimes.docker import address

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labrunner.runtimes.docker.address import Address

API = "1.41"
TIMEOUT = 120
"""Seconds for one answer of the engine; a busy one takes long to remove a network."""
POOL = 64
"""Connections at once; each service's output takes one for its whole life."""
# Its own reaper mounts the engine's socket into a container, so we have another. Said here and not by variables of the
# environment: these are not to be written beside threads that read them (setenv(3)), and runs go on side by side.
testcontainers_config.ryuk_disabled = True


class Engine(DockerClient):
    """What Testcontainers calls a client, on one shared connection pool.

    Args:
        where: an engine that answered (`address.reach`).
    """

    def __init__(self, where: Address) -> None:
        # Not the base class's: it asks the engine for its version and logs in to registries, once for each container.
        self.address = where
        testcontainers_config.tc_properties["tc.host"] = where.url  # the rest of Testcontainers looks there
        self.client = docker.DockerClient(base_url=where.url, version=API, timeout=TIMEOUT, max_pool_size=POOL)

    @property
    def api(self) -> Any:
        """docker-py's lower half."""
        return self.client.api

    def create(self, image: str, *args: Any, labels: dict[str, str] | None = None, **kwargs: Any) -> Any:
        """A container that is not started yet. Unlike the base class's, this never pulls: names can be squatted on."""
        return self.client.containers.create(image, *args, labels=create_labels(image, labels), **kwargs)

    def image_id(self, tag: str) -> str | None:
        """The id of an image that is here; None when it is not.

        Raises:
            EnvironmentProblem: the engine does not answer.
        """
        with told():
            try:
                return str(self.api.inspect_image(tag)["Id"])
            except docker.errors.ImageNotFound:
                return None

    def close(self) -> None:
        """Let go of the connections."""
        self.client.close()


def connect() -> Engine:
    """The engine that `docker` would use.

    Raises:
        EnvironmentProblem: none, not running, not allowed, not answering.
    """
    with told():
        return Engine(address.reach())


@contextlib.contextmanager
def told() -> Iterator[None]:
    """Turns what goes wrong between us and the engine into one sentence.

    Raises:
        EnvironmentProblem: with the engine's own words.
    """
    try:
        yield
    except docker.errors.APIError as fault:
        raise EnvironmentProblem(
            f"The Docker engine refused: {explanation(fault)}.", "See `lab doctor`, and the engine's log."
        ) from None
    except (requests.RequestException, docker.errors.DockerException) as fault:
        raise EnvironmentProblem(
            f"The Docker engine stopped answering ({type(fault).__name__}).", "See `lab doctor`, and the engine's log."
        ) from None


def explanation(fault: Any) -> str:
    """The engine's own words on one line, without a full stop."""
    words = " ".join(str(getattr(fault, "explanation", None) or fault).split())
    return words[:300].rstrip(".")
