"""What `lab list` reads of labs, and keeps."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from labrunner.catalog.outline import Outline, outlines

if TYPE_CHECKING:
    from pathlib import Path


def _greeter(pack: Path, cache: Path | None) -> Outline:
    (found,) = [each for each in outlines((pack,), cache) if each.name == "pack:greeter"]
    return found


def test_what_was_kept_is_what_would_be_read(pack: Path, tmp_path: Path) -> None:
    """The second list says the same as the first, and as one without a cache."""
    fresh = outlines((pack,))
    assert outlines((pack,), tmp_path) == fresh
    assert (tmp_path / "outlines.json").is_file()
    assert outlines((pack,), tmp_path) == fresh


def test_a_changed_manifest_is_read_anew(pack: Path, tmp_path: Path) -> None:
    """Nobody sees what a lab was before its author changed it."""
    copy = tmp_path / "pack"
    shutil.copytree(pack, copy)
    before = _greeter(copy, tmp_path)
    manifest = copy / "labs" / "greeter" / "lab.toml"
    manifest.write_text(manifest.read_text().replace(before.summary, "Says goodbye."))
    assert _greeter(copy, tmp_path).summary == "Says goodbye."


@pytest.mark.parametrize("content", ["", "[]", '{"form": 1, "x": 3}', '{"form": 0}', "\x00"])
def test_what_was_kept_may_be_anything(pack: Path, tmp_path: Path, content: str) -> None:
    """A file of another version, or cut short, costs nothing but the reading."""
    (tmp_path / "outlines.json").write_text(content)
    assert _greeter(pack, tmp_path) == _greeter(pack, None)


def test_what_was_kept_may_be_cut_short(pack: Path, tmp_path: Path) -> None:
    """Of a file that is known, but not what it says."""
    fresh = _greeter(pack, tmp_path)
    kept = tmp_path / "outlines.json"
    table = json.loads(kept.read_bytes())
    kept.write_text(json.dumps({key: value[:1] if isinstance(value, list) else value for key, value in table.items()}))
    assert _greeter(pack, tmp_path) == fresh


def test_nowhere_to_keep_is_no_reason_to_fail(pack: Path, tmp_path: Path) -> None:
    """A cache that cannot be written leaves the list as it is."""
    assert _greeter(pack, tmp_path / "missing") == _greeter(pack, None)
