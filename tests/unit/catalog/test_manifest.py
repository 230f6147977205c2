from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from labrunner.catalog import manifest
from labrunner.errors import LabInvalid
from labrunner.model.lab import Language, Level, Visibility

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
        ('id = "greeter"', 'id = "other"', 1, "the folder is called 'greeter'"),
        ('id = "greeter"', 'id = "Greeter"', 1, "must be a slug"),
        ('id = "greeter"', 'id = "../greeter"', 1, "must be a slug"),
        ('version = "0.1.0"', 'version = "1"', 2, "a version such as 1.0.0"),
        ('title = "Greeter"', 'title = " "', 3, "'title' must be"),
        ('level = "beginner"', 'level = "begginer"', 5, "'level' must be one of"),
        ("hours = 1", "hours = 0", 6, "from 1 to 1000"),
        ('["python"]', '["pyhton"]', 7, "unknown language 'pyhton'"),
        ('["python"]', "[]", 7, "at least 1"),
        ("baseline = 1", "baseline = 11", 8, "more than all 10 points"),
        ("baseline = 1", "baseline = -1", 8, "whole number"),
        ('ready = "/healthz"', 'ready = "healthz"', 11, "a path such as /healthz"),
        ('ready = "/healthz"', 'ready = "/a b"', 11, "a path such as /healthz"),
        ('ready = "/healthz"', 'ready = "/\\r\\nX: y"', 11, "a path such as /healthz"),
        ("ready_within_ms = 5000", "ready_within_ms = 50", 12, "from 100"),
        ('slug = "stay"', 'slug = "greet"', 45, "two stages are called 'greet'"),
        ('slug = "says-hello"', 'slug = "healthy"', 28, "two checks of the stage 'greet' are called 'healthy'"),
        ("points = 1", "points = -1", 23, "whole number from 1"),
        ("points = 1", "points = 0", 23, "whole number from 1"),
        ("points = 1", "points = nan", 23, "whole number from 1"),
        ("points = 1", "points = 1.5", 23, "whole number from 1"),
        ('needs = ["healthy"]', 'needs = ["helthy"]', 31, "there is no check 'greet/helthy'"),
        ('needs = ["healthy"]', 'needs = ["polite"]', 31, "the needs go in a circle"),
        ('hints = ["Look at /healthz.", "Answer 200."]', 'hints = ["One."]', 25, "at least 2"),
        ('rules = ["GR-1"]', "rules = []", 24, "at least 1"),
        ('visibility = "hidden"', 'visibility = "secret"', 41, "must be one of open, hidden"),
        ("points = 1", "points = 1\npoitns = 2", 24, "unknown key 'poitns'"),
        ("[service]", "[service]\nport = 80", 11, "unknown key 'port'"),
        ("[service]", '[service]\ncompanions = "redis"', 11, "'companions' must be"),
        ("[service]", '[service]\ncompanions = ["../redis"]', 11, "'../redis' is no name of a companion"),
        ("[service]", '[service]\nshared_companions = ["redis"]', 11, "'redis' is not among the companions"),
        ("hours = 1", "hours = 1\nhours = 2", 7, "not valid TOML"),
        ("hours = 1", "hours = " + "[" * 5000, 6, "nested too deeply"),
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
    with pytest.raises(LabInvalid, match=r"lab\.toml:11: unknown companion 'odd-origin'") as caught:
        manifest.read(root, "pack", "greeter")
    assert "graders/greeter/companions/odd_origin.py" in caught.value.hint
    (root / "graders/greeter/companions").mkdir()
    (root / "graders/greeter/companions/odd_origin.py").touch()
    assert manifest.read(root, "pack", "greeter").service.companions == ("redis", "odd-origin")
    shutil.rmtree(root / "graders")
    assert manifest.read(root, "pack", "greeter").service.companions == ("redis", "odd-origin")
