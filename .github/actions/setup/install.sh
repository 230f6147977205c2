#!/usr/bin/env bash
# Installs this checkout into $RUNNER_TEMP/labrunner and puts `lab` on the PATH of the steps that follow.
#
# Runs in a folder of the runner's own, and Python with -I: what a learner pushed is neither imported nor executed.
set -euo pipefail

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd -P)
venv=$RUNNER_TEMP/labrunner

python3 -I -m venv "$venv"
"$venv/bin/python" -I -m pip install --quiet --disable-pip-version-check --no-input \
    --require-hashes --requirement "$checkout/.github/actions/setup/requirements.lock"
"$venv/bin/python" -I -m pip install --quiet --disable-pip-version-check --no-input \
    --no-deps --no-build-isolation "$checkout"
echo "$venv/bin" >>"$GITHUB_PATH"
"$venv/bin/lab" --version
