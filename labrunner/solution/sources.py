"""The static rule: a solution whose sources bring in what its lab forbids is rejected, with file and line."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from labrunner.model.outcome import Failure
from labrunner.model.result import Startup
from labrunner.model.status import Reason
from labrunner.ports.runtime import NotStarted
from labrunner.rules.imports import judge
from labrunner.rules.text import printable, shorten

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labrunner.model.lab import ImportRule
    from labrunner.model.solution import Staged

MOST_SHOWN = 8
WIDTH = 100
LARGEST = 2 * 1024 * 1024
"""Bytes; no source that a person wrote is larger, and one that is cannot be judged."""


def refuse(rule: ImportRule | None, staged: Staged) -> None:
    """Nothing, when the sources keep to `rule`.

    Raises:
        NotStarted: REJECTED, with each line that breaks it.
    """
    if rule is None:
        return
    found = sorted(_found(rule, staged))
    if not found:
        return
    name, line, module = found[0]
    more = f", and {len(found) - 1} more" if len(found) > 1 else ""
    raise NotStarted(
        Startup(
            Reason.REJECTED,
            Failure(
                expected=f"a solution without what {rule.rule} forbids",
                got=f"{printable(name)}:{line} brings in {printable(module)}{more}",
                why=f"This lab is about writing it yourself. `lab spec {rule.rule}` says what is allowed.",
                log=tuple(_shown(staged.path, *each) for each in found[:MOST_SHOWN]),
            ),
        )
    )


def _found(rule: ImportRule, staged: Staged) -> Iterator[tuple[str, int, str]]:
    texts, own = {}, []
    for path in sorted(staged.path.rglob("*")):
        name = str(path.relative_to(staged.path))
        if path.is_file() and path.stat().st_size <= LARGEST:
            texts[name] = path.read_bytes().decode("utf-8", "replace")
        if path.parent == staged.path:
            own.append(path.stem if path.is_file() else path.name)
    module = re.search(r"^module[ \t]+(\S+)", texts.get("go.mod", ""), re.MULTILINE)
    if module:
        own.append(module[1].partition("/")[0])
    yield from judge.forbidden(rule, staged.solution.language, texts, own)
    yield from judge.in_command(rule, staged.solution.language, staged.solution.run)
    if not rule.packages:
        yield from _packages(texts)


def _packages(texts: dict[str, str]) -> Iterator[tuple[str, int, str]]:
    """What the language's own file asks to be installed."""
    for number, line in enumerate(texts.get("requirements.txt", "").splitlines(), start=1):
        if (words := line.partition("#")[0].strip()) != "":
            yield "requirements.txt", number, f"the package {words}"
    for number, line in enumerate(texts.get("go.mod", "").splitlines(), start=1):
        if found := re.match(r"(?:require[ \t]+|\t)([\w.-]+\.[\w./-]+) v", line):
            yield "go.mod", number, f"the package {found[1]}"
    try:
        asked = json.loads(texts.get("package.json", "{}"))
    except (ValueError, RecursionError):
        return
    for kind in ("dependencies", "optionalDependencies", "peerDependencies"):
        for package in (asked.get(kind) or ()) if isinstance(asked, dict) else ():
            yield "package.json", _line(texts["package.json"], f'"{package}"'), f"the package {package}"


def _line(text: str, part: str) -> int:
    return text[: max(text.find(part), 0)].count("\n") + 1


def _shown(folder: Path, name: str, line: int, module: str) -> str:
    path = folder / name
    text = path.read_bytes().decode("utf-8", "replace").splitlines()[line - 1 : line] if path.is_file() else []
    words = text[0].strip() if text else module
    return shorten(f"{printable(name)}:{line}: {printable(words)}", WIDTH)
