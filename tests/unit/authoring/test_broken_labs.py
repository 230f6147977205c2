"""Labs that are wrong in one way each, seen without running a solution: the right sentence, with place and fix."""

from __future__ import annotations

import json
import shutil
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import jsonschema
import pytest

from labrunner.authoring.new import NewLab, write, write_schema
from labrunner.authoring.trees import defined
from labrunner.authoring.validate import validate
from labrunner.authoring.wanted import Mode, Wanted
from labrunner.catalog import manifest, schema
from labrunner.catalog.packs import Catalog
from labrunner.errors import UsageError
from labrunner.model.lab import Language
from labrunner.model.validation import LabReport

if TYPE_CHECKING:
    from collections.abc import Callable

    from labrunner.model.effort import Effort
    from labrunner.model.result import Result
    from labrunner.model.solution import Solution

    Change = Callable[[Path], object]

ROOT = Path(__file__).parents[3]
MUTANT = "graders/tiny/mutants/first-forgets-the-greeting"
WANTED = Wanted(Mode.QUICK, "process", runs=1, jobs=1, seed="s", commit="c", mutants=0, only=("nothing/at-all",))


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """What `lab new` writes, in two languages."""
    write(NewLab("tiny", "Tiny", ("first",), (Language.PYTHON, Language.GO), with_load=False), tmp_path / "pack")
    return tmp_path / "pack"


def _nobody(solution: Solution, seed: str, asked: tuple[str, ...], effort: Effort) -> Result:
    raise AssertionError("nothing is to be graded")


def _told(pack: Path, *, only: tuple[str, ...] = WANTED.only) -> str:
    lab = manifest.read(pack, "pack", "tiny")
    held = tuple({each.id: None for each in defined(lab)})
    wanted = Wanted(Mode.QUICK, "process", runs=1, jobs=1, seed="s", commit="c", mutants=0, only=only)
    (report,) = validate(lab, held, _nobody, wanted, {})
    assert isinstance(report, LabReport)
    return "\n".join(f"{problem.text} >> {problem.next}" for section in report.sections for problem in section.problems)


def _write(name: str, text: str = "x") -> Change:
    def change(pack: Path) -> None:
        path = pack / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    return change


def _edit(name: str, old: str, new: str) -> Change:
    def change(pack: Path) -> None:
        text = (pack / name).read_text()
        assert old in text
        (pack / name).write_text(text.replace(old, new, 1))

    return change


def _remove(name: str) -> Change:
    return lambda pack: shutil.rmtree(pack / name) if (pack / name).is_dir() else (pack / name).unlink()


SECOND = '"""More."""\n\n\ndef test_answers(client):\n    """Again."""\n'
BROKEN: dict[str, tuple[Change, str]] = {
    "litter beside lab.toml": (_write("labs/tiny/notes.txt"), "labs/tiny/notes.txt: an unexpected file. >> Remove it"),
    "litter in the grader": (_write("graders/tiny/notes.txt"), "graders/tiny/notes.txt: an unexpected file."),
    "an unknown folder": (_write("graders/tiny/old/test_01_first.py"), "graders/tiny/old: an unexpected file."),
    "a scaffold too many": (_write("scaffolds/tiny/rust/main.rs"), "scaffolds/tiny/rust: an unexpected file."),
    "a reference in no language": (_write("graders/tiny/references/rust/x"), "references/rust: an unexpected file."),
    "a file of checks without number": (_write("graders/tiny/test_first.py"), "checks stand in test_NN_<stage>.py"),
    "checks of no stage": (_write("graders/tiny/test_02_more.py"), "test_02_more.py: lab.toml has no stage 'more'."),
    "an unsafe name": (_write("graders/tiny/mutants/Bad_Name/mutant.toml"), "mutants/Bad_Name: not a safe name"),
    "a file among the mutants": (_write("graders/tiny/mutants/a.py"), "mutants/a.py: not a safe name"),
    "no schema named": (_edit("labs/tiny/lab.toml", "#:schema ../lab.schema.json\n", ""), "lab.toml:1: the first line"),
    "an old schema": (_write("labs/lab.schema.json", "{}"), "is not the one of this version. >> Type `lab new --schema"),
    "no schema": (_remove("labs/lab.schema.json"), "labs/lab.schema.json is missing."),
    "no reference": (_remove("graders/tiny/references/go"), "graders/tiny/references/go is missing"),
    "no scaffold": (_remove("scaffolds/tiny/go"), "scaffolds/tiny/go is missing, but lab.toml offers the lab in go."),
    "no solution.toml": (_remove("graders/tiny/references/go/solution.toml"), "references/go/solution.toml is missing."),
    "a check without an entry": (
        _edit("graders/tiny/test_01_first.py", "def test_answers", "def test_more(client):\n    pass\n\n\ndef test_answers"),
        "graders/tiny/test_01_first.py:10: labs/tiny/lab.toml does not name the check 'first/more'.",
    ),
    "an entry without a check": (
        _edit("graders/tiny/test_01_first.py", "def test_answers", "def answers"),
        "labs/tiny/lab.toml:24: there is no check 'first/answers' in graders/tiny. >> Write def test_answers(...)",
    ),
    "a check twice": (
        _write("graders/tiny/test_02_first.py", SECOND),
        "graders/tiny/test_02_first.py:4: the check 'first/answers' stands twice, also in graders/tiny/test_01_first.py:10.",
    ),
    "a mutant that changes nothing": (_remove(f"{MUTANT}/answer_first.py"), "the mutant changes no file of python."),
    "a stale overlay": (
        lambda pack: (pack / MUTANT / "answer_first.py").rename(pack / MUTANT / "old_name.py"),
        "old_name.py replaces nothing in references/python. >> The overlay is stale",
    ),
    "an overlay of what is the same": (
        lambda pack: shutil.copy(pack / "graders/tiny/references/python/main.py", pack / MUTANT),
        "main.py is the same as in references/python.",
    ),
    "a mutant among the correct": (
        _write("graders/tiny/references/go/mutant.toml"),
        "references/go/mutant.toml: a mutant among the correct. >> Move the folder to mutants/.",
    ),
    "a mutant of nothing": (_edit(f"{MUTANT}/mutant.toml", "/python", "/pyhton"), ":3: there is no folder"),
    "a mutant that breaks what is not there": (
        _edit(f"{MUTANT}/mutant.toml", "first/answers", "first/anwers"),
        f"{MUTANT}/mutant.toml:4: there is no check 'first/anwers'.",
    ),
    "a mutant that breaks nothing": (_edit(f"{MUTANT}/mutant.toml", '"first/answers"', ""), "at least 1"),
    "a mutant without a sentence": (_edit(f"{MUTANT}/mutant.toml", "about", "abuot"), "unknown key 'abuot'"),
    "a malformed mutant": (_write(f"{MUTANT}/mutant.toml", "about ="), "mutant.toml:1: not valid TOML"),
    "a mutant.toml that is missing": (_remove(f"{MUTANT}/mutant.toml"), "mutant.toml cannot be read"),
    "a rule that nothing proves": (
        _edit("labs/tiny/README.md", "### T-1", "### T-9: More\n\nMore.\n\n### T-1"),
        "labs/tiny/README.md:13: no check names the rule T-9, and",
    ),
    "a rule that is not written": (
        _edit("labs/tiny/lab.toml", 'rules = ["T-1"]', 'rules = ["T-1", "T-7"]'),
        "labs/tiny/lab.toml:24: first/answers cites the rule T-7, which labs/tiny/README.md does not have as a heading.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("change, says", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_lab_is_refused_with_the_right_sentence(pack: Path, change: Change, says: str) -> None:
    """Where it is, what is wrong, and what would be right."""
    change(pack)
    told = _told(pack)
    assert says in told
    assert all(line.partition(" >> ")[2] for line in told.splitlines())


def test_what_lab_new_writes_is_in_order(pack: Path) -> None:
    """Nothing to mend, before a solution is run."""
    assert _told(pack) == ""


def test_a_check_that_no_mutant_fails_is_named(pack: Path) -> None:
    """With the folder to write."""
    shutil.rmtree(pack / "graders/tiny/mutants")
    lab = manifest.read(pack, "pack", "tiny")
    wanted = Wanted(Mode.QUICK, "process", runs=1, jobs=1, seed="s", commit="c", mutants=0)
    for language in ("python", "go"):
        shutil.rmtree(pack / "graders/tiny/references" / language)
        shutil.rmtree(pack / "scaffolds/tiny" / language)
    (report,) = validate(lab, ("first/answers",), _nobody, wanted, {})
    assert isinstance(report, LabReport)
    (mutants,) = [section for section in report.sections if section.name == "mutants"]
    assert (
        mutants.problems[0].text
        == "labs/tiny/lab.toml:24: first/answers: no mutant fails it, so nothing proves that it can fail."
    )


def test_a_new_lab_takes_no_place_that_is_taken(pack: Path) -> None:
    """Nothing of an author's is ever overwritten."""
    with pytest.raises(UsageError, match="already there"):
        write(NewLab("tiny", "Tiny", ("first",), (Language.PYTHON,)), pack)
    assert (pack / "graders/tiny/references/go").is_dir()


@pytest.mark.parametrize("lab", Catalog().names())
def test_every_manifest_fits_the_schema(lab: str) -> None:
    """What the strict reader takes, an editor does not underline."""
    found = Catalog().lab(lab)
    jsonschema.Draft7Validator(schema.schema()).validate(tomllib.loads(found.manifest.read_text()))


def test_the_schema_refuses_what_editors_can_see() -> None:
    """Points, slugs, hints, unknown keys; an extension has fewer keys."""
    validator = jsonschema.Draft7Validator(schema.schema())
    text = (ROOT / "tests/pack/labs/greeter/lab.toml").read_text()
    for old, new in (
        ("points = 1", "points = -1"),
        ('slug = "greet"', 'slug = "Greet!"'),
        ('hints = ["Look at /healthz.", "Answer 200."]', 'hints = ["one"]'),
        ("points = 1", "points = 1\npoitns = 2"),
        ('level = "beginner"', 'level = "easy"'),
    ):
        assert old in text
        assert not validator.is_valid(tomllib.loads(text.replace(old, new, 1))), new
    private = (ROOT / "tests/private-suite/labs/greeter/lab.toml").read_text()
    validator.validate(tomllib.loads(private))
    assert not validator.is_valid(tomllib.loads(private + "\n[service]\nready = '/'\n"))


def test_the_schemas_in_the_repository_are_this_versions() -> None:
    """`lab new --schema` writes them."""
    for folder in ("labs", "tests/pack/labs", "tests/private-suite/labs"):
        assert (ROOT / folder / schema.FILE).read_text() == schema.text()


def test_a_schema_is_written_into_a_pack(tmp_path: Path) -> None:
    """As JSON."""
    assert json.loads(write_schema(tmp_path).read_text())["title"] == "lab.toml"
