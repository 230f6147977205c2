"""The suite's child process: ``python -I -m labrunner.suites.child SOCKET``.

Sends ``environment`` as soon as it is known (so that the service can start meanwhile), then ``collected`` or
``broken``; then forks one process for each ``run`` line, which gets the descriptor of a socket of its own. A child that
is *kept* serves many runs instead: each gets a fork of it, which then says and does the same with a seed of its own.
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
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labrunner.rules import wire
from labrunner.suites.blame import told
from labrunner.suites.channel import Channel

if TYPE_CHECKING:
    from collections.abc import Callable

    Choose = Callable[[str], dict[str, dict[str, str]]]

_NOISY = ("cacheprovider", "junitxml", "locust", "pastebin", "stepwise")
_UNUSED = (
    "debugging", "doctest", "faulthandler", "legacypath", "logging", "recwarn", "setuponly", "setupplan", "terminal",
    "threadexception", "unittest", "unraisableexception",
)  # fmt: skip
"""Plugins of pytest that would write, print or only cost time. (Locust registers one when it is installed.)"""
CONFIGURATION = "[pytest]\nxfail_strict = true\n"


def main() -> None:
    """Serve one run, or many."""
    # Short-lived and full of imports: collecting garbage would cost a tenth of the start, and copy pages in each fork.
    gc.disable()
    channel = Channel(socket.socket(fileno=int(sys.argv[1])))
    heavy = threading.Thread(target=_import_heavy)
    heavy.start()
    line = next(channel.lines(), None)
    if line is None:
        os._exit(0)  # no run came of it
    order: dict[str, Any] = wire.decode(line, dict)
    folders = [Path(folder) for folder in order["graders"]]
    try:
        _settle(order["work"])
        # The base lab's words win over those of a pack that extends it.
        sys.path[:0] = order["graders"]
        choose = _chooser(folders)
        if not order["kept"]:
            channel.send(choose(order["seed"]))
        if order["checks"]:
            heavy.join()  # forks must find no other thread
            _serve(channel, order, choose)
    except (Exception, SystemExit) as fault:  # noqa: BLE001 - whatever is wrong with the grader, its author is told
        channel.send({"broken": told(fault, folders)})
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


def _chooser(folders: list[Path]) -> Choose:
    """What the graders' ``environment.py`` choose from a seed, for the run's shared service and for both under load."""
    modules = [
        _load(folder / "environment.py", f"environment{number or ''}")
        for number, folder in enumerate(folders)
        if (folder / "environment.py").is_file()
    ]

    def choose(seed: str) -> dict[str, dict[str, str]]:
        chosen: dict[str, dict[str, str]] = {"environment": {}, "load_environment": {}}
        for number, module in enumerate(modules):
            for kind, variables in chosen.items():
                # The first must be there, the second only in a lab with a load stage.
                choice = module.environment if kind == "environment" else getattr(module, kind, None)
                if choice is not None:
                    of_one = choice(random.Random(f"{seed}/{kind}{number or ''}"))
                    variables.update({str(key): str(value) for key, value in of_one.items()})
        return chosen

    return choose


def _load(path: Path, name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _serve(channel: Channel, order: dict[str, Any], choose: Choose) -> None:
    import pytest  # noqa: PLC0415

    from labrunner.suites.foreground import Foreground  # noqa: PLC0415
    from labrunner.suites.forkserver import ForkServer, stage_of  # noqa: PLC0415

    graders = order["graders"]
    # Named one by one: a walk over a folder would visit every mutant's.
    files = [path for folder in graders for path in sorted(Path(folder).glob("test_*.py"))]
    if order["stages"] is not None:
        files = [path for path in files if stage_of(path) in order["stages"]]
    configuration = Path(order["work"]) / "pytest.ini"
    configuration.write_text(CONFIGURATION, encoding="utf-8")
    is_foreground = order["foreground"] is not None
    shown = ["-vv", *order["foreground"]] if is_foreground else ["--assert=plain", "--capture=no"]
    without = [word for plugin in (*_NOISY, *(() if is_foreground else _UNUSED)) for word in ("-p", f"no:{plugin}")]
    isolation = ["-c", str(configuration), f"--rootdir={graders[0]}", f"--confcutdir={graders[0]}",
                 "--import-mode=importlib", *shown, *without, *_shared_words(graders), *map(str, files)]  # fmt: skip
    kind = Foreground if is_foreground else ForkServer
    server = kind(channel, order["seed"], graders, choose if order["kept"] else None)
    code = pytest.main(isolation, plugins=[server])
    if not server.served:
        channel.send({"broken": server.complaint or f"pytest ended with code {int(code)} before it collected a check"})


def _shared_words(graders: list[str]) -> list[str]:
    """A pack that extends a lab may use the fixtures of the lab's own conftest.py."""
    return ["-p", "conftest"] if len(graders) > 1 and Path(graders[0], "conftest.py").is_file() else []


if __name__ == "__main__":
    main()
