"""The formats that ``--report`` knows; `labrunner.cli.options` names them without loading them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labrunner.reports import github, gitlab, gradescope, html, json, junit, markdown

if TYPE_CHECKING:
    from collections.abc import Callable

    from labrunner.model.result import Result

RENDERERS: dict[str, Callable[[Result], bytes]] = {
    "json": json.render,
    "junit": junit.render,
    "gitlab": gitlab.render,
    "markdown": markdown.render,
    "github": github.render,
    "gradescope": gradescope.render,
    "html": html.render,
}
_PLACED: dict[str, Callable[[Result, str], bytes]] = {"gitlab": gitlab.render, "github": github.render}


def render(name: str, result: Result, folder: str = "") -> bytes:
    """The report called `name`.

    Args:
        name: a key of `RENDERERS`.
        result: what is reported.
        folder: where in its repository the solution lies, for reports that point at files.
    """
    return _PLACED[name](result, folder) if name in _PLACED else RENDERERS[name](result)
