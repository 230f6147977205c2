"""A runner to be killed: starts all that a run starts, over and over."""

import sys
from pathlib import Path

from labrunner.model.lab import Language, ServiceSpec
from labrunner.model.solution import Solution, Staged
from labrunner.runtimes.docker.runtime import DockerRuntime

folder = Path(sys.argv[1])
solution = Solution(folder, "greeter", Language.PYTHON, ("python", "main.py"))
print("begun", flush=True)
while True:
    runtime = DockerRuntime()
    staged = Staged(solution, folder, f"sha256:{sys.argv[2]}")
    runtime.build(staged)
    witness = runtime.witness()
    for number in range(2):
        runtime.launch(staged, {}, name=f"service-{number}").wait_ready(ServiceSpec("/healthz", 30_000, ()))
    runtime.close()
