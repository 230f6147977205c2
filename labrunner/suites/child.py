"""The suite's child process: ``python -I -m labrunner.suites.child SOCKET``.

Sends ``environment`` as soon as it is known (so that the service can start meanwhile), then ``collected`` or
``broken``; then forks one process for each ``run`` line, which gets the descriptor of a socket of its own.
"""

from __future__ import annotations

import contextlib
import gc
import importlib.util
import os
import random
import socket
import sys
import threading
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
    heavy = threading.Thread(target=_import_heavy)
    heavy.start()
    line = next(channel.lines(), None)
    if line is None:
        os._exit(0)  # no run came of it
    order: dict[str, Any] = wire.decode(line, dict)
    try:
        _settle(order["work"])
        sys.path.insert(0, order["grader"])
        channel.send({"environment": _environment(Path(order["grader"]), order["seed"])})
        if order["checks"]:
            # Forks must find no other thread.
            heavy.join()
            _serve(channel, order)
    except Exception:  # noqa: BLE001 - whatever is wrong with the grader, its author is told
        channel.send({"broken": traceback.format_exc()})
    if not order["checks"]:
        os._exit(0)


def _import_heavy() -> None:
    """What costs a quarter of a second, while the runner finds out what is to be served."""
    # httpx's own command line would load rich and click for another 40 ms; it is made to look absent.
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
    with contextlib.suppress(Exception):  # told when it is imported again
        import labrunner.suites.forkserver  # noqa: F401, PLC0415


def _settle(work: str) -> None:
    """Whatever a check writes goes to the run's own folder."""
    os.chdir(work)
    os.environ |= {"HOME": work, "TMPDIR": work}


def _environment(grader: Path, seed: str) -> dict[str, str]:
    """What the grader's ``environment.py`` chooses for the run's shared service."""
    path = grader / "environment.py"
    if not path.is_file():
        return {}
    spec = importlib.util.spec_from_file_location("environment", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules["environment"] = module
    spec.loader.exec_module(module)
    chosen = module.environment(random.Random(f"{seed}/environment"))
    return {str(key): str(value) for key, value in chosen.items()}


def _serve(channel: Channel, order: dict[str, Any]) -> None:
    import pytest  # noqa: PLC0415

    from labrunner.suites.forkserver import ForkServer  # noqa: PLC0415

    grader = order["grader"]
    # Named one by one: a walk over the folder would visit every mutant's.
    files = sorted(str(path) for path in Path(grader).glob("test_*.py"))
    configuration = Path(order["work"]) / "pytest.ini"
    configuration.write_text(CONFIGURATION, encoding="utf-8")
    without = [word for plugin in _UNUSED for word in ("-p", f"no:{plugin}")]
    isolation = ["-c", str(configuration), f"--rootdir={grader}", f"--confcutdir={grader}", "--import-mode=importlib",
                 "--assert=plain", "--capture=no", *without, *files]  # fmt: skip
    server = ForkServer(channel, order["seed"])
    code = pytest.main(isolation, plugins=[server])
    if not server.served:
        channel.send({"broken": server.complaint or f"pytest ended with code {int(code)} before it collected a check"})


if __name__ == "__main__":
    main()
