"""An exchange as a line that can be pasted into a shell."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labrunner.model.outcome import Exchange

BASE = "http://127.0.0.1:8000"
"""Where `lab run` serves unless told otherwise."""


def line(exchange: Exchange, base: str = BASE) -> str:
    """``curl -i ...`` for the exchange, sent to `base`."""
    words = ["curl", "-i"]
    if exchange.method != "GET":
        words += ["-I"] if exchange.method == "HEAD" else ["-X", exchange.method]
    if ".." in exchange.target:
        words.append("--path-as-is")
    for name, value in exchange.request_headers:
        # curl takes "Name;" for a field with an empty value; "Name:" would drop the field.
        words += ["-H", f"{name}: {value}" if value else f"{name};"]
    if exchange.request_body:
        words += ["--data-binary", exchange.request_body]
    return " ".join(_quote(word) for word in [*words, f"{base}{exchange.target}"])


def _quote(word: str) -> str:
    """`word` for a POSIX shell; control characters in the $'...' form, so that none reaches the terminal."""
    if word.isprintable():
        return shlex.quote(word)
    escaped = word.encode("unicode_escape").decode("ascii").replace("'", "\\'")
    return f"$'{escaped}'"
