"""`Cache-Control`, and the fields that say how long an answer is good."""

from __future__ import annotations

import re
import time
from email.utils import parsedate_to_datetime

from http_plumbing import Fields, values

DIRECTIVE = re.compile(r'\s*([\w!#$%&\'*+.^`|~-]+)(?:=("(?:[^"\\]|\\.)*"|[^\s,"]*))?\s*(?:,|$)')


def directives(fields: Fields) -> dict[str, str]:
    """Names in small letters, arguments without quotes; "" without one."""
    text, at = ",".join(values(fields, "cache-control")), 0
    found: dict[str, str] = {}
    while at < len(text):
        match = DIRECTIVE.match(text, at)
        if match is None:
            at = text.find(",", at) + 1 or len(text)
            continue
        found.setdefault(match[1].lower(), (match[2] or "").strip('"'))
        at = match.end()
    return found


def seconds(told: dict[str, str], name: str) -> int | None:
    """None when the directive is absent, 0 when it is no integer."""
    if name not in told:
        return None
    return int(told[name]) if re.fullmatch("[0-9]+", told[name]) else 0


def date_of(fields: Fields, name: str) -> float | None:
    """Seconds since 1970; None when it is absent or no date."""
    try:
        return parsedate_to_datetime(values(fields, name)[0]).timestamp()
    except (IndexError, ValueError, TypeError):
        return None


def lifetime(fields: Fields) -> int:
    """CA-11; 0 when stale at once."""
    told = directives(fields)
    for name in ("s-maxage", "max-age"):
        if (found := seconds(told, name)) is not None:
            return found
    expires = date_of(fields, "expires")
    date = date_of(fields, "date")
    return 0 if expires is None else max(0, int(expires - (time.time() if date is None else date)))


def age_at_arrival(fields: Fields, took: float) -> float:
    """CA-12."""
    date = date_of(fields, "date")
    told = values(fields, "age")
    apparent = 0.0 if date is None else max(0.0, time.time() - date)
    return max(apparent, int(told[0]) if told and told[0].isdigit() else 0)


def joined(fields: Fields, name: str) -> str | None:
    """A field's lines joined, without the blanks around commas; None when absent."""
    lines = values(fields, name)
    return ",".join(part.strip(" \t") for part in ",".join(lines).split(",")) if lines else None
