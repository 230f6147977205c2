from __future__ import annotations

import enum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labrunner.errors import LabError, LabInvalid
from labrunner.rules.toml_text import SIZE_LIMIT, Document, Table


class Colour(enum.StrEnum):
    RED = "red"
    BLUE = "blue"


def _read(table: Table) -> None:
    """Asks for one key of every kind."""
    table.text("name", pattern="[a-z]+", form="a word")
    table.integer("count", 1, 9)
    table.texts("words", least=1)
    table.choice("colour", Colour)
    table.table("inner").done()
    for row in table.tables("rows"):
        row.integer("n", 0, 9)
        row.done()
    table.done()


GOOD = """\
name = "word"
count = 3
words = ["a"]
colour = "red"
[inner]
[[rows]]
n = 1
[[rows]]
n = 2
"""


def _complaint(text: str | bytes) -> LabError:
    data = text.encode() if isinstance(text, str) else text
    with pytest.raises(LabInvalid) as caught:
        _read(Document(data, "file.toml", LabInvalid).root)
    return caught.value


def test_what_is_right_is_read_without_complaint() -> None:
    """The file that the others are broken versions of."""
    _read(Document(GOOD.encode(), "file.toml", LabInvalid).root)


@pytest.mark.parametrize(
    "old, new, line, says",
    [
        ('"word"', '"Word"', 1, "'name' must be a word"),
        ('"word"', "7", 1, "'name' must be a word"),
        ("count = 3", "count = 0", 2, "whole number from 1 to 9"),
        ("count = 3", "count = -1", 2, "whole number"),
        ("count = 3", "count = nan", 2, "whole number"),
        ("count = 3", "count = inf", 2, "whole number"),
        ("count = 3", "count = 3.0", 2, "whole number"),
        ("count = 3", "count = true", 2, "whole number"),
        ('["a"]', "[]", 3, "at least 1 non-empty strings"),
        ('["a"]', '[" "]', 3, "non-empty strings"),
        ('["a"]', "[1]", 3, "non-empty strings"),
        ('["a"]', '"a"', 3, "must be an array"),
        ('"red"', '"rde"', 4, "must be one of red, blue"),
        ('"red"', "[]", 4, "must be one of red, blue"),
        ("[inner]", "inner = 3", 5, "must be a table"),
        ("[inner]", "[inner]\nodd = 1", 6, "unknown key 'odd'"),
        ("n = 2", "n = 77", 9, "whole number from 0 to 9"),
        ("n = 2", "m = 2", 8, "'n' is missing"),
        ("n = 2", "n = 2\nextra = 1", 10, "unknown key 'extra'"),
        ('name = "word"\n', "", 1, "'name' is missing"),
        ("count = 3", "count = 3\ncount = 4", 3, "not valid TOML"),
        ("count = 3", "count =", 2, "not valid TOML"),
        ("count = 3", "count = 2024-13-45", 2, "not valid TOML"),
        ("count = 3", 'count = "\0"', 2, "not valid TOML"),
    ],
)
def test_every_complaint_names_file_and_line(old: str, new: str, line: int, says: str) -> None:
    """An author is told where, what is wrong there, and what would be right."""
    fault = _complaint(GOOD.replace(old, new, 1))
    assert fault.message.startswith(f"file.toml:{line}: ")
    assert says in fault.message


@pytest.mark.parametrize(
    "old, new, hint", [('"red"', '"rde"', "Did you mean 'red'?"), ("count = 3", "cuont = 3\ncount = 3", "'count'?")]
)
def test_near_misses_get_a_suggestion(old: str, new: str, hint: str) -> None:
    """A mistyped value or key."""
    assert hint in _complaint(GOOD.replace(old, new, 1)).hint


def test_an_empty_array_of_tables_is_refused() -> None:
    """There must be at least one row."""
    assert "[[rows]]" in _complaint(GOOD.split("[inner]", maxsplit=1)[0] + "rows = []\n[inner]\n").message


@pytest.mark.parametrize(
    "data, says",
    [
        (b"a = 1\nb = '\xff'\n", "file.toml:2: this is not UTF-8"),
        (b"#" * (SIZE_LIMIT + 1), "at most 262,144 are read"),
        (b"a = " + b"[" * 100_000, "nested too deeply"),
        (b"a = " + b"9" * 5_000, "not valid TOML"),
        (b"name = 0x" + b"f" * 4_000, "not a number of thousands of digits"),
        (b"name = 'x'\ncount = 3\nwords = ['a']\ncolour = 0x" + b"f" * 4_000, "not a number of thousands of digits"),
        (b"\xef\xbb\xbfa = 1", "not valid TOML"),
    ],
    ids=["not-utf-8", "too-long", "too-deep", "huge-number", "huge-hexadecimal", "huge-choice", "byte-order-mark"],
)
def test_hostile_files_are_refused_in_one_sentence(data: bytes, says: str) -> None:
    """None of them crashes the reader."""
    assert says in _complaint(data).message


def test_lines_are_counted_as_editors_count_them() -> None:
    """Line separators that TOML allows in a comment do not shift the place."""
    fault = _complaint(f"# \u2028 \u0085\r\n{GOOD}".replace("count = 3", "count = 0"))
    assert fault.message.startswith("file.toml:3: ")


def _complained_of(data: bytes) -> str:
    """The file that a complaint names; nothing when there is no complaint. Any other error goes on."""
    try:
        _read(Document(data, "file.toml", LabInvalid).root)
    except LabInvalid as fault:
        return fault.message.partition(":")[0]
    return ""


@given(st.binary(max_size=200))
def test_arbitrary_bytes_raise_nothing_but_the_given_error(data: bytes) -> None:
    """Each is either read, or refused as what the caller said."""
    assert _complained_of(data) in {"", "file.toml"}


_SCALARS = st.one_of(
    st.integers(), st.floats(), st.booleans(), st.text(max_size=8), st.just([]), st.just({}), st.just([{}])
)
_LINES = st.lists(
    st.tuples(st.sampled_from(["name", "count", "words", "colour", "inner", "rows", "x", "a.b", '"q"']), _SCALARS),
    max_size=8,
)


@given(_LINES)
def test_well_formed_files_of_the_wrong_shape_raise_nothing_but_the_given_error(rows: list[tuple[str, object]]) -> None:
    """Any value where another is wanted; keys twice; dotted and quoted keys."""
    text = "\n".join(f"{key} = {_toml(value)}" for key, value in rows)
    assert _complained_of(text.encode("utf-8", "surrogatepass")) in {"", "file.toml"}


def _toml(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return f'"{value}"'
        case [dict()]:
            return "[{}]"
        case _:
            return repr(value)
