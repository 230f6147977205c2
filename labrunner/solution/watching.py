"""What was saved in a solution, while it happens."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import watchfiles

from labrunner.errors import EnvironmentProblem
from labrunner.solution.intake import is_left_out

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator

LOOK_MS = 100
"""How long a look takes at most when nothing is saved."""
TOGETHER_MS = 50
"""An editor writes, renames and removes within moments: what follows so soon belongs to the same save."""
LONGEST_MS = 1000
"""A save that goes on (a checkout, a formatter) is told after so long."""


def saves(solution: Path, is_over: threading.Event) -> Iterator[tuple[str, ...]]:
    """Look again and again; each time the names of the files that were saved, changed or removed since, none mostly.

    What is no part of a solution (`labrunner.solution.intake`) is not looked at.

    Args:
        solution: its directory, resolved.
        is_over: ends it, once set.

    Raises:
        EnvironmentProblem: the system does not tell what is saved there.
    """

    def is_part(_: watchfiles.Change, path: str) -> bool:
        return not any(map(is_left_out, Path(path).relative_to(solution).parts))

    looks = watchfiles.watch(
        solution, watch_filter=is_part, debounce=LONGEST_MS, step=TOGETHER_MS, rust_timeout=LOOK_MS, yield_on_timeout=True,
        ignore_permission_denied=True, stop_event=is_over,
    )  # fmt: skip
    try:
        for changes in looks:
            yield tuple(sorted({str(Path(path).relative_to(solution)) for _, path in changes}))
    except OSError as fault:
        raise EnvironmentProblem(
            f"This machine does not tell what is saved in {solution}: {fault}.",
            "Raise fs.inotify.max_user_watches, or set WATCHFILES_FORCE_POLLING=true.",
        ) from None
