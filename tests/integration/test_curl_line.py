"""The line that a learner pastes, given to a real shell and to a real curl."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labrunner.reports import curl
from tests.builders import exchange

# What an exchange's text can hold: no lone surrogates (it was decoded), no NUL (no argument of any program can).
_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)


@given(_text, _text, _text.filter(bool))
@settings(max_examples=60)
def test_a_shell_reads_the_same_words(target: str, value: str, body: str) -> None:
    """Whatever was sent, quotes, controls, other scripts: bash gives curl exactly that, in any locale."""
    sent = exchange(f"/{target}", method="POST", headers=(("X-A", value),), body=body)
    words = curl.line(sent).removeprefix("curl ")
    for locale in ("C.UTF-8", "C"):
        done = subprocess.run(["bash", "-c", f"printf '%s\\0' {words}"], capture_output=True, env={"LC_ALL": locale},
                              timeout=60, check=True)  # fmt: skip
        got = done.stdout.decode().split("\0")[:-1]
        assert got[-1] == f"http://127.0.0.1:8000/{target}"
        assert got[-2] == body
        assert (f"X-A: {value}" if value else "X-A;") in got


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
@pytest.mark.parametrize(
    "target, method, headers, body",
    [
        ("/a/../b?x=[1-3]&y={a,b}&q=%20", "GET", (), ""),
        ("/x", "POST", (("X-Empty", ""), ("X-A", "it's; me")), '@file {"a": 1}\n'),
        ("/x", "PUT", (("Content-Type", "application/json"),), '{"é": "✓"}'),
        ("/x", "GET", (), "a body"),
        ("/x", "DELETE", (), ""),
    ],
)
def test_curl_sends_the_same_request(target: str, method: str, headers: tuple[tuple[str, str], ...], body: str) -> None:
    """Method, target, fields and body arrive as they did when the check sent them."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        received: list[bytes] = []

        def answer() -> None:
            client, _ = server.accept()
            with client:
                data = client.recv(1 << 16)
                while not data.endswith(body.encode()) or b"\r\n\r\n" not in data:
                    data += client.recv(1 << 16)
                received.append(data)
                client.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        line = curl.line(exchange(target, method=method, headers=headers, body=body),
                         f"http://127.0.0.1:{server.getsockname()[1]}")  # fmt: skip
        done = subprocess.run(
            ["bash", "-c", f"{line} --silent --noproxy '*'"], capture_output=True, timeout=60, check=True
        )
        thread.join(30)
    assert done.stdout.startswith(b"HTTP/1.1 204")
    head, _, got = received[0].partition(b"\r\n\r\n")
    request, *fields = head.decode().split("\r\n")
    assert request == f"{method} {target} HTTP/1.1"
    assert got == body.encode()
    for name, value in headers:
        assert f"{name}: {value}".rstrip() in [field.rstrip() for field in fields]
    if not any(name == "Content-Type" for name, _ in headers):
        assert not re.search(rb"(?i)content-type", head)
