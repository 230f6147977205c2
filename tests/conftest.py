"""What all tests share: caches and state in temporary folders, nothing of the caller's environment, the tiny lab."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from labrunner.catalog.packs import Catalog

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labrunner.model.lab import Lab

collect_ignore = ["companion_pack", "pack", "private-suite", "solutions"]  # run by labrunner, in its own children

PACK = Path(__file__).parent / "pack"

# No timed assertions, not even Hypothesis's own: any machine can stall.
settings.register_profile(
    "labrunner",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("labrunner")

# A shell that starts the tests in the background has them ignore it, and everything that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def cache() -> Iterator[Path]:
    """One cache for the whole session, readable by an unprivileged service, as the real one is."""
    folder = Path(tempfile.mkdtemp(prefix="lab-tests-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def surroundings(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller's own settings have no say in a test."""
    for name in [*os.environ]:
        if name.startswith("LAB_") or name in {"NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "PYTEST_ADDOPTS"}:
            monkeypatch.delenv(name)
    # What containers change is tested in tests/docker; elsewhere it must not matter whether an engine answers.
    monkeypatch.setenv("LAB_RUNTIME", "process")
    monkeypatch.setenv("LAB_CACHE", str(cache))
    monkeypatch.setenv("LAB_STATE", str(tmp_path / "state"))


@pytest.fixture(scope="session")
def pack() -> Path:
    """The pack of the lab `greeter`."""
    return PACK


@pytest.fixture
def greeter(pack: Path) -> Lab:
    """A lab so small that the runner can be tested with it."""
    return Catalog((pack,)).lab("greeter")
