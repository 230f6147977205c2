"""What a running check may ask for: services of its own, and faults on them. The shared service is nobody's to hurt."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from labrunner.model.lab import ServiceSpec
    from labrunner.ports.runtime import Service

LONGEST_STOP = 60.0
MOST_SERVICES = 8


class OwnServices:
    """Satisfies `labrunner.ports.Bench` for one try of one check.

    Args:
        launch: starts an instance with those variables under that name.
        spec: how it is recognised as ready.
        prefix: of the instances' names.
    """

    def __init__(self, launch: Callable[[Mapping[str, str], str], Service], spec: ServiceSpec, prefix: str) -> None:
        self._launch = launch
        self._spec = spec
        self._prefix = prefix
        self.services: dict[str, Service] = {}

    def call(self, action: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        if action == "start":
            return self._start(arguments["env"])
        service = self.services.get(arguments["service"])
        if service is None:
            raise LookupError("only a service that the check itself started can be stopped or hurt")
        match action:
            case "stop":
                end = service.stop(min(float(arguments["within"]), LONGEST_STOP))
                return {"code": end.code, "seconds": end.seconds}
            case "kill":
                service.kill()
            case "pause":
                service.pause()
            case "resume":
                service.resume()
            case "restart":
                service.start_again()
                service.wait_ready(self._spec)
            case "put-data" | "link-data" | "read-data":
                return _on_data(service, action, arguments)
            case _:
                raise LookupError(f"nobody can '{action}'")
        return {}

    def _start(self, environment: Mapping[str, str]) -> dict[str, Any]:
        if len(self.services) >= MOST_SERVICES:
            raise LookupError(f"a check may start {MOST_SERVICES} services, not more")
        name = f"{self._prefix}-{len(self.services) + 1}"
        service = self._launch(environment, name)
        self.services[name] = service
        ready = service.wait_ready(self._spec)
        return {"name": name, "url": service.url, "ready": ready, "within": self._spec.ready_within_ms / 1000}

    def close(self) -> None:
        """End them all."""
        for service in self.services.values():
            service.close()


def _on_data(service: Service, action: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Plant something in its ``DATA_DIR``, or look there; contents travel as base64."""
    path = _below(arguments["path"])
    if action == "put-data":
        service.put_data(path, base64.b64decode(arguments["content"]))
    elif action == "link-data":
        service.link_data(path, _below(arguments["target"]))
    else:
        found = service.read_data(path)
        return {"content": None if found is None else base64.b64encode(found).decode()}
    return {}


def _below(path: str) -> str:
    """`path`, when it cannot lead out of the folder."""
    if path.startswith("/") or ".." in path.split("/"):
        raise LookupError(f"'{path}' is not below DATA_DIR")
    return path
