"""The first words of a grader's process: ``python -I -B boot.py SOCKET FOLDER...``.

It is spawned as it is, from wherever the runner was called, and sees to the rest itself: that it stands nowhere near the
learner's folder, holds nothing open that was open around the runner, and finds what the runner found.
"""

from __future__ import annotations

import contextlib
import os
import sys


def _leave(end: int) -> None:
    """Stand where there is nothing to import, and close what was inherited but for the socket."""
    os.chdir("/")
    for descriptor in map(int, os.listdir("/dev/fd")):  # noqa: PTH208 - pathlib would cost 4 ms
        if descriptor > 2 and descriptor != end:
            with contextlib.suppress(OSError):  # the listing's own
                os.close(descriptor)


def _find(folders: list[str]) -> None:
    """Look where the runner was found, too: after the standard library, before what everybody has."""
    at = next((number for number, path in enumerate(sys.path) if path.endswith("-packages")), len(sys.path))
    sys.path[at:at] = [folder for folder in folders if folder not in sys.path]


if __name__ == "__main__":
    _leave(int(sys.argv[1]))
    _find(sys.argv[2:])
    from labrunner.suites.child import main

    main()
