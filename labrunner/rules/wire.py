"""Dataclasses to JSON and back, strictly: what is stored, and what crosses from a child process."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

Value = TypeVar("Value")


def encode(value: Any) -> bytes:
    """`value`, a dataclass or a plain structure of them, as one line of JSON. NaN and infinity become null."""
    return msgspec.json.encode(value)


def pretty(value: Any) -> bytes:
    """`encode` for human eyes, ending in a newline."""
    return msgspec.json.format(encode(value), indent=2) + b"\n"


def decode(data: bytes, kind: type[Value]) -> Value:
    """The dataclass `kind` in `data`.

    Raises:
        ValueError: it is no JSON, or not of that form; the message says where.
    """
    return msgspec.json.decode(data, type=kind)


def schema(kind: type[Any]) -> dict[str, Any]:
    """JSON Schema (2020-12) of the dataclass `kind`."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(kind)}
