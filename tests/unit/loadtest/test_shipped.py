from __future__ import annotations

import ast
import json
import re
import sys
from pathlib import Path

from labrunner import loadtest
from labrunner.loadtest.shipped import FILES, program
from labrunner.runtimes.docker.recipes import RECIPES

ROOT = Path(__file__).parents[3]


def test_the_child_needs_nothing_of_ours_but_what_is_sent() -> None:
    """In its container there is Python, Locust, and these files."""
    allowed = {*sys.stdlib_module_names, "gevent", "locust"}
    for name, source in json.loads(program())["files"].items():
        for node in ast.walk(ast.parse(source)):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for module in modules:
                is_sent = module.startswith("labrunner.loadtest.") and f"{module.rpartition('.')[2]}.py" in FILES
                assert is_sent or module.split(".")[0] in allowed, f"{name} imports {module}"


def test_every_file_of_the_child_exists() -> None:
    """And none is sent twice."""
    folder = Path(str(loadtest.__file__)).parent
    assert len(set(FILES)) == len(FILES)
    assert all((folder / name).is_file() for name in FILES)


def test_the_image_has_the_locked_locust() -> None:
    """The same Locust here and in a container."""
    locked = re.search(r"^locust==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    built = re.search(r"locust==(\S+)", (RECIPES["load"].folder / "Dockerfile").read_text())
    assert locked is not None
    assert built is not None
    assert locked[1] == built[1]
