from __future__ import annotations

from pathlib import Path

import pytest

from labrunner.catalog import assignment
from labrunner.errors import BadAssignment
from labrunner.model.assignment import Mark

WHOLE = """
title = "Week 3"
lab = "tiny"
stages = ["one", "two"]
minimum = 0.6
deadline = 2030-01-31T18:00:00+01:00
pack = "pack"
pack_digest = "sha256:{digest}"

[points]
"one/a" = 5

[thresholds]
B = 0.7
A = 0.9
"""


def _file(folder: Path, text: str) -> Path:
    path = folder / "assignment.toml"
    path.write_text(text)
    return path


def test_everything_that_it_says_is_read(tmp_path: Path) -> None:
    """Stages, points, marks from the best on, the deadline in UTC, the digest of the file."""
    found = assignment.read(_file(tmp_path, WHOLE.format(digest="0" * 64)))
    assert (found.lab, found.stages, found.points) == ("tiny", ("one", "two"), (("one/a", 5),))
    assert (found.terms.title, found.terms.minimum) == ("Week 3", 0.6)
    assert found.terms.deadline == "2030-01-31T17:00:00+00:00"
    assert found.terms.marks == (Mark("A", 0.9), Mark("B", 0.7))
    assert found.terms.digest.startswith("sha256:")


def test_the_lab_alone_is_enough(tmp_path: Path) -> None:
    """All else is as the lab has it."""
    found = assignment.read(_file(tmp_path, 'lab = "tiny"'))
    assert (found.stages, found.points, found.pack, found.terms.minimum) == ((), (), "", None)


@pytest.mark.parametrize(
    "text, says",
    [
        ("", "'lab' is missing"),
        ('lab = "../x"', "assignment.toml:1: 'lab' must be the id of a lab"),
        ('lab = "tiny"\nminimum = 60', "assignment.toml:2: 'minimum' must be a number from 0 to 1"),
        ('lab = "tiny"\nminimum = nan', "'minimum' must be a number"),
        ('lab = "tiny"\nminimum = true', "'minimum' must be a number"),
        ('lab = "tiny"\ndeadline = "tomorrow"', "'deadline' must be a date and time"),
        ('lab = "tiny"\ndeadline = 2030-01-01T00:00:00', "'deadline' must be a date and time with an offset"),
        ('lab = "tiny"\n[points]\n"one/a" = -1', "'one/a' must be a whole number"),
        ('lab = "tiny"\n[points]\n"one/a" = 1.5', "'one/a' must be a whole number"),
        ('lab = "tiny"\n[thresholds]\nA = 2', "'A' must be a number"),
        ('lab = "tiny"\nstages = "one"', "'stages' must be an array"),
        ('lab = "tiny"\npack_digest = "sha256:1"', "'pack_digest' must be sha256:"),
        (f'lab = "tiny"\npack_digest = "sha256:{"0" * 64}"', "no pack that it could be of"),
        ('lab = "tiny"\nstage = ["one"]', "unknown key 'stage'"),
        ('lab = "tiny"\nlab = "tiny"', "not valid TOML"),
        ("[" * 5000, "not valid TOML"),
    ],
)
def test_what_is_wrong_is_told_in_a_sentence(tmp_path: Path, text: str, says: str) -> None:
    """With the file and, where there is one, the line."""
    with pytest.raises(BadAssignment) as caught:
        assignment.read(_file(tmp_path, text))
    assert says in caught.value.message


def test_a_file_that_is_missing_is_told(tmp_path: Path) -> None:
    """Not a traceback."""
    with pytest.raises(BadAssignment, match="cannot be read"):
        assignment.read(tmp_path / "assignment.toml")


def _pack(folder: Path) -> Path:
    for name in ("labs", "graders", "scaffolds"):
        (folder / "pack" / name).mkdir(parents=True)
    (folder / "pack" / "labs" / "x").write_text("1")
    return folder / "pack"


def test_the_pack_lies_where_the_assignment_says(tmp_path: Path) -> None:
    """Counted from the assignment's own folder, and held against its digest."""
    folder = _pack(tmp_path)
    path = _file(tmp_path, WHOLE.format(digest=assignment.pack_digest(folder).removeprefix("sha256:")))
    assert assignment.pack_of(assignment.read(path), path) == folder


def test_another_pack_than_was_meant_is_refused(tmp_path: Path) -> None:
    """A changed grader would mark differently; the message says its digest."""
    folder = _pack(tmp_path)
    digest = assignment.pack_digest(folder)
    path = _file(tmp_path, WHOLE.format(digest=digest.removeprefix("sha256:")))
    (folder / "labs" / "x").write_text("2")
    with pytest.raises(BadAssignment, match="not the one that was meant") as caught:
        assignment.pack_of(assignment.read(path), path)
    assert assignment.pack_digest(folder) in caught.value.message


def test_a_pack_that_is_none_is_told(tmp_path: Path) -> None:
    """A folder without labs/."""
    path = _file(tmp_path, 'lab = "tiny"\npack = "nowhere"')
    with pytest.raises(BadAssignment, match="no folder 'labs'"):
        assignment.pack_of(assignment.read(path), path)
