"""The images that a solution ran in, as the engine knows them."""

from __future__ import annotations

import contextlib

from labrunner.errors import LabError
from labrunner.model.envelope import Image
from labrunner.model.lab import Language
from labrunner.runtimes.docker import address, recipes


def images(runtime: str, language: str) -> tuple[Image, ...]:
    """Tag and content digest of each; none outside of containers, or where the engine no longer answers."""
    if runtime != "docker":
        return ()
    with contextlib.suppress(LabError, KeyError):
        where = address.reach()
        known = {recipe.tag: recipes.described(where.url, recipe.tag) for recipe in recipes.needed(Language(language))}
        return tuple(Image(tag, str(image["Id"])) for tag, image in known.items() if image)
    return ()
