"""The suite's child process: ``python -I -m labrunner.suites.child SOCKET``.

Sends ``environment`` as soon as it is known (so that the service can start meanwhile), then ``collected`` or
``broken``; then forks one process for each ``run`` line, which gets the descriptor of a socket of its own.
"""

from __future__ import annotations

import gc
import importlib.util
import random
import socket
import sys
import traceback
from pathlib import Path
from typing import Any

from labrunner.rules import wire
from labrunner.suites.channel import Channel

_UNUSED = (
    "cacheprovider", "debugging", "doctest", "faulthandler", "junitxml", "legacypath", "locust", "logging", "pastebin",
    "recwarn", "setuponly", "setupplan", "stepwise", "terminal", "threadexception", "unittest", "unraisableexception",
)  # fmt: skip
"""Plugins of pytest that would write, print or only cost time. (Locust registers one when it is installed.)"""
CONFIGURATION = "[pytest]\nxfail_strict = true\n"


def main() -> None:
    """Serve one run."""
    # Short-lived and full of imports: collecting garbage would cost a tenth of the start, and copy pages in each fork.
    gc.disable()
    channel = Channel(socket.socket(fileno=int(sys.argv[1])))
    order: dict[str, Any] = wire.decode(next(channel.lines()), dict)
    try:
        sys.path.insert(0, order["grader"])
        channel.send(_environments(Path(order["grader"]), order["seed"]))
        if order["checks"]:
            _serve(channel, order)
    except Exception:  # noqa: BLE001 - whatever is wrong with the grader, its author is told
        channel.send({"broken": traceback.format_exc()})


def _environments(grader: Path, seed: str) -> dict[str, dict[str, str]]:
    """What the grader's ``environment.py`` chooses for the run's shared service, and for both services under load."""
    path = grader / "environment.py"
    if not path.is_file():
        return {"environment": {}, "load_environment": {}}
    spec = importlib.util.spec_from_file_location("environment", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules["environment"] = module
    spec.loader.exec_module(module)
    chosen = {"environment": module.environment(random.Random(f"{seed}/environment")), "load_environment": {}}
    if hasattr(module, "load_environment"):
        chosen["load_environment"] = module.load_environment(random.Random(f"{seed}/load-environment"))
    return {kind: {str(key): str(value) for key, value in table.items()} for kind, table in chosen.items()}


def _serve(channel: Channel, order: dict[str, Any]) -> None:
    # Imported late: `lab run` wants the environment only, and pytest costs a tenth of a second.
    # httpx's own command line would load rich and click for another 40 ms; it is made to look absent.
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
    import pytest  # noqa: PLC0415

    from labrunner.suites.forkserver import ForkServer  # noqa: PLC0415

    grader = order["grader"]
    configuration = Path(order["work"]) / "pytest.ini"
    configuration.write_text(CONFIGURATION, encoding="utf-8")
    without = [word for plugin in _UNUSED for word in ("-p", f"no:{plugin}")]
    isolation = ["-c", str(configuration), f"--rootdir={grader}", f"--confcutdir={grader}", "--import-mode=importlib",
                 "--assert=plain", "--capture=no", *without, grader]  # fmt: skip
    server = ForkServer(channel, order["seed"])
    code = pytest.main(isolation, plugins=[server])
    if not server.served:
        channel.send({"broken": server.complaint or f"pytest ended with code {int(code)} before it collected a check"})


if __name__ == "__main__":
    main()
