"""`lab new`: a small, complete lab that `lab validate` passes at once, to be changed into another.

Its files are made from `blank/`, where ``$name`` stands for what is asked for.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from labrunner.catalog import schema
from labrunner.errors import EnvironmentProblem, UsageError
from labrunner.model.lab import LOAD_STAGE, Language
from labrunner.solution.manifest import DEFAULT_BUILD, DEFAULT_RUN, array

if TYPE_CHECKING:
    from collections.abc import Iterator

BLANK = Path(__file__).with_name("blank")
SUFFIX = {Language.PYTHON: "py", Language.TYPESCRIPT: "ts", Language.GO: "go"}
EXTRA = {Language.TYPESCRIPT: "package.json", Language.GO: "go.mod"}
TREES = ("labs", "graders", "scaffolds")


@dataclass(frozen=True, slots=True)
class NewLab:
    """What is asked for.

    Attributes:
        stages: slugs, at least one.
        languages: at least one, the reference language first.
        with_load: whether its last stage compares a solution's speed with the reference's.
    """

    id: str
    title: str
    stages: tuple[str, ...]
    languages: tuple[Language, ...]
    with_load: bool = True

    @property
    def prefix(self) -> str:
        """Of its rules' ids: the initials; ``C`` is for the rules that all labs share."""
        initials = "".join(word[0] for word in self.id.split("-") if word and word[0].isalpha()).upper()
        return initials if initials not in {"", "C"} else "R"


def write(new: NewLab, pack: Path) -> list[Path]:
    """Write it into `pack`, all of it or nothing; returns its folders.

    Raises:
        UsageError: there is such a lab, or the names cannot be used.
        EnvironmentProblem: it cannot be written.
    """
    _refuse(new)
    trees = [pack / tree / new.id for tree in TREES]
    for tree in trees:
        if tree.exists():
            raise UsageError(f"{tree} is already there.", "Choose another id, or remove it.")
    try:
        for name, text in _files(new):
            path = pack / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        write_schema(pack)
    except BaseException as fault:
        for tree in trees:
            shutil.rmtree(tree, ignore_errors=True)
        if isinstance(fault, OSError):
            raise EnvironmentProblem(
                f"{pack} cannot be written: {fault.strerror}.", "Choose a directory with room that you may write to."
            ) from None
        raise
    return trees


def write_schema(pack: Path) -> Path:
    """Write this version's schema of manifests into `pack`; returns the file."""
    path = pack / "labs" / schema.FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(schema.text(), encoding="utf-8")
    return path


def _refuse(new: NewLab) -> None:
    if LOAD_STAGE in new.stages:
        raise UsageError(f"The stage '{LOAD_STAGE}' is written anyway.", "Leave it out.")
    if len(set(new.stages)) < len(new.stages):
        raise UsageError("Two stages have one name.", "Rename one.")
    for language in new.languages:
        if language not in SUFFIX:
            known = ", ".join(item.value for item in SUFFIX)
            raise UsageError(f"Nothing can be begun in '{language}'.", f"Begin in one of {known}.")


def _files(new: NewLab) -> Iterator[tuple[str, str]]:
    labs, graders, scaffolds = (f"{tree}/{new.id}" for tree in TREES)
    whole = {
        "id": new.id,
        "title": new.title,
        "first": new.stages[0],
        "languages": ", ".join(f'"{language.value}"' for language in new.languages),
    }
    stages = [_stage(new, number, slug) for number, slug in enumerate(new.stages, start=1)]
    first = {**stages[0], "first": new.stages[0]}
    parts = [_filled("labs/stage.toml", stage) for stage in stages]
    if new.with_load:
        parts = [_filled("labs/thresholds.toml", whole), *parts, _filled("labs/load.toml", first)]
        yield from _load(graders, new, first)
    yield f"{labs}/lab.toml", "".join([_filled("labs/lab.toml", whole), *parts])
    yield f"{labs}/README.md", _filled("labs/README.md", whole) + "".join(_filled("labs/rule.md", s) for s in stages)
    yield f"{graders}/environment.py", _filled("graders/environment.py", whole)
    for stage in stages:
        yield f"{graders}/test_{stage['number']}_{stage['name']}.py", _filled("graders/test_stage.py", stage)
        yield from _mutant(f"{graders}/mutants/{stage['stage']}-forgets-the-greeting", new.languages[0], stage)
    for language in new.languages:
        folder = f"{graders}/references/{language.value}"
        yield f"{folder}/solution.toml", _solution(new, language)
        yield from _solution_files(folder, language, whole, stages, "references/{0}/right", ": it is done for learners")
        folder = f"{scaffolds}/{language.value}"
        yield from _solution_files(folder, language, whole, stages, "scaffolds/{0}/todo", ", which need not be changed")


def _load(graders: str, new: NewLab, first: dict[str, str]) -> Iterator[tuple[str, str]]:
    """The load profile, the checks of its stage, and a mutant that only load finds."""
    yield f"{graders}/load.py", _filled("graders/load.py", first)
    yield f"{graders}/test_{len(new.stages) + 1:02}_{LOAD_STAGE}.py", _filled("graders/test_load.py", first)
    suffix = SUFFIX[new.languages[0]]
    folder = f"{graders}/mutants/{first['stage']}-tires"
    yield f"{folder}/mutant.toml", _filled("mutant/tired.toml", first)
    yield f"{folder}/answer_{first['name']}.{suffix}", _filled(f"mutant/tired.{suffix}", first)


def _stage(new: NewLab, number: int, slug: str) -> dict[str, str]:
    name = slug.replace("-", "_")
    return {
        "stage": slug,
        "name": name,
        "number": f"{number:02}",
        "rule": f"{new.prefix}-{number}",
        "stage_title": slug.replace("-", " ").capitalize(),
        "camel": "".join(word.capitalize() for word in slug.split("-")),
        "language": new.languages[0].value,
    }


def _mutant(folder: str, language: Language, stage: dict[str, str]) -> Iterator[tuple[str, str]]:
    suffix = SUFFIX[language]
    yield f"{folder}/mutant.toml", _filled("mutant/mutant.toml", stage)
    yield f"{folder}/answer_{stage['name']}.{suffix}", _filled(f"mutant/wrong.{suffix}", stage)


def _solution(new: NewLab, language: Language) -> str:
    lines = [f"build = {array(DEFAULT_BUILD[language])}"] if language in DEFAULT_BUILD else []
    lines.append(f"run = {array(DEFAULT_RUN[language])}")
    return _filled("references/solution.toml", {"id": new.id, "language": language.value, "build": "\n".join(lines)})


def _solution_files(folder: str, language: Language, whole: dict[str, str], stages: list[dict[str, str]], part: str,
                    about: str) -> Iterator[tuple[str, str]]:  # fmt: skip
    suffix, kind = SUFFIX[language], language.value
    yield (
        f"{folder}/main.{suffix}",
        _filled(f"references/{kind}/main.{suffix}", {**whole, **_joined(language, stages), "about": about}),
    )
    if extra := EXTRA.get(language):
        yield f"{folder}/{extra}", _filled(f"references/{kind}/{extra}", whole)
    for stage in stages:
        yield f"{folder}/answer_{stage['name']}.{suffix}", _filled(f"{part.format(kind)}.{suffix}", stage)


def _joined(language: Language, stages: list[dict[str, str]]) -> dict[str, str]:
    """How a main program names its stages' files."""
    match language:
        case Language.PYTHON:
            imports = "".join(f"\nimport answer_{stage['name']}" for stage in stages)
            named = ", ".join(f'"{stage["stage"]}": answer_{stage["name"]}.answer' for stage in stages)
        case Language.TYPESCRIPT:
            imports = "".join(
                f'import {{ answer as answer{stage["camel"]} }} from "./answer_{stage["name"]}.ts";\n'
                for stage in stages
            )
            named = ", ".join(f'["{stage["stage"]}", answer{stage["camel"]}]' for stage in stages)
        case _:
            imports = ""
            named = ", ".join(f'"{stage["stage"]}": answer{stage["camel"]}' for stage in stages)
    return {"imports": f"{imports}\n" if language is Language.PYTHON else imports, "stages": named}


def _filled(name: str, values: dict[str, str]) -> str:
    return Template((BLANK / f"{name}.txt").read_text(encoding="utf-8")).substitute(values)
