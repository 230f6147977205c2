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
    if exchange.method != "GET" or exchange.request_body:
        words += ["-I"] if exchange.method == "HEAD" else ["-X", exchange.method]
    if "/." in exchange.target:
        words.append("--path-as-is")
    if set("[]{}") & set(exchange.target):
        words.append("--globoff")
    for name, value in exchange.request_headers:
        # curl takes "Name;" for a field with an empty value; "Name:" would drop the field.
        words += ["-H", f"{name}: {value}" if value else f"{name};"]
    if exchange.request_body:
        # Left alone, curl would say that it is a form; and of --data and --data-binary a leading @ names a file.
        if not any(name.lower() == "content-type" for name, _ in exchange.request_headers):
            words += ["-H", "Content-Type:"]
        words += ["--data-raw", exchange.request_body]
    line = " ".join(_quote(word) for word in [*words, f"{base}{exchange.target}"])
    return line if exchange.is_verbatim else f"{line}   # not the body that was sent: too long, or no text"


def _quote(word: str) -> str:
    """`word` for bash and zsh; control characters in the $'...' form, so that none reaches the terminal."""
    if word.isprintable():
        return shlex.quote(word)
    return f"$'{''.join(map(_escape, word))}'"


def _escape(character: str) -> str:
    if character in "\\'":
        return f"\\{character}"
    if character.isprintable():
        return character
    # Bytes, not \\u....: what that means depends on the shell's locale. Octal ends after three digits, \\x does not in zsh.
    return "".join(f"\\{byte:03o}" for byte in character.encode("utf-8", "backslashreplace"))
