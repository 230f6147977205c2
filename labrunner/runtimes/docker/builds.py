"""Building an image from a context, under a wall-clock deadline that the engine itself does not have."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from typing import IO, TYPE_CHECKING, Any

import docker.errors
import requests

from labrunner.errors import EnvironmentProblem
from labrunner.runtimes.docker.engine import explanation, told

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from labrunner.runtimes.docker.engine import Engine

KEPT_LINES = 40


class BuildFailed(Exception):
    """A step of it failed, or the Dockerfile makes no sense.

    Attributes:
        output: its last lines.
    """

    def __init__(self, message: str, output: list[str]) -> None:
        super().__init__(message)
        self.output = tuple(output)


class BuildTooLong(BuildFailed):
    """The deadline passed."""


def build_image(
    engine: Engine,
    context: IO[bytes],
    *,
    deadline: float,
    labels: Mapping[str, str],
    tag: str | None = None,
    listener: Callable[[str], None] = lambda line: None,
    **options: Any,
) -> str:
    """Build; returns the image's id.

    Args:
        engine: where.
        context: a tar archive with a ``Dockerfile`` at its top.
        deadline: seconds; then the connection is closed, which ends the build and its container.
        labels: for the image.
        tag: for the image.
        listener: is given each line.
        options: as docker-py's ``api.build`` takes them.

    Raises:
        BuildFailed, BuildTooLong: as their names say.
        EnvironmentProblem: the engine does not answer.
    """
    began = time.monotonic()
    output: list[str] = []
    stream = _begin(engine, context, labels=dict(labels), tag=tag, **options)
    is_late = threading.Event()

    def end() -> None:
        is_late.set()
        _cut(stream)

    timer = threading.Timer(max(0.0, deadline - (time.monotonic() - began)), end)
    timer.daemon = True
    timer.start()
    try:
        return _follow(stream, output, listener)
    except (requests.RequestException, OSError, ValueError, AttributeError):
        # Reading from a connection that was cut fails in one of these ways.
        if is_late.is_set():
            raise BuildTooLong(f"it took longer than {deadline:.0f} s", output) from None
        raise EnvironmentProblem("The Docker engine stopped answering during a build.", "See `lab doctor`.") from None
    finally:
        timer.cancel()
        _cut(stream)


def _begin(engine: Engine, context: IO[bytes], **options: Any) -> requests.Response:
    """The engine's answer as it comes. docker-py's own generator cannot be ended from another thread."""
    api = engine.api
    wanted = {
        "t": options.pop("tag"),
        "labels": json.dumps(options.pop("labels")),
        "buildargs": json.dumps(options.pop("buildargs", {})),
        "networkmode": options.pop("network_mode", None),
        "rm": True,
        "forcerm": True,
        **options.pop("container_limits", {}),
        **options,
    }
    with told():
        response: requests.Response = api._post(  # noqa: SLF001 - see above
            api._url("/build"),  # noqa: SLF001
            data=context,
            params={name: value for name, value in wanted.items() if value is not None},
            headers={"Content-Type": "application/tar"},
            stream=True,
            timeout=None,
        )
        if response.status_code >= 400:
            words = explanation(docker.errors.APIError("", response=response, explanation=_message(response)))
            raise BuildFailed(words, [])
    return response


def _message(response: requests.Response) -> str:
    try:
        return str(response.json()["message"])
    except (ValueError, KeyError):
        return response.reason


def _follow(response: requests.Response, output: list[str], listener: Callable[[str], None]) -> str:
    image = ""
    for line in response.iter_lines(chunk_size=1):
        event = json.loads(line) if line else {}
        if "aux" in event:
            image = event["aux"].get("ID", image)
        for text in str(event.get("stream", "")).splitlines():
            if text.strip():
                output.append(text.rstrip())
                del output[:-KEPT_LINES]
                listener(text.rstrip())
        if "error" in event:
            raise BuildFailed(" ".join(str(event["error"]).split())[:300], output)
    if not image:
        # Cut off by us, perhaps: no build of a learner's ends so.
        raise ConnectionError("the engine ended the build without a word")
    return image


def _cut(response: requests.Response) -> None:
    """Shut the connection down; merely closing it would wait for the reader."""
    with contextlib.suppress(Exception):
        response.raw._fp.fp.raw._sock.shutdown(2)  # noqa: SLF001 - no public way through requests and urllib3
    with contextlib.suppress(Exception):
        response.close()
