"""Where the Docker engine is: found as the `docker` command finds it, and asked once. Standard library only."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from labrunner.errors import EnvironmentProblem
from labrunner.runtimes.docker import wire

if TYPE_CHECKING:
    from collections.abc import Mapping

PING_SECONDS = 5.0
OLDEST_API = (1, 41)
"""Docker 20.10: the oldest engine that this runtime was tried with."""
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True, slots=True)
class Address:
    """One engine.

    Attributes:
        url: ``unix:///path`` or ``tcp://host:port``.
        origin: who says so, for messages.
    """

    url: str
    origin: str


def find(environ: Mapping[str, str] | None = None) -> Address:
    """The engine that `docker` would use; nobody is asked yet.

    Raises:
        EnvironmentProblem: none is configured and no usual socket exists, or it is not on this machine.
    """
    environ = os.environ if environ is None else environ
    found = _named(environ) or _usual(environ)
    if found is None:
        raise EnvironmentProblem(
            "No Docker engine is to be found: DOCKER_HOST is not set, and none of the usual sockets exists.",
            "Install and start Docker (on Debian as root: scripts/docker-up), or use --runtime process.",
        )
    parts = urlsplit(found.url)
    is_here = parts.scheme == "unix" or (parts.scheme == "tcp" and parts.hostname in _LOOPBACK)
    if not is_here:
        raise EnvironmentProblem(
            f"The Docker engine of {found.origin} ({found.url}) is not on this machine, so its services cannot be reached.",
            "Name one on this machine (DOCKER_HOST=unix:///var/run/docker.sock), or use --runtime process.",
        )
    return found


def reach(environ: Mapping[str, str] | None = None) -> Address:
    """`find`, and make sure that it answers.

    Raises:
        EnvironmentProblem: as `find`; or it is not running, denies access, or does not answer.
    """
    found = find(environ)
    where = f"{found.url.removeprefix('unix://')} ({found.origin})"
    try:
        status, _ = wire.ask(found.url, "GET", "/_ping", PING_SECONDS)
    except PermissionError:
        raise EnvironmentProblem(
            f"You may not use the Docker engine at {where}: permission denied.",
            "Join the group 'docker' (sudo usermod -aG docker $USER, then log in again), or use --runtime process.",
        ) from None
    except TimeoutError:
        raise EnvironmentProblem(
            f"The Docker engine at {where} does not answer within {PING_SECONDS:.0f} s.", "Restart it."
        ) from None
    except (OSError, http.client.HTTPException) as fault:
        why = getattr(fault, "strerror", None) or type(fault).__name__
        raise EnvironmentProblem(
            f"No Docker engine answers at {where}: {why}.",
            "Start it (sudo systemctl start docker; on Debian as root: scripts/docker-up), or use --runtime process.",
        ) from None
    if status != 200:
        raise EnvironmentProblem(
            f"What answers at {where} is no healthy Docker engine: it says {status}.", "Restart it, or look at its log."
        )
    return found


def _named(environ: Mapping[str, str]) -> Address | None:
    if host := environ.get("DOCKER_HOST"):
        return Address(host, "DOCKER_HOST")
    folder = Path(environ.get("DOCKER_CONFIG") or "~/.docker").expanduser()
    name = environ.get("DOCKER_CONTEXT") or _text(folder / "config.json", "currentContext")
    if not name or name == "default":
        return None
    meta = folder / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest() / "meta.json"
    host = _text(meta, "Endpoints", "docker", "Host")
    if not host:
        raise EnvironmentProblem(
            f"The current Docker context is '{name}', but {meta} names no engine.", "See `docker context ls`."
        )
    return Address(host, f"context '{name}'")


def _text(path: Path, *keys: str) -> str:
    """The string at `keys` in a JSON file; empty where there is none."""
    try:
        value = json.loads(path.read_bytes())
        for key in keys:
            value = value[key]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return value if isinstance(value, str) else ""


def _usual(environ: Mapping[str, str]) -> Address | None:
    home = Path(environ.get("HOME") or "~").expanduser()
    runtime = Path(environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}")
    usual = (
        Path("/var/run/docker.sock"),
        runtime / "docker.sock",
        home / ".docker/run/docker.sock",
        home / ".docker/desktop/docker.sock",
        home / ".colima/default/docker.sock",
        home / ".orbstack/run/docker.sock",
        home / ".rd/docker.sock",
    )
    for socket in usual:
        if socket.exists():
            return Address(f"unix://{socket}", "the usual socket")
    return None
