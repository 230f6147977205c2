"""The images that a solution ran in, as the engine knows them."""

from __future__ import annotations

import contextlib
import http.client
import json
from urllib.parse import quote

from labrunner.errors import LabError
from labrunner.model.envelope import Image
from labrunner.model.lab import Language
from labrunner.runtimes.docker import address, recipes, wire
from labrunner.runtimes.docker.address import PING_SECONDS


def images(runtime: str, language: str) -> tuple[Image, ...]:
    """Tag and content digest of each; none outside of containers, or where the engine no longer answers."""
    if runtime != "docker":
        return ()
    found = []
    with contextlib.suppress(LabError, OSError, http.client.HTTPException, ValueError, KeyError):
        where = address.reach()
        for recipe in recipes.needed(Language(language)):
            status, body = wire.ask(where.url, "GET", f"/images/{quote(recipe.tag, safe='/:')}/json", PING_SECONDS)
            if status == 200:
                found.append(Image(recipe.tag, str(json.loads(body)["Id"])))
    return tuple(found)
