"""The reports for people in a real browser: what is seen is there, and nothing that a learner wrote runs or calls out."""

from __future__ import annotations

import http.server
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import html5lib  # type: ignore[import-untyped]
import pytest
from markdown_it import MarkdownIt

from labrunner.model.event import CheckEnded, RunEnded
from labrunner.model.outcome import Exchange, Failure, Outcome
from labrunner.model.status import Reason, Status
from labrunner.reports import html, markdown
from labrunner.rules.fold import fold
from tests.builders import check, lab, started
from tests.ci.conftest import ROOT
from tests.ci.service import HANGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from labrunner.model.result import Result

LAB = lab(check("one/a", points=3), check("one/b", points=2), check("two/c", "one/b"))


class _Canary(http.server.BaseHTTPRequestHandler):
    """Notes each request that reaches it."""

    def do_GET(self) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Not into the tests' output."""


@pytest.fixture
def canary() -> Iterator[tuple[str, list[str]]]:
    """An address that a forged page would call, and what was asked there."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Canary)
    server.asked = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", server.asked  # type: ignore[attr-defined]
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def browser() -> str:
    """A Chromium; installed if need be."""
    done = subprocess.run([ROOT / "scripts" / "browser-up"], capture_output=True, text=True, check=False, timeout=HANGS)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def shown(browser: str, tmp_path: Path) -> Callable[[bytes], str]:
    """Loads a page, lets its scripts run, and returns the document as the browser then has it."""

    def show(page: bytes) -> str:
        file = tmp_path / "page.html"
        file.write_bytes(page)
        argv = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
                "--no-proxy-server", f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=2000",
                "--dump-dom", file.as_uri()]  # fmt: skip
        done = subprocess.run(argv, capture_output=True, timeout=HANGS, check=True)
        return done.stdout.decode()

    return show


def _attacks(address: str) -> list[str]:
    return [
        f"<script>document.title='forged'; fetch('{address}/script')</script>",
        f"<img src='{address}/image' onerror=\"document.title='forged'\">",
        f"![]({address}/markdown)", f"[x](javascript:fetch('{address}/link'))", f"<style>@import '{address}/style';</style>",
        f"</pre></code></style></title><script>fetch('{address}/closed')</script>", "```", f"<iframe src='{address}/frame'>",
        f"<link rel=stylesheet href={address}/sheet>", f"<meta http-equiv=refresh content='0;url={address}/meta'>",
    ]  # fmt: skip


def _hostile(address: str) -> Result:
    text = " ".join(_attacks(address))
    exchange = Exchange("GET", "/" + text, ((text, text),), text, 0.0, 1.0, 200, ((text, text),), text)
    failure = Failure(text, text, text, (exchange,), tuple(_attacks(address)))
    rows = [CheckEnded(LAB.checks[0], Outcome(Status.PASSED))]
    rows.append(CheckEnded(LAB.checks[1], Outcome(Status.FAILED, Reason.MISMATCH, failure)))
    rows.append(CheckEnded(LAB.checks[2], Outcome(Status.BLOCKED, blocked_by=("one/b",))))
    return fold([started(LAB), *rows, RunEnded(1.0)])


def _as_page(summary: bytes) -> bytes:
    """As a service would show it, were it to take HTML in Markdown for HTML and to remove nothing."""
    body = MarkdownIt("commonmark", {"html": True}).enable("table").render(summary.decode())
    return f"<!DOCTYPE html><html><head><title>summary</title></head><body>{body}</body></html>".encode()


def _words(document: str) -> str:
    root = html5lib.parse(document, treebuilder="etree", namespaceHTMLElements=False)
    return " ".join("".join(root.find("body").itertext()).split())


def test_the_canary_hears_a_page_that_is_forged(shown: Callable[[bytes], str], canary: tuple[str, list[str]]) -> None:
    """The instrument works: unescaped, the same text runs and calls out."""
    address, asked = canary
    body = f"<!DOCTYPE html><html><head><title>t</title></head><body>{_attacks(address)[0]}{_attacks(address)[1]}</body></html>"
    document = shown(body.encode())
    assert "<title>forged</title>" in document
    assert "/script" in asked


def test_a_hostile_html_report_runs_nothing_and_calls_nobody(
    shown: Callable[[bytes], str], canary: tuple[str, list[str]]
) -> None:
    """G10, in Chromium: the title is ours, the attacks are text, no request went out."""
    address, asked = canary
    document = shown(html.render(_hostile(address)))
    assert "<title>tiny: 3 of 6 points (50%)</title>" in document
    assert "<script>document.title='forged'" in _words(document)
    assert "<script" not in document
    assert asked == []


def test_a_hostile_summary_runs_nothing_and_calls_nobody(
    shown: Callable[[bytes], str], canary: tuple[str, list[str]]
) -> None:
    """The same of the Markdown, rendered by a renderer that removes nothing."""
    address, asked = canary
    document = shown(_as_page(markdown.render(_hostile(address))))
    assert "<title>summary</title>" in document
    assert "<script>document.title='forged'" in _words(document)
    assert asked == []


@pytest.mark.parametrize(
    "render", [html.render, lambda result: _as_page(markdown.render(result))], ids=["html", "markdown"]
)
def test_people_read_what_they_need(shown: Callable[[bytes], str], render: Callable[[Result], bytes]) -> None:
    """Score, stages, checks, expected and got, the curl line, the log, how to go on: as text of the page."""
    exchange = Exchange("GET", "/x", (), "", 0.0, 1.0, 200, (), '{"ok": 1}')
    failure = Failure("429 Too Many Requests", "200 OK", "A limit is a limit.", (exchange,), ("line of the log",))
    rows = [CheckEnded(LAB.checks[0], Outcome(Status.PASSED))]
    rows.append(CheckEnded(LAB.checks[1], Outcome(Status.FAILED, Reason.MISMATCH, failure)))
    rows.append(CheckEnded(LAB.checks[2], Outcome(Status.BLOCKED, blocked_by=("one/b",))))
    words = _words(shown(render(fold([started(LAB), *rows, RunEnded(1.0)]))))
    for wanted in ("3 of 6 points (50%)", "3/5", "0/2", "429 Too Many Requests", "200 OK", "A limit is a limit.", "blocked",
                   "curl -i http://127.0.0.1:8000/x", "line of the log", "lab test one/b --seed s33d", "lab hint one/b"):  # fmt: skip
        assert wanted in words, wanted
