"""The small Redis clients that learners of rate-limiting are given, against a real Redis."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from labrunner.companions.known import Known
from labrunner.model.lab import Language
from labrunner.runtimes.process.toolchains import find_go, find_node

if TYPE_CHECKING:
    from labrunner.runtimes.process.companion import ProcessCompanion
    from labrunner.runtimes.process.runtime import ProcessRuntime

SCAFFOLDS = Path(__file__).parents[2] / "scaffolds" / "rate-limiting"
CLIENTS = {Language.PYTHON: "redis_client.py", Language.TYPESCRIPT: "redis_client.ts", Language.GO: "redis.go"}
PROGRAMS = {
    Language.PYTHON: """\
import os
from redis_client import Connection, RedisError
redis = Connection(os.environ["REDIS_URL"], 5)
for words in (("SET", "word", "x"), ("MULTI",), ("INCR", "word"), ("SET", "word", "y")):
    redis.ask(*words)
try:
    print(redis.ask("EXEC"))
except RedisError as error:
    print("error:", error)
print(redis.ask("PING"))
""",
    Language.TYPESCRIPT: """\
import { Connection, RedisError } from "./redis_client.ts";
const redis = new Connection(process.env.REDIS_URL!, 5000);
for (const words of [["SET", "word", "x"], ["MULTI"], ["INCR", "word"], ["SET", "word", "y"]]) {
  await redis.ask(...words);
}
try {
  console.log(await redis.ask("EXEC"));
} catch (error) {
  console.log("error:", error instanceof RedisError && error.message);
}
console.log(await redis.ask("PING"));
redis.lose("done");
""",
    Language.GO: """\
package main

import (
	"fmt"
	"os"
	"time"
)

func main() {
	redis, err := dialRedis(os.Getenv("REDIS_URL"), 5*time.Second)
	if err != nil {
		panic(err)
	}
	for _, words := range [][]string{{"SET", "word", "x"}, {"MULTI"}, {"INCR", "word"}, {"SET", "word", "y"}} {
		if _, err := redis.Ask(words...); err != nil {
			panic(err)
		}
	}
	if reply, err := redis.Ask("EXEC"); err != nil {
		fmt.Println("error:", err.(RedisError))
	} else {
		fmt.Println(reply)
	}
	reply, _ := redis.Ask("PING")
	fmt.Println(reply)
}
""",
}


@pytest.fixture
def redis(runtime: ProcessRuntime, tmp_path: Path) -> ProcessCompanion:
    """A ready one."""
    started = runtime.companion(Known(tmp_path, ("redis",)).kind("redis", {}), name="redis")
    started.wait_ready()
    return started


def _command(language: Language, folder: Path) -> list[str]:
    if language is Language.PYTHON:
        return [sys.executable, "main.py"]
    if language is Language.TYPESCRIPT:
        return [str(find_node() / "node"), "main.ts"]
    shutil.copy(SCAFFOLDS / "go" / "go.mod", folder)
    return [str(find_go() / "go"), "run", "."]


@pytest.mark.parametrize("language", PROGRAMS)
def test_an_error_within_a_transaction_leaves_the_connection_usable(
    language: Language, redis: ProcessCompanion, cache: Path, tmp_path: Path
) -> None:
    """EXEC answers with an array that holds it: the next command gets its own reply, not the rest of that one."""
    folder = tmp_path / "program"
    folder.mkdir()
    shutil.copy(SCAFFOLDS / language.value / CLIENTS[language], folder)
    suffix = Path(CLIENTS[language]).suffix
    (folder / f"main{suffix}").write_text(PROGRAMS[language])
    env = {**os.environ, "REDIS_URL": redis.url, "GOCACHE": str(cache / "go-build"), "CGO_ENABLED": "0"}
    done = subprocess.run(_command(language, folder), cwd=folder, env=env, capture_output=True, text=True, timeout=600,
                          check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["error: ERR value is not an integer or out of range", "PONG"]
