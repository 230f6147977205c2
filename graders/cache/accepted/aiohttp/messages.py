"""Requests and answers, and what their fields say."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import cached_property

Fields = list[tuple[str, str]]
PART = re.compile(r'(?:[^",]|"(?:[^"\\]|\\.)*")+')
STORABLE = {200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501}
ONE_HOP = {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}


class Message:
    """Something with fields."""

    fields: Fields

    def lines(self, name: str) -> list[str]:
        """Every line of a field."""
        return [value for each, value in self.fields if each.lower() == name]

    def list(self, name: str) -> str | None:
        """Its lines as one list without blanks; None when there are none."""
        found = self.lines(name)
        return ",".join(part.strip() for line in found for part in line.split(",")) if found else None

    def date(self, name: str) -> float | None:
        """Seconds since 1970, if it is a date."""
        try:
            return parsedate_to_datetime(self.lines(name)[0]).timestamp()
        except (IndexError, ValueError, TypeError):
            return None

    def without(self, *names: str) -> Fields:
        """The other fields."""
        return [(name, value) for name, value in self.fields if name.lower() not in names]

    def end_to_end(self) -> Fields:
        """CA-2."""
        named = {name.strip().lower() for line in self.lines("connection") for name in line.split(",")}
        return self.without(*ONE_HOP, *named)

    @cached_property
    def control(self) -> dict[str, str]:
        """Cache-Control: names in small letters, arguments without quotes."""
        found: dict[str, str] = {}
        for part in PART.findall(",".join(self.lines("cache-control"))):
            name, _, argument = part.partition("=")
            found.setdefault(name.strip().lower(), argument.strip().strip('"'))
        return found

    def seconds(self, name: str) -> int | None:
        """A directive's argument; 0 when it is no number, None without the directive."""
        argument = self.control.get(name)
        return None if argument is None else int(argument) if re.fullmatch("[0-9]+", argument) else 0


@dataclass
class Asked(Message):
    """A request; `target` as it came."""

    method: str
    target: str
    fields: Fields
    body: bytes = b""

    @cached_property
    def identity(self) -> tuple[object, ...]:
        """Equal for requests that are equal in all that an answer may depend on."""
        return self.target, *sorted((name.lower(), value) for name, value in self.fields)


@dataclass
class Answer(Message):
    """An answer."""

    status: int
    fields: Fields = field(default_factory=list)
    body: bytes = b""
    reason: str = ""

    def marked(self, status: str, *more: tuple[str, str]) -> Answer:
        """With what the cache did."""
        return Answer(self.status, [*self.fields, *more, ("Cache-Status", f"lab; {status}")], self.body, self.reason)

    @cached_property
    def lifetime(self) -> float:
        """CA-11."""
        for name in ("s-maxage", "max-age"):
            if (told := self.seconds(name)) is not None:
                return told
        expires = self.date("expires")
        return 0 if expires is None else max(0.0, expires - (self.date("date") or time.time()))

    @cached_property
    def has_validator(self) -> bool:
        """Whether one can ask if it changed."""
        return bool(self.lines("etag") or self.lines("last-modified"))

    def may_be_stored(self, asked: Asked) -> bool:
        """CA-8, CA-9; here what is stale at once must have a validator."""
        control = self.control
        if asked.method != "GET" or asked.lines("range") or self.status not in STORABLE:
            return False
        if {"no-store", "private"} & control.keys() or "no-store" in asked.control:
            return False
        if "*" in (self.list("vary") or ""):
            return False
        if asked.lines("authorization") and not {"public", "s-maxage", "must-revalidate"} & control.keys():
            return False
        return self.has_validator or self.lifetime > 0


def problem(status: int, title: str) -> Answer:
    """An error of our own."""
    body = json.dumps({"title": title, "status": status}).encode()
    return Answer(status, [("Content-Type", "application/problem+json")], body)
