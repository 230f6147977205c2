"""The scanners of the static rule: what they see, and what they are not taken in by."""

from __future__ import annotations

import pytest

from labrunner.model.lab import ImportRule, Language
from labrunner.rules.imports import go, javascript, judge, python

RULES = {
    Language.PYTHON: ImportRule(("http", "urllib.request", "email"), ("email.utils",), packages=False, rule="X-1"),
    Language.TYPESCRIPT: ImportRule(("http", "fetch()", "process.binding()"), (), packages=False, rule="X-1"),
    Language.GO: ImportRule(("net/http", "mime/multipart"), (), packages=False, rule="X-1"),
}
MAIN = {Language.PYTHON: "main.py", Language.TYPESCRIPT: "main.ts", Language.GO: "main.go"}


def lines(language: Language, text: str, own: tuple[str, ...] = ("main", "mine")) -> list[int]:
    """The lines that break the rule."""
    return sorted(line for _, line, _ in judge.forbidden(RULES[language], language, {MAIN[language]: text}, own))


@pytest.mark.parametrize(
    "text",
    [
        "import http.server",
        "import http as h",
        "import os, http.client",
        "from http import HTTPStatus",
        "from http.server import ThreadingHTTPServer as S",
        "from urllib import request",
        "import urllib.request",
        "import email",
        "from email import message",
        "__import__('http.server')",
        "import importlib; importlib.import_module('ht' + 'tp.server')",
        "exec('import http.client')",
        "import sys; sys.modules['http.server']",
        "import subprocess; subprocess.run(['python', '-m', 'http.server'])",
        "import flask",
        "def f():\n    if 1:\n        import http",
    ],
)
def test_python_sees(text: str) -> None:
    """Each way to bring in a forbidden module is seen, on its line."""
    assert lines(Language.PYTHON, f"# one\n{text}") == [text.count("\n") + 2]


@pytest.mark.parametrize(
    "text",
    [
        "import email.utils",
        "from email import utils",
        "from email.utils import formatdate",
        "from urllib.parse import unquote",
        "import socket, asyncio, selectors, ssl",
        "import mine",
        "from . import http",
        "http = 1; http.server = 2",
        "'import http.server'",
        "# import http.server",
        "x = {'modules': 1}['modules']",
        "def broken(:",
    ],
)
def test_python_is_not_taken_in(text: str) -> None:
    """What only looks so is let through."""
    assert lines(Language.PYTHON, text) == []


@pytest.mark.parametrize(
    "text",
    [
        'import http from "node:http";',
        "import * as h from 'http'",
        'import "http"',
        'import { createServer } from "http";',
        'export { x } from "node:http"',
        'const h = require("http")',
        "const h = require(`node:http`)",
        'const h = await import("ht" + "tp")',
        'process.getBuiltinModule("http")',
        'const h = require("\\x68ttp")',
        'const a = /"/; const h = require("http"); // "',
        "const t = `${require('http')} text`",
        'fetch("http://x")',
        "const f = globalThis.fetch;",
        'process.binding("http_parser")',
        'import x from "express"',
    ],
)
def test_typescript_sees(text: str) -> None:
    """Each way to bring in a forbidden module is seen, on its line."""
    assert lines(Language.TYPESCRIPT, f"// one\n{text}") == [2]


@pytest.mark.parametrize(
    "text",
    [
        'import net from "node:net"',
        'import { gzipSync } from "zlib"',
        'import { x } from "./http.ts"',
        '// import http from "http"',
        '/* require("http") */',
        "const s = 'require(\"http\")'",
        'const s = `require("http")`',
        'const r = /require("http")/; const q = a / b / c',
        "async function fetch() {} fetch()",
        "cache.fetch(1)",
        "const fetched = { fetch: 1 }",
        'const x = from; const y = "http"',
        "socket.require",
    ],
)
def test_typescript_is_not_taken_in(text: str) -> None:
    """Comments, strings, regular expressions and namesakes are let through."""
    assert lines(Language.TYPESCRIPT, text) == []


def test_typescript_knows_lines_after_long_comments_and_templates() -> None:
    """A line is the line in the file."""
    text = "/* a\nb */\nconst t = `x\n${y}\n`;\nimport h from 'http';"
    assert lines(Language.TYPESCRIPT, text) == [6]


@pytest.mark.parametrize(
    "text",
    [
        'import "net/http"',
        'import h "net/http"',
        'import (\n"fmt"\n"net/http/httptest"\n)'.replace("\n", ";"),
        'import _ "mime/multipart"',
        "import `net/http`",
        'import "github.com/x/y"',
    ],
)
def test_go_sees(text: str) -> None:
    """Each form of an import is seen, on its line."""
    assert lines(Language.GO, f"package main\n{text}") == [2]


@pytest.mark.parametrize(
    "text",
    ['import "net"', 'import ("fmt"; "net/url")', '// import "net/http"', 'var s = "net/http"', 'var s = `import "net/http"`',
     '/* import "net/http" */'],
)  # fmt: skip
def test_go_is_not_taken_in(text: str) -> None:
    """Comments and strings are let through."""
    assert lines(Language.GO, f"package main\n{text}") == []


def test_a_command_that_runs_a_forbidden_module_is_seen() -> None:
    """`run` in solution.toml is a way to import, too."""
    assert list(judge.in_command(RULES[Language.PYTHON], Language.PYTHON, ["python", "-m", "http.server"]))
    assert not list(judge.in_command(RULES[Language.PYTHON], Language.PYTHON, ["python", "-m", "mine"]))


def test_scanners_survive_any_text() -> None:
    """Unclosed strings, templates and comments end with the text."""
    for text in ('"', "`${", "/*", "import (", "require(", "'\\", "`${`${", "/[", "import"):
        javascript.imports(text)
        go.imports(text)
        python.imports(text)
