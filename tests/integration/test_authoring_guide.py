"""docs/authoring.md is run: its lab is validated, its examples pass, and it has one for every word of a check."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import labrunner.checks
from labrunner.catalog.packs import Catalog
from labrunner.model.status import Status
from labrunner.rules.fold import fold
from labrunner.solution import manifest
from labrunner.wiring.runs import Wish, grading
from tests.command import lab

GUIDE = (Path(__file__).parents[2] / "docs" / "authoring.md").read_text(encoding="utf-8")
FILE = re.compile(r"^\*\*`([^`]+)`\*\*\n```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLE = re.compile(r"^```python\n((?:def test_|\ndef ).*?)^```$", re.MULTILINE | re.DOTALL)
PYTHON = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
VOCABULARY = GUIDE.partition("## The words of a check")[2].partition("\n## ")[0]
STAGE = """
[[stages]]
slug = "examples"
title = "Examples"
goal = "They all pass."
"""
ORACLES = ("caching", "linear", "once", "quota")
ROW = '[[stages.checks]]\nslug = "{}"\ntitle = "x"\npoints = 1\nrules = ["V-1"]\nhints = ["a", "b"]\n'


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """The guide's files, as a reader writes them."""
    folder = tmp_path / "mine"
    for name, text in FILE.findall(GUIDE):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def test_the_guides_lab_is_valid(pack: Path) -> None:
    """With the two commands that the guide gives, in the new folder."""
    assert lab("new", "--schema", cwd=pack).code == 0
    done = lab("validate", "visitors", "--runs", "1", cwd=pack)
    assert done.code == 0, done.out + done.err
    assert "visitors is valid" in done.out


def test_the_guides_examples_pass(pack: Path) -> None:
    """Each is run as a check against the guide's reference."""
    examples = "\n\n".join(EXAMPLE.findall(VOCABULARY))
    names = [node.name for node in ast.parse(examples).body if isinstance(node, ast.FunctionDef)]
    assert len(names) >= 9
    imports = f"import random\nfrom labrunner.checks import {', '.join([*labrunner.checks.__all__, *ORACLES])}\n\n"
    (pack / "graders" / "visitors" / "test_03_examples.py").write_text(imports + examples, encoding="utf-8")
    rows = "".join(ROW.format(name.removeprefix("test_").replace("_", "-")) for name in names)
    with (pack / "labs" / "visitors" / "lab.toml").open("a", encoding="utf-8") as file:
        file.write(STAGE + rows)
    found = Catalog((pack,)).lab("visitors")
    solution = manifest.read(found.grader / "references" / "python")
    asked = tuple(check.id for check in found.checks if check.id.startswith("examples/"))
    with grading(Wish(found, solution, asked, "guide", "process")) as run:
        result = fold(run.events())
    ends = {check.id: check.outcome for check in result.checks if check.id in asked}
    assert {check: end.status for check, end in ends.items()} == dict.fromkeys(asked, Status.PASSED), ends


def test_every_public_name_has_an_example() -> None:
    """The author's vocabulary is the product: a name that nobody is shown does not exist."""
    shown = "\n".join(PYTHON.findall(VOCABULARY))
    lacking = [name for name in (*labrunner.checks.__all__, *ORACLES) if not re.search(rf"\b{name}\b", shown)]
    assert not lacking, f"docs/authoring.md shows no example of {', '.join(lacking)}"


def test_every_public_word_says_what_it_is() -> None:
    """A docstring of its own."""
    words = [getattr(labrunner.checks, name) for name in labrunner.checks.__all__]
    assert all(word.__doc__ for word in words if callable(word))
