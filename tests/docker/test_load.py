"""Load in containers: a generator that reaches both sides, sides that do not reach each other."""

from __future__ import annotations

import json
import time
import urllib.request
from typing import TYPE_CHECKING

import pytest

from labrunner.loadtest.generator import Generator
from labrunner.loadtest.shipped import BOOT
from labrunner.model.lab import ServiceSpec
from labrunner.model.load import LoadSpec
from labrunner.ports import LoadBroken, LoadOrder

if TYPE_CHECKING:
    from pathlib import Path

    from labrunner.runtimes.docker.runtime import DockerRuntime
    from labrunner.runtimes.docker.service import DockerService
    from tests.docker.harness import Stager

SPEC = LoadSpec(capacity=0.4, p95=4.0, objective_ms=25.0, rate=0.2, users=4, reference="python")
SOURCE = """
from labrunner.loadtest.user import RawUser, Request, get

class Caller(RawUser):
    @classmethod
    def plan(cls, environment, rng, agent):
        while True:
            yield Request("healthz", 0, get("/healthz", agent))

    @classmethod
    def read(cls, request, status, body):
        return status
"""
REACH = """
import http.server, json, os, socket, urllib.parse
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        asked = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        told = "ok"
        if "host" in asked:
            try:
                socket.create_connection((asked["host"][0], int(asked["port"][0])), 1.5).close()
                told = "reached"
            except OSError as fault:
                told = f"not reached: {fault}"
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *arguments):
        pass
http.server.ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
"""
READY = ServiceSpec("/healthz", 60_000, ())
SPIN = """
import threading
threading.Thread(target=lambda: [0 for _ in iter(int, 1)], daemon=True).start()
"""


def two_sides(runtime: DockerRuntime, stage: Stager) -> dict[str, DockerService]:
    """Learner and reference, ready."""
    staged = stage({"main.py": REACH})
    runtime.build(staged)
    services = {side: runtime.launch_timed(staged, {}, name=side, side=side) for side in ("learner", "reference")}
    for service in services.values():
        service.wait_ready(READY)
    return services


def test_the_generator_asks_both_sides_directly(runtime: DockerRuntime, stage: Stager, tmp_path: Path) -> None:
    """From a container of its own, over the internal networks: every request is answered, and recorded."""
    pipe = runtime.generator(BOOT)
    services = two_sides(runtime, stage)
    generator = Generator(pipe)
    order = LoadOrder(SPEC, SOURCE, {}, "s33d", tmp_path / "trace.json")
    generator.prepare(order, {side: service.inner for side, service in services.items()}, "lab/1")
    for side in services:
        assert generator.window(side, 2.0).window.answers > 0
    assert generator.schedule("reference", 50.0, 0.5, 0.1).requests > 0
    trace = json.loads(generator.trace())
    assert trace["requests"] > 0
    assert (trace["wrongs"], trace["unanswered"]) == (0, 0)


def test_neither_side_reaches_the_other(runtime: DockerRuntime, stage: Stager) -> None:
    """A solution cannot let the reference do its work: there is no way from one side to the other."""
    services = two_sides(runtime, stage)
    for own, other in (("learner", "reference"), ("reference", "learner")):
        host, port = services[other].inner
        assert _ask(services[own], host, port).startswith("not reached")
        # The question itself is a fair one: what is on its own side it does reach.
        assert _ask(services[own], *services[own].inner) == "reached"


def _ask(service: DockerService, host: str, port: int) -> str:
    with urllib.request.urlopen(f"{service.url}/?host={host}&port={port}", timeout=15) as answer:
        told: str = json.loads(answer.read())
    return told


def test_timed_services_have_a_cpu_and_no_quota(runtime: DockerRuntime, stage: Stager) -> None:
    """A quota throttles in steps of 100 ms; both services share one CPU, and the generator has another."""
    pipe = runtime.generator(BOOT)
    services = two_sides(runtime, stage)
    sets = {service._life.container.inspect()["HostConfig"]["CpusetCpus"] for service in services.values()}
    quotas = {service._life.container.inspect()["HostConfig"]["NanoCpus"] for service in services.values()}
    own = pipe._container.inspect()["HostConfig"]
    assert quotas == {0}
    assert len(sets) == 1
    assert own["CpusetCpus"] not in sets or sets == {""}
    assert own["ReadonlyRootfs"] is True
    assert own["CapDrop"] == ["ALL"]


def test_cpu_time_is_told_and_a_stopped_service_uses_none(runtime: DockerRuntime, stage: Stager) -> None:
    """What is compared when the generator is the bottleneck; a side that is stopped cannot spin."""
    staged = stage({"main.py": SPIN + REACH})
    runtime.build(staged)
    service = runtime.launch_timed(staged, {}, name="spinner", side="learner")
    service.wait_ready(READY)
    before = service.cpu_seconds()
    time.sleep(0.5)
    busy = service.cpu_seconds()
    service.pause()
    at_pause = service.cpu_seconds()
    time.sleep(0.5)
    assert service.cpu_seconds() == at_pause
    service.resume()
    assert before is not None
    assert busy is not None
    assert busy > before


def test_a_generator_that_is_gone_is_told(runtime: DockerRuntime) -> None:
    """And not waited for."""
    pipe = runtime.generator("raise SystemExit('no Locust today')")
    with pytest.raises(LoadBroken, match="no Locust today"):
        pipe.receive(30.0)
