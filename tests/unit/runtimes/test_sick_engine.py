"""A Docker engine that answers a ping and little else: one sentence with a next step, from whoever asked."""

from __future__ import annotations

import contextlib
import http.server
import socketserver
import threading
from typing import TYPE_CHECKING

import pytest

from labrunner.errors import EnvironmentProblem
from labrunner.model.lab import Language
from labrunner.runtimes.docker import bootstrap, images, leftovers, recipes
from labrunner.runtimes.docker.address import Address
from labrunner.runtimes.docker.engine import Engine
from labrunner.wiring import doctor
from labrunner.wiring.images import listing
from labrunner.wiring.runtimes import without_docker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class _Sick(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Well only when it is pinged; it holds no image of Debian."""
        self._answer(200 if self.path == "/_ping" else 404 if "debian" in self.path else 500)

    def do_POST(self) -> None:
        """A pull is cut off."""
        self.close_connection = True

    def _answer(self, status: int) -> None:
        body = b'{"message": "No such image"}'
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return "a socket"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Nothing."""


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Of that engine, which is the one that `docker` would use."""
    with _Server(str(tmp_path / "s"), _Sick) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/s")
        yield f"unix://{tmp_path}/s"
        server.shutdown()


def test_who_asks_for_images_is_told(url: str) -> None:
    """`lab images list`, and whoever needs some: E4 with a next step, never a fault of labrunner's own."""
    for ask in (listing, lambda: recipes.missing(url, [recipes.RECIPES["base"]]), lambda: doctor._images(url)):
        with pytest.raises(EnvironmentProblem, match="it says 500") as caught:
            ask()
        assert caught.value.hint


def test_who_cleans_up_takes_no_answer_for_nothing_there(url: str) -> None:
    """`lab doctor` does not say that all is clean."""
    with pytest.raises(EnvironmentProblem, match="answers 500"):
        leftovers.find(Address(url, "this test"))


def test_auto_goes_on_without_it(url: str) -> None:
    """The reason why not is the same sentence."""
    fault = without_docker(Language.PYTHON)
    assert fault is not None
    assert "it says 500" in fault.message
    assert fault.hint


def test_an_engine_that_is_gone_in_the_middle_of_it(tmp_path: Path) -> None:
    """Nobody behind the socket any more."""
    with pytest.raises(EnvironmentProblem) as caught:
        recipes.missing(f"unix://{tmp_path}/nowhere", [recipes.RECIPES["base"]])
    assert caught.value.hint


def test_a_pull_that_is_cut_off_is_a_failed_pull(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Debian cannot be made here either, both are said."""
    monkeypatch.setattr(bootstrap, "is_possible", lambda: False)
    with contextlib.closing(Engine(Address(url, "this test"))) as engine:
        with pytest.raises(EnvironmentProblem, match=r"can neither be pulled .* nor made here") as caught:
            images._debian(engine, False, lambda line: None)
        assert "the engine stopped answering" in caught.value.message
