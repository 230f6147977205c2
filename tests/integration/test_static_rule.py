"""The static rule from end to end: a solution that brings in what its lab forbids is rejected, with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from labrunner.model.lab import ImportRule, Language
from labrunner.model.solution import Solution, Staged
from labrunner.model.status import Reason
from labrunner.ports.runtime import NotStarted
from labrunner.solution import sources

RULE = ImportRule(("http", "net/http"), (), packages=False, rule="X-1")


def staged(folder: Path, language: Language, files: dict[str, str], run: tuple[str, ...] = ("x",)) -> Staged:
    """A staged solution with these files."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return Staged(Solution(folder, "lab", language, run), folder, "sha256:0")


@pytest.mark.parametrize(
    "language, files, place",
    [
        (Language.PYTHON, {"main.py": "import socket\n\nimport http.server\n"}, "main.py:3 brings in http.server"),
        (
            Language.PYTHON,
            {"main.py": "import own", "own/__init__.py": "import http"},
            "own/__init__.py:1 brings in http",
        ),
        (
            Language.PYTHON,
            {"requirements.txt": "# none\nflask==3\n"},
            "requirements.txt:2 brings in the package flask==3",
        ),
        (Language.TYPESCRIPT, {"main.ts": "// x\nimport h from 'node:http'\n"}, "main.ts:2 brings in http"),
        (Language.TYPESCRIPT, {"package.json": '{\n"dependencies": {\n"express": "1"}}'}, "package.json:3 brings in"),
        (Language.GO, {"main.go": 'package main\nimport (\n"net"\n"net/http"\n)\n'}, "main.go:4 brings in net/http"),
        (Language.GO, {"go.mod": "module x\n\nrequire github.com/a/b v1.0.0\n"}, "go.mod:3 brings in"),
    ],
)
def test_what_is_forbidden_is_told_with_its_place(
    tmp_path: Path, language: Language, files: dict[str, str], place: str
) -> None:
    """File, line, and what it is."""
    with pytest.raises(NotStarted) as raised:
        sources.refuse(RULE, staged(tmp_path, language, files))
    assert raised.value.startup.reason is Reason.REJECTED
    assert raised.value.startup.failure.got.startswith(place)
    assert raised.value.startup.failure.log


def test_a_command_counts_as_well(tmp_path: Path) -> None:
    """`python -m http.server` needs no source at all."""
    with pytest.raises(NotStarted):
        sources.refuse(RULE, staged(tmp_path, Language.PYTHON, {}, ("python", "-m", "http.server")))


@pytest.mark.parametrize("language", list(Language))
def test_what_keeps_to_the_rule_is_let_through(tmp_path: Path, language: Language) -> None:
    """Own modules, the language's own, comments in requirements.txt; and no rule forbids nothing."""
    files = {
        "main.py": "import socket, own, json\nfrom own.part import x",
        "own/part.py": "x = 1",
        "main.ts": 'import net from "node:net";\nimport { x } from "./own.ts";',
        "main.go": 'package main\nimport "net"\nimport "service/own"',
        "go.mod": "module service\n\ngo 1.24\n",
        "requirements.txt": "# nothing\n\n",
        "package.json": '{"devDependencies": {"typescript": "5"}}',
    }
    if language in {Language.PYTHON, Language.TYPESCRIPT, Language.GO}:
        sources.refuse(RULE, staged(tmp_path, language, files))
    sources.refuse(None, staged(tmp_path, language, {"main.py": "import http"}))
