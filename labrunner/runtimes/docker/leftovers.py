"""What runs left behind that ended with a power cut, or were killed together with their reaper."""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING, Any

from labrunner.errors import EnvironmentProblem
from labrunner.runtimes.docker import wire
from labrunner.runtimes.docker.labels import OWNER, RUN
from labrunner.runtimes.owner import is_alive

if TYPE_CHECKING:
    from labrunner.runtimes.docker.address import Address

KINDS = ("containers", "networks", "images")
SECONDS = 30.0


def find(where: Address) -> list[tuple[str, str]]:
    """Kind and id of everything that belongs to a run whose process is gone.

    Raises:
        EnvironmentProblem: the engine does not answer.
    """
    try:
        return [
            (kind, str(thing["Id"]))
            for kind in KINDS
            for thing in wire.labelled(where.url, kind, RUN, SECONDS)
            if _is_orphan(thing.get("Labels") or {})
        ]
    except (OSError, http.client.HTTPException, ValueError) as fault:
        raise EnvironmentProblem(f"The Docker engine cannot be asked: {fault}.", "Restart it.") from None


def _is_orphan(borne: dict[str, Any]) -> bool:
    """Cached builds bear an empty run: they outlive it on purpose. One whose owner cannot be seen is not ours to judge."""
    return bool(borne.get(RUN)) and is_alive(str(borne.get(OWNER, ""))) is False


def clean(where: Address) -> int:
    """Remove them; returns how many are gone: an engine may hold on to a network of which it believes that it is in use.

    Raises:
        EnvironmentProblem: the engine does not answer.
    """
    found = find(where)
    try:
        return sum(wire.remove(where.url, kind, identity, SECONDS) for kind, identity in found)
    except (OSError, http.client.HTTPException, ValueError) as fault:
        raise EnvironmentProblem(f"The Docker engine cannot be asked: {fault}.", "Restart it.") from None
