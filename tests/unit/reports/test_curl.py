from __future__ import annotations

import dataclasses
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labrunner.reports import curl
from tests.builders import exchange


@pytest.mark.parametrize(
    "target, method, headers, body, words",
    [
        ("/x", "GET", (), "", []),
        ("/x", "POST", (), "", ["-X", "POST"]),
        ("/x", "HEAD", (), "", ["-I"]),
        ("/x", "POST", (), "@file", ["-X", "POST", "-H", "Content-Type:", "--data-raw", "@file"]),
        ("/x", "GET", (), "a", ["-X", "GET", "-H", "Content-Type:", "--data-raw", "a"]),
        ("/x", "PUT", (("content-type", "text/x"),), "a",
         ["-X", "PUT", "-H", "content-type: text/x", "--data-raw", "a"]),
        ("/x", "GET", (("X-Empty", ""), ("A", "b c")), "", ["-H", "X-Empty;", "-H", "A: b c"]),
        ("/a/../b", "GET", (), "", ["--path-as-is"]),
        ("/a/./b", "GET", (), "", ["--path-as-is"]),
        ("/a[1-3]{x}", "GET", (), "", ["--globoff"]),
    ],
)  # fmt: skip
def test_an_exchange_is_sent_again_as_it_was(
    target: str, method: str, headers: tuple[tuple[str, str], ...], body: str, words: list[str]
) -> None:
    """Curl would read files, expand brackets, tidy paths and add a type; it is told not to."""
    line = curl.line(exchange(target, method=method, headers=headers, body=body))
    assert shlex.split(line) == ["curl", "-i", *words, f"http://127.0.0.1:8000{target}"]


@given(st.text(max_size=40), st.text(max_size=40))
def test_a_line_is_one_line_of_visible_characters(target: str, body: str) -> None:
    """Whatever was sent: nothing in it reaches the terminal raw."""
    line = curl.line(exchange(f"/{target}", method="POST", body=body))
    assert line.isprintable()


def test_a_line_that_sends_another_body_says_so() -> None:
    """In a comment, so that it can still be pasted."""
    line = curl.line(dataclasses.replace(exchange("/x", method="POST", body="a"), is_verbatim=False))
    assert line.endswith("   # not the body that was sent: too long, or no text")
