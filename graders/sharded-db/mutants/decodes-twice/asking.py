"""What a request may ask, and how it is refused."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

from http_plumbing import Request

LONGEST_KEY = 200
MOST_KEYS = 500
MOST_ITEMS = 1000
NEVER = 0
"""A version that no record has."""
SHARD_ID = re.compile(r"[a-z0-9-]{1,32}")


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


def key_of(encoded: str) -> str:
    """The key in a path, decoded once."""
    try:
        return checked(unquote_to_bytes(unquote_to_bytes(encoded)).decode())
    except UnicodeDecodeError:
        raise Refusal(400, "the key is not UTF-8") from None


def checked(key: object) -> str:
    """The key, if it is one."""
    if not isinstance(key, str):
        raise Refusal(400, "a key is a string")
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        raise Refusal(400, "the key is not UTF-8") from None
    if not 1 <= size <= LONGEST_KEY or key in {".", ".."}:
        raise Refusal(400, "a key has 1 to 200 bytes, and is neither . nor ..")
    if "/" in key or any(ord(character) < 0x20 or 0x7F <= ord(character) < 0xA0 for character in key):
        raise Refusal(400, "a key has no / and no control character")
    return key


def json_of(body: bytes) -> Any:
    """The body's JSON."""
    try:
        return json.loads(body.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise Refusal(400, "the body is not JSON") from None


def _refuse(word: str) -> None:
    raise ValueError(word)


def keys_of(body: bytes) -> list[str]:
    """The different keys of a batch."""
    asked = json_of(body)
    keys = asked.get("keys") if isinstance(asked, dict) else None
    if not isinstance(keys, list) or not 1 <= len(keys) <= MOST_KEYS:
        raise Refusal(400, "keys is a list of 1 to 500 keys")
    return list(dict.fromkeys(checked(key) for key in keys))


def transfer_of(body: bytes) -> tuple[str, str, int]:
    """From, to and amount of a transfer."""
    asked = json_of(body)
    if not isinstance(asked, dict) or not {"from", "to", "amount"} <= set(asked):
        raise Refusal(400, "a transfer has from, to and amount")
    source, target, amount = checked(asked["from"]), checked(asked["to"]), asked["amount"]
    if isinstance(amount, bool) or not isinstance(amount, int) or amount < 1 or source == target:
        raise Refusal(400, "an amount is a whole number from 1, and the keys differ")
    return source, target, amount


def shard_of(body: bytes) -> tuple[str, str]:
    """Id and place of a shard that is to join."""
    asked = json_of(body)
    name, dsn = (asked.get("id"), asked.get("dsn")) if isinstance(asked, dict) else (None, None)
    if not isinstance(name, str) or not SHARD_ID.fullmatch(name) or not isinstance(dsn, str):
        raise Refusal(400, "a shard has an id of a-z, 0-9 and -, and a dsn")
    return name, dsn


def prefix_of(request: Request) -> bytes:
    """The bytes that keys begin with."""
    return request.query.get("prefix", [""])[0].encode(errors="surrogateescape")


def condition_of(request: Request) -> Condition:
    """What must be so before the request is carried out."""
    match, none_match = request.fields("If-Match"), request.fields("If-None-Match")
    if none_match == ["*"]:
        return Condition(absent=True)
    if match:
        tag = match[0].strip('"')
        return Condition(version=int(tag) if tag.isascii() and tag.isdigit() else NEVER)
    return Condition()


def limit_of(request: Request) -> int:
    """How many items a page has at most."""
    text = request.query.get("limit", ["100"])[0]
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= MOST_ITEMS):
        raise Refusal(400, "limit is a whole number from 1 to 1000")
    return int(text)


def after_of(request: Request) -> str | None:
    """The last key of the page before; None for the first page."""
    cursors = request.query.get("cursor")
    if cursors is None:
        return None
    try:
        text = base64.b64decode(cursors[0].encode(), altchars=b"-_", validate=True).decode()
        if text[:3] != "k1:":
            raise Refusal(400, "the cursor is not one of ours")
        return checked(text[3:])
    except (UnicodeError, binascii.Error):
        raise Refusal(400, "the cursor is not one of ours") from None


def cursor_after(key: str) -> str:
    """Where the next page begins."""
    return base64.b64encode(f"k1:{key}".encode(), altchars=b"-_").decode()
