"""``Cache-Control`` as a list of directives (RFC 9111, 5.2)."""

from __future__ import annotations

import re

_DIRECTIVE = re.compile(r'\s*([!#$%&\'*+.^_`|~0-9A-Za-z-]+)(?:=("(?:[^"\\]|\\.)*"|[^\s,"]*))?\s*(?:,|$)')
_SECONDS = re.compile(r"[0-9]+")


class Directives:
    """The directives of one message; names in any case, arguments without their quotes."""

    def __init__(self, value: str) -> None:
        self._arguments: dict[str, str | None] = {}
        at = 0
        while at < len(value):
            found = _DIRECTIVE.match(value, at)
            if found is None:  # an empty member, or what is no directive: up to the next comma
                comma = value.find(",", at)
                at = len(value) if comma < 0 else comma + 1
                continue
            argument = found[2]
            if argument is not None and argument.startswith('"'):
                argument = re.sub(r"\\(.)", r"\1", argument[1:-1])
            self._arguments.setdefault(found[1].lower(), argument)
            at = found.end()

    def __contains__(self, name: str) -> bool:
        return name in self._arguments

    def seconds(self, name: str) -> int | None:
        """The argument in seconds; None when the directive is absent, and 0 when it is no integer (RFC 9111, 4.2.1)."""
        if name not in self._arguments:
            return None
        argument = self._arguments[name] or ""
        return int(argument) if _SECONDS.fullmatch(argument) else 0
