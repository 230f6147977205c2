"""What of a source's imports a lab forbids."""

from __future__ import annotations

import itertools
import sys
from typing import TYPE_CHECKING

from labrunner.model.lab import Language
from labrunner.rules.imports import go, javascript, python

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from labrunner.model.lab import ImportRule
    from labrunner.rules.imports.found import Import

SCANNERS = {
    Language.PYTHON: ((".py", ".pyw"), python.imports),
    Language.TYPESCRIPT: ((".ts", ".mts", ".cts", ".js", ".mjs", ".cjs"), javascript.imports),
    Language.GO: ((".go",), go.imports),
}
"""Endings of a language's sources, and what reads them."""
NODE = frozenset(
    [
        "assert",
        "async_hooks",
        "buffer",
        "child_process",
        "cluster",
        "console",
        "constants",
        "crypto",
        "dgram",
        "diagnostics_channel",
        "dns",
        "domain",
        "events",
        "fs",
        "http",
        "http2",
        "https",
        "inspector",
        "module",
        "net",
        "os",
        "path",
        "perf_hooks",
        "process",
        "punycode",
        "querystring",
        "readline",
        "repl",
        "sea",
        "sqlite",
        "stream",
        "string_decoder",
        "sys",
        "test",
        "timers",
        "tls",
        "trace_events",
        "tty",
        "url",
        "util",
        "v8",
        "vm",
        "wasi",
        "worker_threads",
        "zlib",
    ]
)
"""Modules that come with Node."""


def forbidden(
    rule: ImportRule, language: Language, sources: Mapping[str, str], own: Iterable[str]
) -> Iterator[tuple[str, int, str]]:
    """File, line and module of each import that `rule` forbids.

    Args:
        rule: of the lab, for that language.
        language: of the solution.
        sources: text by file name.
        own: names at the top of the solution: modules of its own.
    """
    endings, scan = SCANNERS[language]
    mine = frozenset(own)
    for name, text in sources.items():
        if name.endswith(endings):
            for found in scan(text):
                if not found.is_own and _is_forbidden(rule, language, found, mine):
                    yield name, found.line, found.module


def _is_forbidden(rule: ImportRule, language: Language, found: Import, own: frozenset[str]) -> bool:
    separator = "." if language is Language.PYTHON else "/"
    if any(_is_below(found.module, allowed, separator) for allowed in rule.allowed):
        return False
    if any(_is_below(found.module, name, separator) for name in rule.forbidden):
        return True
    return not rule.packages and _is_package(found.module, language, own)


def _is_below(module: str, name: str, separator: str) -> bool:
    return module == name or module.startswith(f"{name}{separator}")


def _is_package(module: str, language: Language, own: frozenset[str]) -> bool:
    """Whether it comes neither with the language nor from the solution."""
    if language is Language.PYTHON:
        top = module.partition(".")[0]
        return top not in sys.stdlib_module_names and top not in own
    top = module.partition("/")[0]
    if language is Language.GO:
        return "." in top and top not in own
    return not module.endswith("()") and top not in NODE and not module.startswith("#")


def in_command(rule: ImportRule, language: Language, command: Iterable[str]) -> Iterator[tuple[str, int, str]]:
    """``python -m http.server`` as the solution's own command."""
    words = list(command)
    for flag, module in itertools.pairwise(words):
        name = module.partition(" ")[0]
        if language is Language.PYTHON and flag == "-m" and any(_is_below(name, each, ".") for each in rule.forbidden):
            yield "solution.toml", 1, name
