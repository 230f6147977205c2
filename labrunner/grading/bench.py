"""What a running check may ask for: services and companions of its own, and faults on them.

What the run shares is nobody's to hurt; shared companions of the lab's own can be told things.
"""

from __future__ import annotations

import base64
import contextlib
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from labrunner.faults.fault import LONGEST, Cut, Delay, HalfOpen, Lost, Pause
from labrunner.faults.patient import NotBack, Patient
from labrunner.model.outcome import Failure
from labrunner.model.result import Startup
from labrunner.model.status import Reason
from labrunner.ports.runtime import NotStarted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from labrunner.faults.fault import Fault
    from labrunner.grading.session import Session
    from labrunner.ports.companion import Companion, CompanionKind
    from labrunner.ports.runtime import Service

LONGEST_STOP = 60.0
MOST_SERVICES = 8
MOST_COMPANIONS = 8
BACK_SECONDS = 20.0
"""A companion that needs longer to come back shows a machine that can tell nothing of anybody."""
AT_ONCE = 4

Started = TypeVar("Started")
Told = dict[str, Any]


class OwnServices:
    """Satisfies `labrunner.ports.Bench` for one try of one check.

    Args:
        session: starts what is asked for.
        prefix: of the instances' names.
    """

    def __init__(self, session: Session, prefix: str) -> None:
        self._session = session
        self._spec = session.lab.service
        self._prefix = prefix
        self.services: dict[str, Service] = {}
        self._companions: dict[str, Companion] = {}
        self._patients: dict[str, Patient] = {}
        self._count = 0

    def call(self, action: str, arguments: Mapping[str, Any]) -> Told:
        match action:
            case "start":
                envs = arguments["envs"]
                self._refuse_beyond(MOST_SERVICES, len(self.services) + len(envs), "services")
                return {"started": self._all(envs, self._prefix, lambda env, name: self._service(env, name, arguments))}
            case "companion":
                count = arguments["count"]
                self._refuse_beyond(MOST_COMPANIONS, len(self._companions) + count, "companions")
                kind = self._session.kind(arguments["name"], arguments["settings"])
                are_proxied = [number < arguments["proxies"] for number in range(count)]
                start = partial(self._companion, kind)
                return {"started": self._all(are_proxied, arguments["name"], start)}
            case "control":
                return {"answer": self._control(arguments)}
            case _:
                patient = self._patients.get(arguments["service"])
                if patient is None:
                    raise LookupError("only what the check itself started can be stopped or hurt")
                return self._hurt(patient, arguments["service"], action, arguments)

    # --- starting --------------------------------------------------------------------------------

    @staticmethod
    def _refuse_beyond(most: int, wanted: int, what: str) -> None:
        if wanted > most:
            raise LookupError(f"a check may start {most} {what}, not more")

    def _all(self, wanted: Sequence[Started], called: str, start: Callable[[Started, str], Told]) -> list[Told]:
        """Start them side by side; the first fault is told when all are through."""
        names = []
        for _ in wanted:
            self._count += 1
            names.append(f"{called}-{self._count}")
        if len(wanted) == 1:
            return [start(wanted[0], names[0])]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            futures = [pool.submit(start, one, name) for one, name in zip(wanted, names, strict=True)]
        return [future.result() for future in futures]

    def _service(self, environment: Mapping[str, str], name: str, arguments: Mapping[str, Any]) -> Told:
        service = self._session.launch(environment, name)
        self.services[name] = service
        self._patients[name] = Patient(service)
        ready = {"ready": service.wait_ready(self._spec), "within": self._spec.ready_within_ms / 1000}
        if not arguments.get("behind_proxy"):
            return {"name": name, "url": service.url, **ready}
        proxy = self._session.proxy(service, None, f"{name}-proxy")
        self._patients[name] = Patient(service, proxy)
        proxy.wait_ready()
        host, port = proxy.client_address
        return {"name": name, "url": f"http://{host}:{port}", **ready}

    def _companion(self, kind: CompanionKind, is_proxied: bool, name: str) -> Told:
        companion = self._session.runtime.companion(kind, name=name)
        self._companions[name] = companion
        self._patients[name] = Patient(companion)
        companion.wait_ready()
        known_by = companion
        if is_proxied:
            known_by = self._session.proxy(companion, kind, f"{name}-proxy")
            self._patients[name] = Patient(companion, known_by)
            known_by.wait_ready()
        return introduced(known_by, name)

    def _control(self, arguments: Mapping[str, Any]) -> Any:
        name = arguments["service"]
        session = self._session
        companion = (
            self._companions.get(name) or session.shared_companions.get(name) or session.load_companions.get(name)
        )
        if companion is None:
            raise LookupError(f"no companion '{name}' was started")
        return companion.control(arguments["method"], arguments["path"], arguments["body"], arguments["timeout"])

    # --- faults ----------------------------------------------------------------------------------

    def _hurt(self, patient: Patient, name: str, action: str, arguments: Mapping[str, Any]) -> Told:
        match action:
            case "stop":
                end = self.services[name].stop(min(float(arguments["within"]), LONGEST_STOP))
                return {"code": end.code, "seconds": end.seconds}
            case "memory":
                return {"bytes": self.services[name].memory()}
            case "stored":
                return {"bytes": self.services[name].stored()}
            case "kill":
                patient.kill()
            case "restart":
                return {"back_at": self._restart(patient, name)}
            case "put-data" | "link-data" | "read-data":
                return _on_data(self.services[name], action, arguments)
            case "reset":
                return {"connections": patient.reset()}
            case "heal":
                return {"back_at": self._back(patient, name)}
            case _:
                patient.suffer(_fault(action, arguments))
        return {}

    def _restart(self, patient: Patient, name: str) -> float:
        patient.target.start_again()
        if service := self.services.get(name):
            service.wait_ready(self._spec)
        else:
            self._companions[name].wait_ready()
        return time.monotonic()

    def _back(self, patient: Patient, name: str) -> float:
        service = self.services.get(name)
        within = self._spec.ready_within_ms / 1000 if service else BACK_SECONDS
        try:
            return patient.heal(within)
        except NotBack as fault:
            if service is None:
                raise
            log = service.log(time.monotonic() - within, time.monotonic())
            expected = f"an answer to GET {self._spec.ready} within {within:.0f} s of being let go on"
            failure = Failure(expected, "none", "What was stopped for a while goes on where it was.", log=log)
            raise NotStarted(Startup(Reason.TIMEOUT, failure), deadline=fault.seconds) from None

    def close(self) -> None:
        """End them all, whatever they suffer."""
        with ThreadPoolExecutor(AT_ONCE) as pool, contextlib.ExitStack() as faults:
            for end in [pool.submit(patient.close) for patient in self._patients.values()]:
                faults.callback(end.result)


def introduced(companion: Companion, name: str) -> Told:
    """What a check is told of a companion.

    Args:
        companion: or the proxy before it.
        name: by which the check asks for it.
    """
    return {"name": name, "url": companion.url, "address": companion.address,
            "client_address": companion.client_address}  # fmt: skip


def _fault(action: str, arguments: Mapping[str, Any]) -> Fault:
    longest = min(float(arguments.get("longest") or LONGEST), LONGEST)
    match action:
        case "pause":
            return Pause(longest)
        case "cut":
            return Cut(longest)
        case "delay":
            return Delay(float(arguments["seconds"]), longest)
        case "lose":
            return HalfOpen(Lost(arguments["direction"]), longest)
        case _:
            raise LookupError(f"nobody can '{action}'")


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
