from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from labrunner.catalog.digest import of_tree
from labrunner.catalog.folders import CORE, core
from labrunner.catalog.packs import Catalog
from labrunner.catalog.rulebook import rules
from labrunner.errors import UnknownName, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from labrunner.model.lab import Lab


def test_the_core_pack_comes_with_the_program() -> None:
    """In a checkout it lies beside the package."""
    assert core().name == CORE
    assert (core().root / "labs").is_dir()


def test_a_lab_is_found_by_id_and_by_pack_and_id(pack: Path) -> None:
    """``greeter`` and ``pack:greeter`` are the same lab."""
    catalog = Catalog((pack,))
    assert catalog.lab("greeter") == catalog.lab("pack:greeter")
    assert catalog.lab("greeter").pack == "pack"
    assert "greeter" in [lab.id for lab in catalog.labs()]


def test_two_packs_with_one_id_must_be_told_apart(pack: Path, tmp_path: Path) -> None:
    """Nobody guesses which is meant; both names are offered, and both work."""
    other = tmp_path / "other"
    shutil.copytree(pack, other)
    catalog = Catalog((pack, other))
    with pytest.raises(UsageError, match="More than one pack") as caught:
        catalog.lab("greeter")
    assert caught.value.hint == "Say pack:greeter or other:greeter."
    assert catalog.lab("other:greeter").grader == other / "graders" / "greeter"
    assert catalog.lab("pack:greeter").grader == pack / "graders" / "greeter"


def test_two_packs_of_one_name_are_refused(pack: Path, tmp_path: Path) -> None:
    """Nothing on the command line could tell them apart; both places are said."""
    other = tmp_path / "elsewhere" / "pack"
    shutil.copytree(pack, other)
    with pytest.raises(UsageError, match=f"Two packs are called 'pack': {pack} and {other}"):
        Catalog((pack, other))


def test_a_pack_that_is_named_twice_is_there_once(pack: Path) -> None:
    """By --pack and by an assignment, say."""
    assert [lab.name for lab in Catalog((pack, pack / ".." / pack.name)).labs()].count("pack:greeter") == 1


def test_an_installed_pack_whose_package_is_missing_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It breaks no command that has nothing to do with it."""
    metadata = tmp_path / "odd-1.0.dist-info"
    metadata.mkdir()
    (metadata / "entry_points.txt").write_text("[labrunner.packs]\nodd = no_such_package.labs\neven = ..x\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert not {"odd", "even"} & {pack.name for pack in Catalog().packs}


@pytest.mark.parametrize("name", ["greter", "core:greeter", "nowhere:greeter", "", ":", "../greeter", "pack:"])
def test_a_lab_that_does_not_exist_is_unknown(pack: Path, name: str) -> None:
    """In no pack, or not in the one named."""
    with pytest.raises(UnknownName):
        Catalog((pack,)).lab(name)


def test_a_mistyped_lab_gets_did_you_mean(pack: Path) -> None:
    """The nearest name."""
    with pytest.raises(UnknownName) as caught:
        Catalog((pack,)).lab("greter")
    assert caught.value.hint == "Did you mean greeter?"


def test_a_folder_without_labs_is_no_pack(tmp_path: Path) -> None:
    """Nor is one that does not exist."""
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(UsageError, match="is no pack"):
            Catalog((folder,))


def test_a_pack_may_hold_folders_that_are_no_labs(pack: Path, tmp_path: Path) -> None:
    """Only a folder with a manifest is one."""
    other = tmp_path / "other"
    shutil.copytree(pack, other)
    (other / "labs" / "notes").mkdir()
    assert [lab.id for lab in Catalog((other,)).labs() if lab.pack == "other"] == ["greeter"]


def test_the_rulebook_holds_each_rules_section(greeter: Lab) -> None:
    """From its heading to the next; a comment in a fenced block is no heading."""
    found = rules(greeter)
    assert list(found) == ["GR-1", "GR-2", "GR-3", "GR-4"]
    assert found["GR-1"] == "### GR-1: Healthy\n\n`GET /healthz` answers 200."
    assert "# GR-9: a comment in a fence is no heading" in found["GR-2"]
    assert found["GR-2"].endswith("```")


def test_every_check_cites_rules_that_the_readme_holds(greeter: Lab) -> None:
    """`lab spec RULE` works for each."""
    assert {rule for check in greeter.checks for rule in check.rules} <= set(rules(greeter))


def test_a_digest_depends_on_names_and_contents_alone(tmp_path: Path) -> None:
    """Equal in checkout, wheel and archive, whatever Python or an editor left there."""
    first, second = tmp_path / "first", tmp_path / "second"
    for root in (first, second):
        (root / "sub").mkdir(parents=True)
        (root / "a.py").write_text("a")
        (root / "sub" / "b.py").write_text("b")
    (second / "__pycache__").mkdir()
    (second / "__pycache__" / "a.pyc").write_bytes(b"compiled")
    (second / ".DS_Store").write_bytes(b"left behind")
    (second / "a.py").chmod(0o755)
    (second / "empty").mkdir()
    assert of_tree(first) == of_tree(second)
    (second / "sub" / "b.py").write_text("B")
    assert of_tree(first) != of_tree(second)


def test_a_renamed_file_changes_the_digest(tmp_path: Path) -> None:
    """Contents alone do not make a grader."""
    (tmp_path / "a.py").write_text("x")
    before = of_tree(tmp_path)
    (tmp_path / "a.py").rename(tmp_path / "b.py")
    assert of_tree(tmp_path) != before
