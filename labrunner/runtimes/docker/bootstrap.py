"""Debian without an image registry: made on this machine with mmdebstrap, from the packages' own mirrors."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from labrunner.errors import EnvironmentProblem
from labrunner.rules.text import printable
from labrunner.runtimes.docker import recipes
from labrunner.runtimes.docker.engine import told

if TYPE_CHECKING:
    from collections.abc import Callable

    from labrunner.runtimes.docker.engine import Engine

REPOSITORY = "labrunner/debian"
TAG = f"{REPOSITORY}:{recipes.DEBIAN}"
SECONDS = 600.0


def is_possible() -> bool:
    """Whether this machine has what it takes."""
    return shutil.which("mmdebstrap") is not None and os.geteuid() == 0


def make(engine: Engine, listener: Callable[[str], None]) -> str:
    """The name of an image of a small Debian; made if it is not there.

    Raises:
        EnvironmentProblem: mmdebstrap is missing, or fails.
    """
    if engine.image_id(TAG) is not None:
        return TAG
    if not is_possible():
        raise EnvironmentProblem(
            "--bootstrap takes root and the program mmdebstrap.", "On Debian as root: apt-get install mmdebstrap."
        )
    listener(f"making Debian {recipes.DEBIAN} with mmdebstrap (about 20 s)")
    with tempfile.TemporaryDirectory(prefix="lab-debian-") as scratch:
        tar = Path(scratch) / "debian.tar"
        argv = ["mmdebstrap", "--variant=minbase", "--include=ca-certificates", recipes.DEBIAN, str(tar)]
        try:
            done = subprocess.run(argv, capture_output=True, text=True, timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired:
            raise EnvironmentProblem(f"mmdebstrap took longer than {SECONDS:.0f} s.", "Is the network there?") from None
        if done.returncode:
            errors = [line for line in done.stderr.splitlines() if line.startswith("E:")] or ["no reason given"]
            raise EnvironmentProblem(f"mmdebstrap failed: {printable(errors[0][:200])}.", "Is the network there?")
        with told():
            engine.api.import_image_from_file(str(tar), repository=REPOSITORY, tag=recipes.DEBIAN)
    return TAG
