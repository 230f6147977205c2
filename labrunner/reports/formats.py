"""The formats that ``--report`` knows; `labrunner.cli.options` names them without loading them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labrunner.reports import json

if TYPE_CHECKING:
    from collections.abc import Callable

    from labrunner.model.result import Result

RENDERERS: dict[str, Callable[[Result], bytes]] = {"json": json.render}
