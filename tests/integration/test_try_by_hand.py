"""`lab run`: the service as a test would start it."""

from __future__ import annotations

import contextlib
import shutil
import urllib.request
from pathlib import Path

import pytest

from labrunner.catalog.packs import Catalog
from labrunner.runtimes.process.ports import Ports
from labrunner.solution import manifest
from labrunner.wiring.runs import running

POLICIES = '{"basic": {"algorithm": "fixed-window", "limit": 2, "window_ms": 60000}}'


def test_a_variable_of_the_lab_may_be_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The README's examples can be tried: the service gets the POLICIES that its author sets."""
    monkeypatch.setenv("LAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("POLICIES", POLICIES)
    lab = Catalog().lab("rate-limiting")
    shutil.copytree(lab.grader / "references" / "python", tmp_path / "solution")
    solution = manifest.read(tmp_path / "solution")
    with (
        contextlib.closing(Ports("127.0.0.1")) as ports,
        running(lab, solution, "any", "process", ports.reserve(), lambda line: None) as session,
    ):
        request = urllib.request.Request(f"{session.url}/resource/basic", headers={"X-Client-Id": "ann"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 200
    assert session.environment["POLICIES"] == POLICIES
