"""JavaScript, TypeScript and Go taken apart so far that a word in a comment or a string is never taken for code."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Kind(enum.Enum):
    """What a token is."""

    WORD = "word"
    TEXT = "text"
    """A string with a fixed value."""
    MARK = "mark"
    """Any other character, or a number."""


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a program.

    Attributes:
        value: of a text what it stands for.
    """

    kind: Kind
    value: str
    line: int


_COMMENT = r"//[^\n]*|/\*.*?(?:\*/|\Z)"
_WORD = r"[A-Za-z_$][\w$]*"
_NUMBER = r"[0-9][\w.]*"
_QUOTED = r'"(?:\\.|[^"\\\n])*"|' + r"'(?:\\.|[^'\\\n])*'"
_REGEX = r"/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\[\n])+/[a-z]*"
_TOKEN = re.compile(
    rf"(?P<skip>\s+|{_COMMENT})|(?P<word>{_WORD})|(?P<number>{_NUMBER})|(?P<quoted>{_QUOTED})", re.DOTALL
)
_PATTERN = re.compile(_REGEX)
_AFTER_VALUE = {")", "]", "}"}
_BEFORE_PATTERN = {
    "return",
    "typeof",
    "case",
    "in",
    "of",
    "delete",
    "void",
    "throw",
    "new",
    "else",
    "do",
    "await",
    "yield",
}
_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|u\{([0-9A-Fa-f]+)\}|(.))", re.DOTALL)


def tokens(text: str, *, is_go: bool = False) -> list[Token]:
    """All tokens; comments, white space and regular expressions are left out.

    Args:
        text: the program.
        is_go: back quotes hold plain text; there are no regular expressions.
    """
    return list(_Scan(text, is_go=is_go).run())


class _Scan:
    def __init__(self, text: str, *, is_go: bool) -> None:
        self._text = text
        self._is_go = is_go
        self._at = 0
        self._line = 1
        self._last: Token | None = None
        self._braces: list[int] = []

    def run(self) -> Iterator[Token]:
        while self._at < len(self._text):
            token = self._next()
            if token is not None:
                self._last = token
                yield token

    def _next(self) -> Token | None:
        if found := _TOKEN.match(self._text, self._at):
            return self._of_match(found)
        character = self._text[self._at]
        if character == "`":
            return self._back_quoted(self._at + 1)
        if character == "/" and not self._is_go and self._may_be_pattern():
            pattern = _PATTERN.match(self._text, self._at)
            if pattern:
                self._move(pattern.end())
                return Token(Kind.MARK, ")", self._line)  # as a value, for what comes after it
        return self._mark(character)

    def _of_match(self, found: re.Match[str]) -> Token | None:
        line = self._line
        self._move(found.end())
        if found["word"]:
            return Token(Kind.WORD, found["word"], line)
        if found["quoted"]:
            return Token(Kind.TEXT, _unescaped(found["quoted"][1:-1]), line)
        return Token(Kind.MARK, "0", line) if found["number"] else None

    def _mark(self, character: str) -> Token | None:
        token = Token(Kind.MARK, character, self._line)
        self._move(self._at + 1)
        if character == "{" and self._braces:
            self._braces[-1] += 1
        elif character == "}" and self._braces:
            self._braces[-1] -= 1
            if self._braces[-1] == 0:
                # The end of ${...}: the template goes on.
                self._braces.pop()
                return self._back_quoted(self._at, is_fixed=False)
        return token

    def _back_quoted(self, start: int, *, is_fixed: bool = True) -> Token:
        """Up to the closing back quote, or to ``${``, whose code is scanned as such."""
        at, line = start, self._line
        while at < len(self._text):
            if self._text[at] == "\\" and not self._is_go:
                at += 2
            elif self._text[at] == "`":
                value = self._text[start:at]
                self._move(at + 1)
                return Token(Kind.TEXT, value, line) if is_fixed else Token(Kind.MARK, ")", line)
            elif not self._is_go and self._text.startswith("${", at):
                self._braces.append(1)
                self._move(at + 2)
                return Token(Kind.MARK, "(", line)
            else:
                at += 1
        self._move(len(self._text))
        return Token(Kind.MARK, ")", line)

    def _may_be_pattern(self) -> bool:
        """Whether a slash here begins a regular expression: not after a value."""
        last = self._last
        if last is None:
            return True
        if last.kind is Kind.WORD:
            return last.value in _BEFORE_PATTERN
        return last.kind is Kind.MARK and last.value not in _AFTER_VALUE and last.value != "0"

    def _move(self, to: int) -> None:
        self._line += self._text.count("\n", self._at, to)
        self._at = to


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(_character, text)


def _character(found: re.Match[str]) -> str:
    digits = found[1] or found[2] or found[3]
    if not digits:
        return found[4]
    number = int(digits, 16)
    return chr(number) if number < 0x110000 else ""
