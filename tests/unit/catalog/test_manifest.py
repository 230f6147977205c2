from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from labrunner.catalog import manifest
from labrunner.errors import LabInvalid
from labrunner.model.lab import Language, Level, Visibility
from labrunner.model.load import LoadSpec

if TYPE_CHECKING:
    from pathlib import Path


def _complaint(pack: Path, tmp_path: Path, old: str, new: str) -> LabInvalid:
    """What is said of the greeter's manifest with `old` replaced once by `new`."""
    root = tmp_path / "broken"
    shutil.copytree(pack / "labs", root / "labs")
    path = root / "labs" / "greeter" / "lab.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(LabInvalid) as caught:
        manifest.read(root, "broken", "greeter")
    return caught.value


def test_a_manifest_is_read_as_it_is_written(pack: Path) -> None:
    """Names, points, needs (short ones within their stage), visibility, and where the three trees lie."""
    lab = manifest.read(pack, "pack", "greeter")
    assert (lab.id, lab.version, lab.level, lab.hours) == ("greeter", "0.1.0", Level.BEGINNER, 1)
    assert lab.languages == (Language.PYTHON,)
    assert lab.points == 10
    assert [check.id for check in lab.checks] == [
        "greet/healthy",
        "greet/says-hello",
        "greet/polite",
        "stay/odd-names",
        "stay/stops",
    ]
    assert lab.checks[1].needs == ("greet/healthy",)
    assert lab.checks[3].needs == ("greet/healthy",)
    assert [check.visibility for check in lab.checks].count(Visibility.HIDDEN) == 1
    assert lab.grader == pack / "graders" / "greeter"
    assert lab.scaffolds == pack / "scaffolds" / "greeter"


@pytest.mark.parametrize(
    "old, new, line, says",
    [
        ('id = "greeter"', 'id = "other"', 2, "the folder is called 'greeter'"),
        ('id = "greeter"', 'id = "Greeter"', 2, "must be a slug"),
        ('id = "greeter"', 'id = "../greeter"', 2, "must be a slug"),
        ('version = "0.1.0"', 'version = "1"', 3, "a version such as 1.0.0"),
        ('title = "Greeter"', 'title = " "', 4, "'title' must be"),
        ('level = "beginner"', 'level = "begginer"', 6, "'level' must be one of"),
        ("hours = 1", "hours = 0", 7, "from 1 to 1000"),
        ('["python"]', '["pyhton"]', 8, "no lab is offered in 'pyhton'"),
        ('["python"]', '["python", "other"]', 8, "no lab is offered in 'other'"),
        ('["python"]', '["python", "python"]', 8, "'python' stands there twice"),
        ('["python"]', "[]", 8, "at least 1"),
        ("baseline = 1", "baseline = 11", 9, "more than all 10 points"),
        ("baseline = 1", "baseline = -1", 9, "whole number"),
        ('ready = "/healthz"', 'ready = "healthz"', 12, "a path such as /healthz"),
        ('ready = "/healthz"', 'ready = "/a b"', 12, "a path such as /healthz"),
        ('ready = "/healthz"', 'ready = "/\\r\\nX: y"', 12, "a path such as /healthz"),
        ("ready_within_ms = 30000", "ready_within_ms = 50", 13, "from 100"),
        ('slug = "stay"', 'slug = "greet"', 46, "two stages are called 'greet'"),
        ('slug = "says-hello"', 'slug = "healthy"', 29, "two checks of the stage 'greet' are called 'healthy'"),
        ("points = 1", "points = -1", 24, "whole number from 1"),
        ("points = 1", "points = 0", 24, "whole number from 1"),
        ("points = 1", "points = nan", 24, "whole number from 1"),
        ("points = 1", "points = 1.5", 24, "whole number from 1"),
        ('needs = ["healthy"]', 'needs = ["helthy"]', 32, "there is no check 'greet/helthy'"),
        ('needs = ["healthy"]', 'needs = ["polite"]', 32, "the needs go in a circle"),
        ('hints = ["Look at /healthz.", "Answer 200."]', 'hints = ["One."]', 26, "at least 2"),
        ('rules = ["GR-1"]', "rules = []", 25, "at least 1"),
        ('visibility = "hidden"', 'visibility = "secret"', 42, "must be one of open, hidden"),
        ("points = 1", "points = 1\npoitns = 2", 25, "unknown key 'poitns'"),
        ("[service]", "[service]\nport = 80", 12, "unknown key 'port'"),
        ("[service]", '[service]\ncompanions = "redis"', 12, "'companions' must be"),
        ("[service]", '[service]\ncompanions = ["../redis"]', 12, "'../redis' is no name of a companion"),
        ("[service]", '[service]\nshared_companions = ["redis"]', 12, "'redis' is not among the companions"),
        ("[service]", '[service]\ncompanion_groups.DBS = {a = "redis"}', 11, "'redis' is not among the companions"),
        (
            "[service]",
            '[service]\ncompanions = ["redis"]\ncompanion_groups.DBS = {redis = "redis"}',
            11,
            "'redis' is no name of its own",
        ),
        ("hours = 1", "hours = 1\nhours = 2", 8, "not valid TOML"),
        ("hours = 1", "hours = " + "[" * 5000, 7, "nested too deeply"),
    ],
)
def test_every_mistake_is_told_with_file_and_line(
    pack: Path, tmp_path: Path, old: str, new: str, line: int, says: str
) -> None:
    """An author never has to search: ``labs/<id>/lab.toml:LINE:`` and what is wrong there."""
    fault = _complaint(pack, tmp_path, old, new)
    place, _, rest = fault.message.partition(": ")
    assert says in rest
    if "nested" not in says:
        assert place == f"labs/greeter/lab.toml:{line}"


def test_a_cycle_is_shown_check_by_check(pack: Path, tmp_path: Path) -> None:
    """The author sees the whole circle."""
    fault = _complaint(pack, tmp_path, 'needs = ["healthy"]', 'needs = ["polite"]')
    assert "greet/says-hello -> greet/polite -> greet/says-hello" in fault.message


def test_an_unknown_key_gets_a_suggestion(pack: Path, tmp_path: Path) -> None:
    """Most unknown keys are mistyped ones."""
    assert _complaint(pack, tmp_path, "points = 1", "points = 1\npoitns = 2").hint == "Did you mean 'points'?"


def test_a_manifest_without_stages_is_no_lab(pack: Path, tmp_path: Path) -> None:
    """A lab without a check could not fail anybody."""
    root = tmp_path / "empty"
    shutil.copytree(pack / "labs", root / "labs")
    path = root / "labs" / "greeter" / "lab.toml"
    path.write_text(path.read_text(encoding="utf-8").split("[[stages]]", maxsplit=1)[0], encoding="utf-8")
    with pytest.raises(LabInvalid, match="'stages' is missing"):
        manifest.read(root, "empty", "greeter")


def test_a_manifest_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """A folder in its place, for one."""
    (tmp_path / "labs" / "x" / "lab.toml").mkdir(parents=True)
    with pytest.raises(LabInvalid, match="cannot be read: Is a directory"):
        manifest.read(tmp_path, "p", "x")


def test_a_companion_is_built_in_or_has_a_file(pack: Path, tmp_path: Path) -> None:
    """Where there is a grader: a pack without one still lets learners start and read."""
    root = tmp_path / "pack"
    shutil.copytree(pack, root)
    path = root / "labs" / "greeter" / "lab.toml"
    named = 'companions = ["redis", "odd-origin"]'
    path.write_text(path.read_text(encoding="utf-8").replace("[service]", f"[service]\n{named}"), encoding="utf-8")
    with pytest.raises(LabInvalid, match=r"lab\.toml:12: unknown companion 'odd-origin'") as caught:
        manifest.read(root, "pack", "greeter")
    assert "graders/greeter/companions/odd_origin.py" in caught.value.hint
    (root / "graders/greeter/companions").mkdir()
    (root / "graders/greeter/companions/odd_origin.py").touch()
    assert manifest.read(root, "pack", "greeter").service.companions == ("redis", "odd-origin")
    shutil.rmtree(root / "graders")
    assert manifest.read(root, "pack", "greeter").service.companions == ("redis", "odd-origin")


LOAD = "[load]\ncapacity = 0.4\np95 = 4\nobjective_ms = 25\nrate = 0.2\nusers = 16\n\n[[stages]]"
LOAD_STAGE = ('slug = "stay"', 'slug = "load"')


def _with_load(pack: Path, tmp_path: Path, table: str, stage: tuple[str, str] = LOAD_STAGE) -> Path:
    root = tmp_path / "with-load"
    shutil.copytree(pack / "labs", root / "labs")
    path = root / "labs" / "greeter" / "lab.toml"
    text = path.read_text(encoding="utf-8").replace(*stage)
    path.write_text(text.replace("[[stages]]", table, 1), encoding="utf-8")
    return root


def test_what_load_demands_is_read(pack: Path, tmp_path: Path) -> None:
    """Ratios, an objective, a rate; the reference for languages without one is Python's unless the lab says more."""
    lab = manifest.read(_with_load(pack, tmp_path, LOAD), "p", "greeter")
    assert lab.load == LoadSpec(0.4, 4.0, 25.0, 0.2, 16, "python")
    assert lab.stages[-1].slug == "load"
    assert manifest.read(pack, "p", "greeter").load is None


@pytest.mark.parametrize(
    "table, stage, says",
    [
        (LOAD.replace("0.4", "1.5"), LOAD_STAGE, "'capacity' must be a number from 0.01 to 1"),
        (LOAD.replace("0.4", '"0.4"'), LOAD_STAGE, "'capacity' must be a number"),
        (LOAD.replace("users = 16\n", ""), LOAD_STAGE, "'users' is missing"),
        (LOAD.replace("users", "usres"), LOAD_STAGE, "unknown key 'usres'"),
        (LOAD, ("", ""), "the last stage is 'stay'"),
        ("[[stages]]", LOAD_STAGE, "there is a stage 'load', but no [load]"),
    ],
)
def test_a_wrong_load_table_is_told(pack: Path, tmp_path: Path, table: str, stage: tuple[str, str], says: str) -> None:
    """A threshold that makes no sense, or a stage that nobody would run as one of load."""
    with pytest.raises(LabInvalid) as caught:
        manifest.read(_with_load(pack, tmp_path, table, stage), "p", "greeter")
    assert says in caught.value.message
