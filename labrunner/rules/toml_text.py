"""Strict reading of TOML: every complaint names file and line, and says what would be right.

`tomllib` gives values without positions, and schema libraries cost more start-up time than `lab list` may take; so
the position of a key is found again by a scan of the text, only when there is something to complain about.
"""

from __future__ import annotations

import datetime as dt
import enum
import re
import tomllib
from typing import TYPE_CHECKING, Any, TypeVar

from labrunner.errors import near

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labrunner.errors import LabError

SIZE_LIMIT = 256 * 1024
"""Bytes; no honest file of ours comes near it."""

# Patterns for complaints only, so they are not compiled before there is one.
_HEADER = r"^\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$"
_KEY = r"""^\s*(?:"([^"]*)"|'([^']*)'|([A-Za-z0-9_-]+))\s*="""
_PLACE = r"\(at line (\d+), column \d+\)"

Path = tuple[str | int, ...]
Choice = TypeVar("Choice", bound=enum.StrEnum)


class Document:
    """One TOML text.

    Args:
        data: the bytes as read.
        name: how the file is called in messages.
        error: the error class to raise (`BadSolutionFile`, `LabInvalid`, ...).

    Raises:
        LabError: of the class `error`, when the text is no TOML.
    """

    def __init__(self, data: bytes, name: str, error: type[LabError]) -> None:
        self.name = name
        self.error = error
        if len(data) > SIZE_LIMIT:
            raise error(f"{name} is {len(data):,} bytes long; at most {SIZE_LIMIT:,} are read.", "Shorten it.")
        try:
            self.text = data.decode("utf-8")
        except UnicodeDecodeError as fault:
            line = data[: fault.start].count(b"\n") + 1
            raise error(f"{name}:{line}: this is not UTF-8 text.", "Save the file as UTF-8.") from None
        try:
            self.root = Table(self, tomllib.loads(self.text), ())
        except (tomllib.TOMLDecodeError, ValueError, RecursionError) as fault:
            raise error(*self._not_toml(fault)) from None

    def _not_toml(self, fault: Exception) -> tuple[str, str]:
        what = "nested too deeply" if isinstance(fault, RecursionError) else str(fault)
        place = re.search(_PLACE, what)
        line = int(place[1]) if place else self.text.count("\n") + 1
        what = re.sub(r"\s*\(at [^)]*\)", "", what)
        return f"{self.name}:{line}: not valid TOML: {what[:1].lower()}{what[1:]}.", "Correct that line."

    def complain(self, path: Path, what: str, hint: str) -> LabError:
        """The error to raise about the value at `path`."""
        return self.error(f"{self.name}:{self.line(path)}: {what}", hint)

    def line(self, path: Path) -> int:
        """The line on which the value at `path`, or the nearest thing around it, is written."""
        places = dict(_places(self.text))
        while path:
            if path in places:
                return places[path]
            path = path[:-1]
        return 1


def _places(text: str) -> Iterator[tuple[Path, int]]:
    """Where each table and key of `text` stands; the first place of a path is yielded last, so that it wins."""
    found: list[tuple[Path, int]] = []
    counts: dict[Path, int] = {}
    here: Path = ()
    for number, line in enumerate(text.split("\n"), start=1):
        if header := re.match(_HEADER, line):
            here = _descend(counts, _split(header[2]), is_array=header[1] == "[[")
            found.append((here, number))
        elif key := re.match(_KEY, line):
            name = next(part for part in key.groups() if part is not None)
            found.append(((*here, name), number))
    yield from reversed(found)


def _split(dotted: str) -> list[str]:
    return [part.strip().strip("\"'") for part in re.findall(r""""[^"]*"|'[^']*'|[^.]+""", dotted)]


def _descend(counts: dict[Path, int], names: list[str], *, is_array: bool) -> Path:
    """The full path of a header: names of arrays of tables are followed by the index of their newest element."""
    path: Path = ()
    for position, name in enumerate(names):
        path = (*path, name)
        if is_array and position == len(names) - 1:
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path


class Table:
    """A TOML table, read key by key; `done` refuses what nobody asked for."""

    def __init__(self, document: Document, values: dict[str, Any], path: Path) -> None:
        self._document = document
        self._values = values
        self._path = path
        self._asked: set[str] = set()

    def complain(self, key: str, what: str, hint: str = "") -> LabError:
        """The error to raise about the value of `key`."""
        return self._document.complain((*self._path, key) if key else self._path, what, hint)

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def keys(self) -> tuple[str, ...]:
        """All keys present, which thereby count as asked for."""
        self._asked.update(self._values)
        return tuple(self._values)

    def text(self, key: str, default: str | None = None, *, pattern: str = r"(?s).*\S.*", form: str = "text") -> str:
        """A string that fits `pattern`; `form` says in words what that is."""
        value = self._value(key, default)
        if not isinstance(value, str) or (value is not default and not re.fullmatch(pattern, value)):
            raise self.complain(key, f"'{key}' must be {form}, not {_show(value)}.", f'Write {key} = "...".')
        return value

    def integer(self, key: str, low: int, high: int) -> int:
        """A whole number in ``low..high``."""
        value = self._value(key, None)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            what = f"'{key}' must be a whole number from {low} to {high}, not {_show(value)}."
            raise self.complain(key, what, f"Write {key} = {low}, or more.")
        return value

    def number(self, key: str, low: float, high: float) -> float:
        """A number in ``low..high``; NaN is none."""
        value = self._value(key, None)
        if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
            what = f"'{key}' must be a number from {low:g} to {high:g}, not {_show(value)}."
            raise self.complain(key, what, f"Write {key} = {low:g}, or more.")
        return float(value)

    def moment(self, key: str) -> dt.datetime:
        """A date and time with its offset from UTC."""
        value = self._value(key, None)
        if not isinstance(value, dt.datetime) or value.tzinfo is None:
            hint = f"Write {key} = 2030-01-31T18:00:00+01:00, without quotes."
            raise self.complain(key, f"'{key}' must be a date and time with an offset, not {_show(value)}.", hint)
        return value

    def texts(self, key: str, *, least: int = 0, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """An array of at least `least` strings, none of them empty."""
        value = self._value(key, default)
        if default is not None and value is default:
            return default
        fits = isinstance(value, list) and all(isinstance(item, str) and item.strip() for item in value)
        if not fits or len(value) < least:
            amount = f"at least {least} " if least else ""
            what = f"'{key}' must be an array of {amount}non-empty strings, not {_show(value)}."
            raise self.complain(key, what, f'Write {key} = ["...", "..."].')
        return tuple(value)

    def choice(self, key: str, choices: type[Choice], default: Choice | None = None) -> Choice:
        """A string that is one of an enum's values."""
        value = self._value(key, default)
        known = [choice.value for choice in choices]
        if value not in known:
            similar = near(value, known) if isinstance(value, str) else []
            hint = f"Did you mean '{similar[0]}'?" if similar else ""
            raise self.complain(key, f"'{key}' must be one of {', '.join(known)}, not {_show(value)}.", hint)
        return choices(value)

    def table(self, key: str) -> Table:
        """A table."""
        value = self._value(key, None)
        if not isinstance(value, dict):
            raise self.complain(key, f"'{key}' must be a table, not {_show(value)}.", f"Write it below [{key}].")
        return Table(self._document, value, (*self._path, key))

    def tables(self, key: str) -> list[Table]:
        """A non-empty array of tables."""
        value = self._value(key, None)
        if not isinstance(value, list) or not value or not all(isinstance(item, dict) for item in value):
            what = f"'{key}' must be one or more [[{key}]] tables, not {_show(value)}."
            raise self.complain(key, what, f"Begin each with a line [[{key}]].")
        return [Table(self._document, item, (*self._path, key, index)) for index, item in enumerate(value)]

    def done(self) -> None:
        """Refuse keys that no one asked for."""
        for key in self._values:
            if key not in self._asked:
                similar = near(key, self._asked)
                hint = f"Did you mean '{similar[0]}'?" if similar else f"Known here: {', '.join(sorted(self._asked))}."
                raise self.complain(key, f"unknown key '{key}'.", hint)

    def _value(self, key: str, default: Any) -> Any:
        self._asked.add(key)
        if key in self._values:
            return self._values[key]
        if default is None:
            # A key that nobody knows may be this one, mistyped.
            mistyped = near(key, (known for known in self._values if known not in self._asked))
            if mistyped:
                raise self.complain(mistyped[0], f"unknown key '{mistyped[0]}'.", f"Did you mean '{key}'?")
            raise self.complain("", f"'{key}' is missing.", f"Add a line: {key} = ...")
        return default


def _show(value: object) -> str:
    try:
        shown = repr(value)
    except ValueError:  # a hexadecimal one: Python reads it, and writes none of more than 4,300 decimal digits
        return "a number of thousands of digits"
    return shown if len(shown) <= 60 else f"{shown[:57]}..."
