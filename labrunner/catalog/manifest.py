"""``lab.toml`` to `Lab`, strictly: every error with file, line and what would be right."""

from __future__ import annotations

import enum
import re
from pathlib import Path

from labrunner.errors import LabInvalid
from labrunner.model.lab import (
    BUILT_IN_COMPANIONS,
    LOAD_STAGE,
    Check,
    CompanionGroup,
    ImportRule,
    Lab,
    Language,
    Level,
    ServiceSpec,
    Stage,
    Visibility,
)
from labrunner.model.load import LoadSpec
from labrunner.rules.plan import cycle
from labrunner.rules.toml_text import Document, Table


class Ready(enum.StrEnum):
    """Which answer says that a service is ready."""

    OK = "ok"
    ANSWERED = "answered"


class Packages(enum.StrEnum):
    """Whether a solution may use what comes neither with its language nor with itself."""

    ANY = "any"
    NONE = "none"


IMPORTING = (Language.PYTHON, Language.TYPESCRIPT, Language.GO)
"""Languages that a lab is offered in; those whose imports can be found in their sources."""
SLUG = r"[a-z0-9][a-z0-9-]{0,63}"
_SLUG_FORM = "a slug (a-z, 0-9 and -, at most 64 characters)"


def read(root: Path, pack: str, name: str) -> Lab:
    """The lab `name` of the pack at `root`.

    Raises:
        LabInvalid: what is wrong, where, and the fix.
    """
    path = root / "labs" / name / "lab.toml"
    try:
        data = path.read_bytes()
    except OSError as fault:
        raise LabInvalid(f"{path} cannot be read: {fault.strerror}.") from None
    table = Document(data, f"labs/{name}/lab.toml", LabInvalid).root
    lab_id = table.text("id", pattern=SLUG, form=_SLUG_FORM)
    if lab_id != name:
        raise table.complain("id", f"the id is '{lab_id}', but the folder is called '{name}'.", "Make them equal.")
    languages = _languages(table)
    lab = Lab(
        id=lab_id,
        version=version_of(table),
        title=table.text("title"),
        summary=table.text("summary"),
        level=table.choice("level", Level),
        hours=table.integer("hours", 1, 1000),
        languages=languages,
        baseline=table.integer("baseline", 0, 1_000_000),
        service=_service(table.table("service"), root / "graders" / name),
        stages=stages_of(table),
        pack=pack,
        readme=path.with_name("README.md"),
        manifest=path,
        scaffolds=root / "scaffolds" / name,
        grader=root / "graders" / name,
        imports=_imports(table.table("imports")) if "imports" in table else {},
        load=_load(table.table("load"), languages) if "load" in table else None,
    )
    table.done()
    _refuse_misplaced_load(lab, table)
    if lab.baseline > lab.points:
        what = f"the baseline of {lab.baseline} is more than all {lab.points} points."
        raise table.complain("baseline", what, "Write the points that the scaffold earns.")
    return lab


def version_of(table: Table) -> str:
    """Three numbers."""
    return table.text("version", pattern=r"\d+\.\d+\.\d+", form="a version such as 1.0.0")


def _load(table: Table, languages: tuple[Language, ...]) -> LoadSpec:
    reference = table.choice("reference", Language, languages[0])
    if reference not in languages:
        raise table.complain(
            "reference", f"the lab is not offered in {reference}.", f"Write one of {', '.join(languages)}."
        )
    spec = LoadSpec(
        capacity=table.number("capacity", 0.01, 1.0),
        p95=table.number("p95", 1.0, 100.0),
        objective_ms=table.number("objective_ms", 1.0, 60_000.0),
        rate=table.number("rate", 0.01, 0.5),
        users=table.integer("users", 1, 256),
        reference=reference.value,
    )
    table.done()
    return spec


def _refuse_misplaced_load(lab: Lab, table: Table) -> None:
    slugs = [stage.slug for stage in lab.stages]
    if lab.load is not None and slugs[-1] != LOAD_STAGE:
        raise table.complain("load", f"the last stage is '{slugs[-1]}'.", f"With [load], it is called '{LOAD_STAGE}'.")
    if lab.load is None and LOAD_STAGE in slugs:
        raise table.complain(
            "", f"there is a stage '{LOAD_STAGE}', but no [load].", "Add the table with its thresholds."
        )


def _languages(table: Table) -> tuple[Language, ...]:
    names = table.texts("languages", least=1)
    known = [language.value for language in IMPORTING]
    for name in names:
        if name not in known:
            raise table.complain("languages", f"no lab is offered in '{name}'.", f"Write some of {', '.join(known)}.")
        if names.count(name) > 1:
            raise table.complain("languages", f"'{name}' stands there twice.", "Write it once.")
    return tuple(Language(name) for name in names)


def _imports(table: Table) -> dict[Language, ImportRule]:
    """``[imports]``: the rule that says so, and a table for each language that it binds."""
    rule = table.text("rule")
    packages = table.choice("packages", Packages, Packages.ANY) is Packages.ANY
    rules: dict[Language, ImportRule] = {}
    for language in IMPORTING:
        if language.value in table:
            row = table.table(language.value)
            rules[language] = ImportRule(
                row.texts("forbidden", default=()), row.texts("allowed", default=()), packages, rule
            )
            row.done()
    table.done()
    return rules


def _service(table: Table, grader: Path) -> ServiceSpec:
    companions = table.texts("companions", default=())
    shared = table.texts("shared_companions", default=())
    for name in companions:
        _refuse_bad_companion(table, name, grader)
    for name in shared:
        if name not in companions:
            raise table.complain(
                "shared_companions", f"'{name}' is not among the companions.", "Add it to `companions` too."
            )
    groups = _groups(table, companions) if "companion_groups" in table else ()
    spec = ServiceSpec(
        ready=table.text("ready", pattern=r"/[!-~]*", form="a path such as /healthz"),
        ready_within_ms=table.integer("ready_within_ms", 100, 600_000),
        try_lines=table.texts("try", default=()),
        companions=companions,
        shared_companions=shared,
        companion_groups=groups,
        any_status=table.choice("ready_when", Ready, Ready.OK) is Ready.ANSWERED,
    )
    table.done()
    return spec


def _groups(table: Table, companions: tuple[str, ...]) -> tuple[CompanionGroup, ...]:
    """``[service.companion_groups.VARIABLE]``: names of companions, and their kinds."""
    groups = table.table("companion_groups")
    found = []
    taken: set[str] = set()
    for variable in groups.keys():  # noqa: SIM118 - no mapping: keys that are asked for are known ones
        group = groups.table(variable)
        names = group.keys()
        for name in names:
            if not re.fullmatch(SLUG, name) or name in companions or name in taken:
                raise group.complain(name, f"'{name}' is no name of its own.", f"A name is {_SLUG_FORM}, used once.")
            taken.add(name)
            if group.text(name) not in companions:
                what = f"'{group.text(name)}' is not among the companions."
                raise group.complain(name, what, "Add it to `companions` too.")
        found.append(CompanionGroup(variable, tuple((name, group.text(name)) for name in names)))
    return tuple(found)


def _refuse_bad_companion(table: Table, name: str, grader: Path) -> None:
    """A lab's own companion has a file; who has no grader cannot know."""
    if not re.fullmatch(SLUG, name):
        raise table.complain("companions", f"'{name}' is no name of a companion.", f"A name is {_SLUG_FORM}.")
    file = Path("companions", f"{name.replace('-', '_')}.py")
    if name not in BUILT_IN_COMPANIONS and grader.is_dir() and not (grader / file).is_file():
        raise table.complain(
            "companions",
            f"unknown companion '{name}'.",
            f"Known: {', '.join(BUILT_IN_COMPANIONS)}; one of the lab's own is {Path('graders', grader.name) / file}.",
        )


def stages_of(table: Table, base: tuple[Stage, ...] = ()) -> tuple[Stage, ...]:
    """The stages; with `base` those of a lab that is extended, each with what is added to it, then the new ones."""
    places: dict[str, Table] = {}
    taken = {check.id for stage in base for check in stage.checks}
    found = {stage.slug: stage for stage in base}
    named: set[str] = set()
    for entry in table.tables("stages"):
        slug = entry.text("slug", pattern=SLUG, form=_SLUG_FORM)
        if slug in named:
            raise entry.complain("slug", f"two stages are called '{slug}'.", "Rename one.")
        named.add(slug)
        checks = []
        for row in entry.tables("checks"):
            check = _check(row, slug, is_added=bool(base))
            if check.id in places or check.id in taken:
                raise row.complain(
                    "slug", f"two checks of the stage '{slug}' are called '{check.slug}'.", "Rename one."
                )
            places[check.id] = row
            checks.append(check)
        known = found.get(slug)
        title = entry.text("title", default=known.title if known else None)
        goal = entry.text("goal", default=known.goal if known else None)
        found[slug] = Stage(slug, title, goal, (*(known.checks if known else ()), *checks))
        entry.done()
    if base and LOAD_STAGE in found:
        found[LOAD_STAGE] = found.pop(LOAD_STAGE)  # it stays the last
    _refuse_bad_needs([check for stage in found.values() for check in stage.checks], places)
    return tuple(found.values())


def _check(row: Table, stage: str, *, is_added: bool) -> Check:
    slug = row.text("slug", pattern=SLUG, form=_SLUG_FORM)
    check = Check(
        id=f"{stage}/{slug}",
        slug=slug,
        title=row.text("title"),
        points=row.integer("points", 1, 1000),
        rules=row.texts("rules", least=1),
        hints=row.texts("hints", least=2),
        needs=tuple(need if "/" in need else f"{stage}/{need}" for need in row.texts("needs", default=())),
        visibility=row.choice("visibility", Visibility, Visibility.OPEN),
        is_added=is_added,
    )
    row.done()
    return check


def _refuse_bad_needs(checks: list[Check], places: dict[str, Table]) -> None:
    ids = {check.id for check in checks}
    for check in checks:
        for need in check.needs:
            if need not in ids:
                raise places[check.id].complain("needs", f"there is no check '{need}'.", "Name a check of this lab.")
    if circle := cycle(checks):
        raise places[circle[0]].complain("needs", f"the needs go in a circle: {' -> '.join(circle)}.", "Break it.")
