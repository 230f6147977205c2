"""A learner's own Dockerfile, built under a deadline, and what it must not ask for."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any, NoReturn

from labrunner.model.outcome import Failure
from labrunner.model.result import Startup
from labrunner.model.status import Reason
from labrunner.ports.runtime import NotStarted
from labrunner.rules.text import printable
from labrunner.runtimes.docker import archive, host, labels
from labrunner.runtimes.docker.builds import BuildFailed, BuildTooLong, build_image
from labrunner.runtimes.docker.engine import told
from labrunner.runtimes.docker.profile import BUILD

if TYPE_CHECKING:
    from labrunner.model.solution import Staged
    from labrunner.runtimes.docker.engine import Engine

DEADLINE = 300.0
"""Seconds for the whole Dockerfile."""
MOST_PORTS = 16
LAST_LINES = 15


def build_dockerfile(engine: Engine, staged: Staged, tag: str, deadline: float = DEADLINE) -> str:
    """The id of the image that the solution's ``Dockerfile`` describes; built once per content, as `tag` says.

    Raises:
        NotStarted: there is none, it fails, takes too long, or asks for what cannot be.
        EnvironmentProblem: the engine cannot.
    """
    if found := engine.image_id(tag):
        return found
    path = staged.path / "Dockerfile"
    if not path.is_file():
        _refuse(Reason.REJECTED, "there is no file of that name", "Its name is `Dockerfile`, beside solution.toml.")
    path.write_bytes(_labelled(path.read_bytes()))
    cached = {labels.RUN: "", labels.OWNER: "", labels.CACHE: "Dockerfile"}
    try:
        image = build_image(
            engine,
            io.BytesIO(archive.of_tree(staged.path)),
            deadline=deadline,
            labels=cached,
            buildargs=host.proxies(),
            container_limits={"memory": BUILD.memory, "memswap": BUILD.memory},
        )
    except BuildTooLong as fault:
        _refuse(Reason.BUILD_TIMEOUT, f"it takes longer than {deadline:.0f} s", log=fault.output)
    except BuildFailed as fault:
        _refuse(Reason.BUILD_FAILED, str(fault), log=fault.output)
    with told():
        configuration = engine.api.inspect_image(image)["Config"] or {}
    try:
        _examine(configuration)
    except NotStarted:
        with told():
            engine.api.remove_image(image, force=True)
        raise
    with told():
        engine.api.tag(image, *tag.split(":"))
    return image


def _labelled(dockerfile: bytes) -> bytes:
    """The same, with our label as the first step of each stage, so that layers of a failed build can be found too."""
    lines: list[bytes] = []
    is_from = False
    for line in dockerfile.splitlines(keepends=True):
        is_from = is_from or bool(re.match(rb"\s*FROM\s", line, re.IGNORECASE))
        lines.append(line)
        if is_from and not line.rstrip().endswith(b"\\"):
            is_from = False
            lines.append(b"\nLABEL %s=Dockerfile\n" % labels.CACHE.encode())
    return b"".join(lines)


def _examine(configuration: dict[str, Any]) -> None:
    if volumes := configuration.get("Volumes"):
        named = printable(", ".join(sorted(volumes))[:100])
        advice = "Leave VOLUME out: a service keeps its data in $DATA_DIR, whose size is bounded."
        _refuse(Reason.REJECTED, f"it declares VOLUME {named}", advice)
    if len(ports := configuration.get("ExposedPorts") or {}) > MOST_PORTS:
        advice = "Leave EXPOSE out: the service listens on $PORT, and nothing else is published."
        _refuse(Reason.REJECTED, f"it exposes {len(ports):,} ports, more than {MOST_PORTS}", advice)


def _refuse(reason: Reason, got: str, why: str = "Its last lines are below.", log: tuple[str, ...] = ()) -> NoReturn:
    safe = tuple(printable(line[:500]) for line in log)[-LAST_LINES:]
    raise NotStarted(Startup(reason, Failure("a Dockerfile that can be built within the limits", got, why, log=safe)))
