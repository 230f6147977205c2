"""The origin of the lab cache: whether a validation is answered 304 is its word, and checks lean on it."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ORIGIN = Path(__file__).parents[3] / "graders" / "cache" / "companions" / "origin.py"


@pytest.fixture(scope="module")
def origin() -> ModuleType:
    """The companion's module, as the host would load it."""
    spec = importlib.util.spec_from_file_location("cache_origin", ORIGIN)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "tags, etag, is_held",
    [
        ('"a"', '"a"', True),
        ('"x", W/"a"', '"a"', True),
        ('W/"a,b"', 'W/"a,b"', True),
        ('"x,y","a,b"', 'W/"a,b"', True),
        ('"a,b"', '"a"', False),
        ('"x", "y"', '", "', False),
        ("*", '"a"', True),
    ],
)
def test_a_comma_within_an_entity_tag_ends_no_member(
    origin: ModuleType, tags: str, etag: str, *, is_held: bool
) -> None:
    """RFC 9110, 8.8.3: a comma is an ordinary character of an entity-tag; 13.1.2: the comparison is weak."""
    assert origin.matches([("If-None-Match", tags)], {"etag": etag}) is is_held
