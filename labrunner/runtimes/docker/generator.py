"""The load generator in a container of its own, with a leg on each side's internal network.

Through the port proxy and the forwarder a request costs more CPU time than in the service, which bends every ratio
towards 1 (measured: a true 0.65 looked like 0.80 to 0.85). From here it is one hop.
"""

from __future__ import annotations

import contextlib
import queue
from typing import TYPE_CHECKING, Any

from labrunner.ports.pipe import LoadBroken
from labrunner.runtimes.docker.container import Container, Plan
from labrunner.runtimes.docker.engine import told
from labrunner.runtimes.docker.output import STDOUT, attach
from labrunner.runtimes.docker.profile import generator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labrunner.runtimes.docker.engine import Engine
    from labrunner.runtimes.docker.labels import Run
    from labrunner.runtimes.docker.side import Side

LAST_WORDS = 2000


class DockerGenerator:
    """Satisfies `labrunner.ports.Pipe`.

    Args:
        engine: where.
        run: bears its labels.
        image: id of the image `load`.
        boot: the program.
        cpuset: CPUs that it may use; empty for any.
        sides: which it must reach.

    Raises:
        EnvironmentProblem: it cannot be started.
    """

    def __init__(self, engine: Engine, run: Run, image: str, boot: str, cpuset: str, sides: Sequence[Side]) -> None:
        first, *others = sides
        plan = Plan(
            image=image,
            command=["python3", "-I", "-B", "-u", "-c", boot],
            profile=generator(cpuset),
            environment={"HOME": "/tmp", "LANG": "C.UTF-8"},  # noqa: S108 - inside the container
            network=first.inner.name,
            endpoint=first.inner.endpoint(first.place()),
            has_input=True,
        )
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._parts: list[bytes] = []
        self._words = b""
        self._input: Any = None
        self._container = Container(engine, run, plan, lambda identity: self._attach(engine, identity))
        self._container.start()
        try:
            for side in others:
                side.inner.connect(self._container.id, side.place())
        except BaseException:
            self.close()
            raise

    def _attach(self, engine: Engine, identity: str) -> None:
        attach(engine, identity, self._take, lambda: self._lines.put(b""))
        with told():
            self._input = engine.api.attach_socket(identity, params={"stdin": 1, "stream": 1})

    def _take(self, kind: int, data: bytes) -> None:
        if kind != STDOUT:
            self._words = (self._words + data)[-LAST_WORDS:]
            return
        # Joined once a line is whole: a trace is megabytes in one line.
        if b"\n" not in data:
            self._parts.append(data)
            return
        head, *lines = data.split(b"\n")
        self._lines.put(b"".join([*self._parts, head]))
        for line in lines[:-1]:
            self._lines.put(line)
        self._parts = [lines[-1]]

    def send(self, data: bytes) -> None:
        try:
            self._input._sock.sendall(data)  # noqa: SLF001 - docker-py hands out a stream that only reads
        except OSError:
            raise LoadBroken(f"the load generator ended: {self._last_words()}") from None

    def receive(self, seconds: float) -> bytes:
        try:
            line = self._lines.get(timeout=seconds)
        except queue.Empty:
            raise LoadBroken(f"the load generator said nothing for {seconds:.0f} s: {self._last_words()}") from None
        if not line:
            raise LoadBroken(f"the load generator ended: {self._last_words()}")
        return line

    def _last_words(self) -> str:
        return self._words.decode("utf-8", "backslashreplace").strip() or "it said nothing"

    def close(self) -> None:
        with contextlib.suppress(OSError, ValueError, AttributeError):
            self._input._sock.close()  # noqa: SLF001 - as above
            self._input.close()
        self._container.remove()
