"""What a request may ask, and how it is refused."""

from __future__ import annotations

import base64
import binascii
import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes


class Refusal(Exception):
    """An answer that ends a request."""

    def __init__(self, status: int, title: str) -> None:
        super().__init__(title)
        self.status = status
        self.title = title


@dataclass(frozen=True)
class Condition:
    """`version` of If-Match; `absent` for If-None-Match: *."""

    version: int | None = None
    absent: bool = False


def text_of(encoded: str) -> str:
    """Percent-decoded once."""
    try:
        return unquote_to_bytes(encoded).decode()
    except UnicodeDecodeError:
        raise Refusal(400, "not UTF-8") from None


def key_of(key: object) -> str:
    """The key, if it is one."""
    try:
        is_key = (
            isinstance(key, str)
            and 1 <= len(key.encode()) <= 200
            and key not in (".", "..")
            and not any(character == "/" or unicodedata.category(character) == "Cc" for character in key)
        )
    except UnicodeEncodeError:
        is_key = False
    if not is_key:
        raise Refusal(400, "not a key")
    return str(key)


def json_of(body: bytes) -> Any:
    """The body's JSON."""

    def refuse(word: str) -> None:
        raise ValueError(word)

    try:
        return json.loads(body.decode(), parse_constant=refuse)
    except (ValueError, RecursionError):
        raise Refusal(400, "not JSON") from None


def members_of(body: bytes, *names: str) -> list[Any]:
    """These members of a JSON object."""
    asked = json_of(body)
    if not isinstance(asked, dict) or not set(names) <= asked.keys():
        raise Refusal(400, f"not an object with {', '.join(names)}")
    return [asked[name] for name in names]


def condition_of(headers: Mapping[str, str]) -> Condition:
    """What must be so before."""
    if headers.get("If-None-Match") == "*":
        return Condition(absent=True)
    match = headers.get("If-Match")
    if match is None:
        return Condition()
    return Condition(version=int(match[1:-1]) if re.fullmatch('"[0-9]{1,18}"', match) else -1)


def scan_of(query: str) -> tuple[bytes, int, str | None]:
    """Prefix, limit and the key to begin after."""
    pairs = [part.partition("=") for part in query.split("&")]
    asked = {name: unquote_to_bytes(value.replace("+", " ")) for name, _, value in pairs}
    limit = asked.get("limit", b"100")
    if not re.fullmatch(b"[0-9]{1,4}", limit) or not 1 <= int(limit) <= 1000:
        raise Refusal(400, "limit is 1 to 1000")
    after = None
    if "cursor" in asked:
        try:
            after = base64.b64decode(asked["cursor"], altchars=b"-_", validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise Refusal(400, "not a cursor") from None
        if not after.startswith("after "):
            raise Refusal(400, "not a cursor")
        after = key_of(after.removeprefix("after "))
    return asked.get("prefix", b""), int(limit), after


def cursor_after(key: str) -> str:
    """Where the next page begins."""
    return base64.b64encode(f"after {key}".encode(), altchars=b"-_").decode()
