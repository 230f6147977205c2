"""`lab run`: the service as a test would start it."""

from __future__ import annotations

import contextlib
import http.client
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from labrunner.catalog.packs import Catalog
from labrunner.errors import ExitCode
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


SERVICE = """
import http.server, os

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

http.server.HTTPServer(("", int(os.environ["PORT"])), Handler).serve_forever()
"""


def test_a_reader_that_has_seen_enough_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`lab run | head`: when nobody reads the log any more the service is stopped, and nothing complains."""
    monkeypatch.setenv("LAB_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "solution"
    folder.mkdir()
    (folder / "solution.toml").write_text('lab = "rate-limiting"\nlanguage = "python"\nrun = ["python", "main.py"]\n')
    (folder / "main.py").write_text(SERVICE)
    with contextlib.closing(Ports("127.0.0.1")) as ports:
        url = f"http://127.0.0.1:{ports.reserve()}"
        argv = [sys.executable, "-m", "labrunner", "run", "--runtime", "process", "--port", url.rpartition(":")[2]]
        with subprocess.Popen(argv, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as command:
            assert command.stdout is not None
            assert command.stderr is not None
            while not (line := command.stdout.readline()).startswith(b"Ready at "):
                assert line, command.stderr.read()
            command.stdout.close()
            # A line of its start may have ended it already.
            with contextlib.suppress(OSError, http.client.HTTPException):
                urllib.request.urlopen(url, timeout=10).close()  # a line of log
            assert command.wait(60) == ExitCode.UNREAD
            assert command.stderr.read() == b""
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(url, timeout=10)
