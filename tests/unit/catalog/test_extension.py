"""Packs beside the core: one that adds checks to another's lab, one that is installed, one without graders."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from labrunner.catalog.folders import packs
from labrunner.catalog.outline import outlines
from labrunner.catalog.packs import Catalog
from labrunner.errors import LabInvalid, UsageError
from labrunner.wiring.runs import refuse_without_grader

PRIVATE = Path(__file__).parents[2] / "private-suite"


def _private(tmp_path: Path, old: str, new: str) -> Path:
    root = tmp_path / "private"
    shutil.copytree(PRIVATE, root)
    path = root / "labs" / "greeter" / "lab.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return root


def test_a_pack_adds_checks_to_anothers_lab(pack: Path) -> None:
    """To its stages, and stages of its own; everything else is the public lab's."""
    catalog = Catalog((pack, PRIVATE))
    public, private = catalog.lab("pack:greeter"), catalog.lab("private-suite:greeter")
    added = [check.id for check in private.checks if check.is_added]
    assert added == ["greet/keeps-case", "again/twice"]
    assert [check.id for check in private.checks if not check.is_added] == [check.id for check in public.checks]
    assert private.points == public.points + 4
    assert [stage.slug for stage in private.stages] == ["greet", "stay", "again"]
    assert private.stages[0].title == public.stages[0].title
    assert (private.readme, private.scaffolds, private.baseline) == (public.readme, public.scaffolds, public.baseline)
    assert private.graders == (public.grader, PRIVATE / "graders" / "greeter")
    assert private.name == "private-suite:greeter"


def test_two_packs_with_one_id_are_told_apart(pack: Path) -> None:
    """By ``pack:id``; the bare id says which there are."""
    with pytest.raises(UsageError) as caught:
        Catalog((pack, PRIVATE)).lab("greeter")
    assert caught.value.hint == "Say pack:greeter or private-suite:greeter."


def test_a_list_shows_what_is_extended(pack: Path) -> None:
    """With all its points."""
    (private,) = [each for each in outlines((pack, PRIVATE)) if each.name == "private-suite:greeter"]
    assert sum(private.points.values()) == 14
    assert private.level == "beginner"


def test_a_list_shows_it_also_before_the_lab_that_it_extends(pack: Path) -> None:
    """In whichever order the packs are named."""
    both = outlines((pack, PRIVATE))
    assert sorted(outlines((PRIVATE, pack))) == sorted(both)
    assert [each.name for each in outlines((PRIVATE, pack))][-2:] == ["private-suite:greeter", "pack:greeter"]


def test_labs_that_extend_each_other_are_refused(tmp_path: Path) -> None:
    """In one sentence, for what each lacks is a lab that stands alone."""
    one, two = tmp_path / "one", tmp_path / "two"
    for root, other in ((one, "two"), (two, "one")):
        shutil.copytree(PRIVATE, root)
        path = root / "labs" / "greeter" / "lab.toml"
        path.write_text(path.read_text().replace('"pack:greeter"', f'"{other}:greeter"'))
    with pytest.raises(LabInvalid, match="extends 'two:greeter', which itself extends a lab"):
        Catalog((one, two)).lab("one:greeter")


@pytest.mark.parametrize(
    "old, new, says",
    [
        ('slug = "keeps-case"', 'slug = "polite"', "lab.toml:10: two checks of the stage 'greet' are called 'polite'"),
        ('slug = "again"\ntitle = "Again"', 'slug = "again"', "lab.toml:18: 'title' is missing"),
        ('needs = ["says-hello"]', 'needs = ["says"]', "lab.toml:13: there is no check 'greet/says'"),
        ('version = "0.1.0"', "", "'version' is missing"),
        ('extends = "pack:greeter"', "extends = 3", "There is no lab '3'"),
        ('extends = "pack:greeter"', 'extends = "pack:greter"', "There is no lab 'pack:greter'"),
        ('extends = "pack:greeter"', 'extends = "core:rate-limiting"', "it extends 'rate-limiting', but the folder"),
        ('extends = "pack:greeter"', 'extends = "private:greeter"', "which is itself"),
        ('version = "0.1.0"', 'version = "0.1.0"\nhours = 3', "unknown key 'hours'"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_an_extension_is_told(pack: Path, tmp_path: Path, old: str, new: str, says: str) -> None:
    """With file and line where there is one."""
    root = _private(tmp_path, old, new)
    with pytest.raises(LabInvalid) as caught:
        Catalog((pack, root)).lab("private:greeter")
    assert says in caught.value.message


def test_without_the_public_pack_its_name_is_asked_for() -> None:
    """The private suite alone is no lab."""
    with pytest.raises(LabInvalid) as caught:
        Catalog((PRIVATE,)).lab("private-suite:greeter")
    assert "--pack" in caught.value.hint


def test_a_package_can_bring_a_pack_along(pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By an entry point in its metadata, as pip writes it; found without importing the package."""
    site = tmp_path / "site"
    shutil.copytree(pack, site / "someones_labs")
    (site / "someones_labs" / "__init__.py").write_text("raise SystemExit('imported')")
    metadata = site / "someones_labs-1.0.dist-info"
    metadata.mkdir()
    (metadata / "entry_points.txt").write_text(
        "[console_scripts]\nx = y:z\n\n[labrunner.packs]\nsomeones = someones_labs\ngone = no_such_package\n\n[other]\na = b\n"
    )
    monkeypatch.syspath_prepend(str(site))
    assert [each.name for each in packs()] == ["core", "someones"]
    assert Catalog().lab("greeter").pack == "someones"
    assert Catalog().lab("someones:greeter").name == "someones:greeter"


def test_a_pack_without_graders_still_serves_learners(pack: Path, tmp_path: Path) -> None:
    """They list, start and read; only a test says what is missing."""
    for tree in ("labs", "scaffolds"):
        shutil.copytree(pack / tree, tmp_path / "public" / tree)
    folder = tmp_path / "public"
    assert any(each.name == "public:greeter" for each in outlines((folder,)))
    lab = Catalog((folder,)).lab("greeter")
    assert lab.readme.is_file()
    with pytest.raises(LabInvalid, match="holds no grader for 'greeter'"):
        refuse_without_grader(lab)
