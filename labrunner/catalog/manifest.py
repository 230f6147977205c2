"""``lab.toml`` to `Lab`, strictly: every error with file, line and what would be right."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from labrunner.errors import LabInvalid
from labrunner.model.lab import Check, ImportRule, Lab, Language, Level, ServiceSpec, Stage, Visibility
from labrunner.rules.plan import cycle
from labrunner.rules.toml_text import Document, Table

if TYPE_CHECKING:
    from pathlib import Path


class Ready(enum.StrEnum):
    """Which answer says that a service is ready."""

    OK = "ok"
    ANSWERED = "answered"


class Packages(enum.StrEnum):
    """Whether a solution may use what comes neither with its language nor with itself."""

    ANY = "any"
    NONE = "none"


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
    lab = Lab(
        id=lab_id,
        version=table.text("version", pattern=r"\d+\.\d+\.\d+", form="a version such as 1.0.0"),
        title=table.text("title"),
        summary=table.text("summary"),
        level=table.choice("level", Level),
        hours=table.integer("hours", 1, 1000),
        languages=_languages(table),
        baseline=table.integer("baseline", 0, 1_000_000),
        service=_service(table.table("service")),
        stages=_stages(table),
        pack=pack,
        readme=path.with_name("README.md"),
        manifest=path,
        scaffolds=root / "scaffolds" / name,
        grader=root / "graders" / name,
        imports=_imports(table.table("imports")) if "imports" in table else {},
    )
    table.done()
    if lab.baseline > lab.points:
        raise table.complain("baseline", f"the baseline of {lab.baseline} is more than all {lab.points} points.")
    return lab


def _languages(table: Table) -> tuple[Language, ...]:
    names = table.texts("languages", least=1)
    known = [language.value for language in Language]
    for name in names:
        if name not in known:
            raise table.complain("languages", f"unknown language '{name}'.", f"Known: {', '.join(known)}.")
    return tuple(Language(name) for name in names)


def _imports(table: Table) -> dict[Language, ImportRule]:
    """``[imports]``: the rule that says so, and a table for each language that it binds."""
    rule = table.text("rule")
    packages = table.choice("packages", Packages, Packages.ANY) is Packages.ANY
    rules: dict[Language, ImportRule] = {}
    for language in (Language.PYTHON, Language.TYPESCRIPT, Language.GO):
        if language.value in table:
            row = table.table(language.value)
            rules[language] = ImportRule(
                row.texts("forbidden", default=()), row.texts("allowed", default=()), packages, rule
            )
            row.done()
    table.done()
    return rules


def _service(table: Table) -> ServiceSpec:
    spec = ServiceSpec(
        ready=table.text("ready", pattern=r"/[!-~]*", form="a path such as /healthz"),
        ready_within_ms=table.integer("ready_within_ms", 100, 600_000),
        try_lines=table.texts("try", default=()),
        any_status=table.choice("ready_when", Ready, Ready.OK) is Ready.ANSWERED,
    )
    table.done()
    return spec


def _stages(table: Table) -> tuple[Stage, ...]:
    stages: list[Stage] = []
    places: dict[str, Table] = {}
    for entry in table.tables("stages"):
        slug = entry.text("slug", pattern=SLUG, form=_SLUG_FORM)
        if any(stage.slug == slug for stage in stages):
            raise entry.complain("slug", f"two stages are called '{slug}'.", "Rename one.")
        checks = []
        for row in entry.tables("checks"):
            check = _check(row, slug)
            if check.id in places:
                raise row.complain(
                    "slug", f"two checks of the stage '{slug}' are called '{check.slug}'.", "Rename one."
                )
            places[check.id] = row
            checks.append(check)
        stages.append(Stage(slug, entry.text("title"), entry.text("goal"), tuple(checks)))
        entry.done()
    _refuse_bad_needs([check for stage in stages for check in stage.checks], places)
    return tuple(stages)


def _check(row: Table, stage: str) -> Check:
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
