"""A lab as its manifest (`labs/<id>/lab.toml`) states it: the public marking scheme."""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from labrunner.model.load import LoadSpec


LOAD_STAGE = "load"
"""The stage whose checks run last, and alone: they ask for the load measurement."""


def is_load(check: str) -> bool:
    """Whether the check of that id measures."""
    return check.startswith(f"{LOAD_STAGE}/")


class Level(enum.StrEnum):
    """How much a learner should know before."""

    BEGINNER = "beginner"
    INTERMEDIATE = "intermediate"
    ADVANCED = "advanced"


class Visibility(enum.StrEnum):
    """How much of a failure a learner is shown."""

    OPEN = "open"
    HIDDEN = "hidden"


class Language(enum.StrEnum):
    """What a solution may be written in."""

    PYTHON = "python"
    TYPESCRIPT = "typescript"
    GO = "go"
    DOCKERFILE = "dockerfile"
    OTHER = "other"


BROUGHT_ALONG = frozenset({Language.DOCKERFILE, Language.OTHER})
"""Of which a lab has neither scaffold nor reference; its load stage compares them with the reference that lab.toml names."""


@dataclass(frozen=True, slots=True)
class Check:
    """One verdict, with points.

    Attributes:
        id: ``stage/slug``.
        needs: ids of the checks that must pass before this one is worth running.
        rules: ids of the contract's rules that it proves.
        is_added: whether a pack that extends the lab added it.
    """

    id: str
    slug: str
    title: str
    points: int
    rules: tuple[str, ...]
    hints: tuple[str, ...]
    needs: tuple[str, ...] = ()
    visibility: Visibility = Visibility.OPEN
    is_added: bool = False


@dataclass(frozen=True, slots=True)
class Stage:
    """A step of a lab, in order."""

    slug: str
    title: str
    goal: str
    checks: tuple[Check, ...]

    @property
    def points(self) -> int:
        """Points of all its checks."""
        return sum(check.points for check in self.checks)


BUILT_IN_COMPANIONS = ("redis", "postgres")
"""Real servers; any other companion is the lab's own: ``graders/<id>/companions/<name>.py``."""


@dataclass(frozen=True, slots=True)
class CompanionGroup:
    """Several companions beside the shared service, of which one variable tells.

    Attributes:
        variable: its name.
        kinds: name and kind of each.
    """

    variable: str
    kinds: tuple[tuple[str, str], ...]

    def told(self, urls: Mapping[str, str]) -> str:
        """The variable's value.

        Args:
            urls: of what runs beside the service, by name; there may be more.
        """
        return json.dumps({name: urls[name] for name, _ in self.kinds})


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """How the learner's service is recognised as ready, and first tried by hand; and what runs beside it.

    Attributes:
        ready: target of the GET that says by its answer that the service is ready.
        ready_within_ms: deadline for that, from its start.
        try_lines: shell lines that `lab run` prints; ``$URL``, ``$HOST`` and ``$PORT`` stand for where the service is.
        any_status: whether any status line says so; else only 200 does.
        companions: what its checks may start.
        shared_companions: those of them that run beside the run's shared service from the beginning.
        companion_groups: further ones there, several of a kind: each variable is a JSON object of their names and URLs.
    """

    ready: str
    ready_within_ms: int
    try_lines: tuple[str, ...]
    any_status: bool = False
    companions: tuple[str, ...] = ()
    shared_companions: tuple[str, ...] = ()
    companion_groups: tuple[CompanionGroup, ...] = ()

    @property
    def beside(self) -> dict[str, str]:
        """Kinds of all that run beside the shared service, by their names."""
        grouped = {name: kind for group in self.companion_groups for name, kind in group.kinds}
        return {name: name for name in self.shared_companions} | grouped

    def grouped(self, urls: Mapping[str, str]) -> dict[str, str]:
        """The variables of the groups.

        Args:
            urls: of what runs beside the service, by name.
        """
        return {group.variable: group.told(urls) for group in self.companion_groups}

    def is_ready(self, status: int | None) -> bool:
        """Whether an answer with that status says that the service is ready; None is no answer."""
        return status is not None and (self.any_status or status == 200)


@dataclass(frozen=True, slots=True)
class ImportRule:
    """What a lab's sources in one language may not bring in.

    Attributes:
        forbidden: modules, with all below them; a name that ends in ``()`` is a function that needs no import.
        allowed: modules below a forbidden one that are allowed all the same.
        packages: whether packages, which come neither with the language nor with the solution, are allowed.
        rule: id of the contract's rule that says so.
    """

    forbidden: tuple[str, ...]
    allowed: tuple[str, ...]
    packages: bool
    rule: str


@dataclass(frozen=True, slots=True)
class Lab:
    """An exercise: stages of checks, and where its three trees lie."""

    id: str
    version: str
    title: str
    summary: str
    level: Level
    hours: int
    languages: tuple[Language, ...]
    baseline: int
    service: ServiceSpec
    stages: tuple[Stage, ...]
    pack: str
    readme: Path
    manifest: Path
    scaffolds: Path
    grader: Path = field(repr=False)
    imports: Mapping[Language, ImportRule] = field(default_factory=dict)
    load: LoadSpec | None = None
    """What its last stage, called `LOAD_STAGE`, demands; None for a lab without one."""
    extension: Path | None = field(default=None, repr=False)
    """The grader's folder of a pack that extends this lab with checks of its own."""

    @property
    def name(self) -> str:
        """How it is called on the command line: ``id``, or ``pack:id``."""
        return self.id if self.pack == "core" else f"{self.pack}:{self.id}"

    @property
    def graders(self) -> tuple[Path, ...]:
        """Folders of its checks; the lab's own first."""
        return (self.grader,) if self.extension is None else (self.grader, self.extension)

    @property
    def checks(self) -> tuple[Check, ...]:
        """All checks, in the order of the manifest."""
        return tuple(check for stage in self.stages for check in stage.checks)

    @property
    def points(self) -> int:
        """Points of all its checks."""
        return sum(stage.points for stage in self.stages)

    def takes(self, language: Language) -> bool:
        """Whether a solution in it can be judged.

        Its author's own image or tools will do as well, where nothing depends on what the sources import.
        """
        return language in self.languages or (language in BROUGHT_ALONG and not self.imports)

    def earned(self, statuses: Mapping[str, str]) -> int:
        """Points of the checks whose status, by id, is ``passed``."""
        return sum(check.points for check in self.checks if statuses.get(check.id) == "passed")
