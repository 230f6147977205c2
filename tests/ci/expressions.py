"""The expressions of workflows, as far as ours go: contexts, literals, ``==``, ``!=``, ``&&``, ``||``, ``!``, a few functions.

After docs.github.com, "Evaluate expressions in workflows and actions". What is not known here fails the test.
"""

from __future__ import annotations

import json
import re
from typing import Any

_TOKENS = re.compile(r"\s*('(?:[^']|'')*'|\|\||&&|==|!=|!|\(|\)|,|[\w.*-]+)")


def filled(text: str, contexts: dict[str, Any]) -> Any:
    """`text` with each ``${{ }}`` replaced; the value itself when it is nothing but one."""
    whole = re.fullmatch(r"\s*\$\{\{(.*?)\}\}\s*", text, re.DOTALL)
    if whole and "${{" not in whole[1]:
        return evaluated(whole[1], contexts)
    return re.sub(r"\$\{\{(.*?)\}\}", lambda found: _text(evaluated(found[1], contexts)), text, flags=re.DOTALL)


def evaluated(expression: str, contexts: dict[str, Any]) -> Any:
    """The value of `expression`."""
    parser = _Parser([found[1] for found in _TOKENS.finditer(expression)], contexts)
    assert "".join(parser.rest) == re.sub(r"\s+(?=(?:[^']*'[^']*')*[^']*$)", "", expression), expression
    value = parser.either()
    assert not parser.rest, expression
    return value


def _text(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


class _Parser:
    def __init__(self, tokens: list[str], contexts: dict[str, Any]) -> None:
        self.rest = tokens
        self._contexts = contexts

    def either(self) -> Any:
        value = self._both()
        while self._take("||"):
            other = self._both()
            value = value or other
        return value

    def _both(self) -> Any:
        value = self._equal()
        while self._take("&&"):
            other = self._equal()
            value = value and other
        return value

    def _equal(self) -> Any:
        value = self._one()
        if self._take("=="):
            return _text(value) == _text(self._one())
        if self._take("!="):
            return _text(value) != _text(self._one())
        return value

    def _one(self) -> Any:
        token = self.rest.pop(0)
        if token == "!":
            return not self._one()
        if token == "(":
            value = self.either()
            assert self._take(")")
            return value
        if token.startswith("'"):
            return token[1:-1].replace("''", "'")
        if self._take("("):
            return self._call(token)
        return self._look_up(token)

    def _call(self, name: str) -> Any:
        arguments = []
        while not self._take(")"):
            arguments.append(self.either())
            self._take(",")
        match name:
            case "cancelled":
                return False
            case "always":
                return True
            case "format":
                return arguments[0].format(*map(_text, arguments[1:]))
            case "fromJson":
                return json.loads(arguments[0])
            case "join":
                return arguments[1].join(arguments[0])
            case _:
                raise AssertionError(f"the function {name} is not known here")

    def _look_up(self, path: str) -> Any:
        value: Any = self._contexts
        for index, name in enumerate(path.split(".")):
            assert index or name in self._contexts, f"the context {name} is not known here"
            if name == "*":
                value = list(value.values())
            elif isinstance(value, list):
                value = [item.get(name) for item in value]
            else:
                value = value.get(name) if isinstance(value, dict) else None
        return value

    def _take(self, token: str) -> bool:
        if self.rest and self.rest[0] == token:
            self.rest.pop(0)
            return True
        return False
