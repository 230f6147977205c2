"""A service that does not become ready gets a sentence that helps, not a time-out."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING

import pytest

from labrunner.model.lab import ServiceSpec
from labrunner.model.status import Reason
from labrunner.ports.runtime import NotStarted
from tests.docker.harness import READY, SOON, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from labrunner.runtimes.docker.runtime import DockerRuntime
    from labrunner.runtimes.docker.service import DockerService
    from tests.docker.harness import Launcher, Stager

SERVE = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response({status}); self.send_header("Content-Length", "0"); self.end_headers()
http.server.HTTPServer(({host}, {port}), Handler).serve_forever()
"""
HOST, PORT = "os.environ['HOST']", "int(os.environ['PORT'])"


def _refusal(launch: Launcher, program: str, come_so_far: Callable[[DockerService], object]) -> NotStarted:
    """Of a program that has got as far as it ever will; on a busy machine that alone takes seconds."""
    service = launch(program)
    wait_for(lambda: come_so_far(service))
    elapsed = time.monotonic() - service._life.started_at
    spec = dataclasses.replace(SOON, ready_within_ms=round(elapsed * 1000) + SOON.ready_within_ms)
    with pytest.raises(NotStarted) as caught:
        service.wait_ready(spec)
    assert caught.value.deadline == spec.ready_within_ms / 1000
    return caught.value


def _speaks(service: DockerService) -> object:
    return service.log(0.0, time.monotonic())


def _listens(service: DockerService) -> object:
    return service._listeners()


def test_one_that_exits_is_told_at_once_with_its_last_words(launch: Launcher) -> None:
    """Not after the whole deadline: exit code and last lines as soon as it is dead."""
    service = launch("import sys; print('no such table'); sys.exit(4)")
    began = time.monotonic()
    with pytest.raises(NotStarted) as caught:
        service.wait_ready(READY)
    assert time.monotonic() - began < 30
    assert caught.value.startup.reason is Reason.CRASHED
    assert "exited with code 4" in caught.value.startup.failure.got
    assert caught.value.startup.failure.log == ("no such table",)
    assert caught.value.deadline is None


def test_one_that_listens_nowhere(launch: Launcher) -> None:
    """It says that no port is open."""
    refusal = _refusal(launch, "import time; print('thinking', flush=True); time.sleep(60)", _speaks)
    assert refusal.startup.reason is Reason.NOT_READY
    assert refusal.startup.failure.got == "it runs, but listens on no port at all (PORT is 8000)"
    assert refusal.startup.failure.log == ("thinking",)


def test_one_that_listens_on_another_port(launch: Launcher) -> None:
    """It names the port that is open."""
    refusal = _refusal(launch, SERVE.format(status=200, host=HOST, port=5000), _listens)
    assert refusal.startup.failure.got == "it runs, but listens on port 5000"


def test_one_that_listens_on_the_containers_loopback(launch: Launcher) -> None:
    """It names the address, and the one that is wanted."""
    refusal = _refusal(launch, SERVE.format(status=200, host="'127.0.0.1'", port=PORT), _listens)
    assert refusal.startup.failure.got == "it listens on port 8000, but only on the address 127.0.0.1"
    assert "0.0.0.0" in refusal.startup.failure.why


def test_one_that_answers_500(launch: Launcher) -> None:
    """It names the status."""
    refusal = _refusal(launch, SERVE.format(status=500, host=HOST, port=PORT), _listens)
    assert refusal.startup.failure.got == "GET /healthz answers 500"


def test_one_that_accepts_and_says_nothing(launch: Launcher) -> None:
    """That is something else than not listening."""
    program = "import os, socket, time; s = socket.create_server((os.environ['HOST'], int(os.environ['PORT']))); time.sleep(60)"
    refusal = _refusal(launch, program, _listens)
    assert refusal.startup.failure.got == "port 8000 accepts connections, but GET /healthz gets no answer"


def test_one_that_is_too_slow_becomes_ready_in_a_longer_time(launch: Launcher) -> None:
    """Late within the deadline is ready, and how late is told."""
    program = "import time; time.sleep(2)\n" + SERVE.format(status=200, host=HOST, port=PORT)
    seconds = launch(program).wait_ready(ServiceSpec("/healthz", 30_000, ()))
    assert seconds >= 2


def test_a_command_that_does_not_exist_is_the_learners(runtime: DockerRuntime, stage: Stager) -> None:
    """`run` names no program of the image."""
    staged = stage({"main.py": ""}, run=("pyhton", "main.py"))
    runtime.build(staged)
    with pytest.raises(NotStarted) as caught:
        runtime.launch(staged, {}, name="service")
    assert caught.value.startup.failure.got == "`pyhton main.py` cannot be started: no such file or directory"
