#!/usr/bin/env bash
# Grades $INPUT_PATH. Reports go to $RUNNER_TEMP/labrunner-result, which no container sees; the exit code is an output.
set -euo pipefail

results=$RUNNER_TEMP/labrunner-result
rm -rf "$results"
mkdir -p "$results"

arguments=(--lab "$INPUT_LAB" --runtime docker --folder "${INPUT_FOLDER:-$INPUT_PATH}")
arguments+=(--owner "$INPUT_OWNER" --attempt "$RUN_ATTEMPT" --run-id "$RUN_ID")
arguments+=(--repository "$INPUT_REPOSITORY" --commit "$INPUT_COMMIT" --envelope "$results/envelope.json")
for format in json junit gitlab markdown github gradescope html; do
    arguments+=(--report "$format=$results/$format")
done
[ -z "$INPUT_PACK" ] || arguments+=(--pack "$GITHUB_WORKSPACE/$INPUT_PACK")
[ -z "$INPUT_ASSIGNMENT" ] || arguments+=(--assignment "$GITHUB_WORKSPACE/$INPUT_ASSIGNMENT")
[ -z "$INPUT_MINIMUM" ] || arguments+=(--minimum "$INPUT_MINIMUM")
[ -z "$INPUT_PUSHED_AT" ] || arguments+=(--pushed-at "$INPUT_PUSHED_AT")
[ -z "$INPUT_SEED" ] || arguments+=(--seed "$INPUT_SEED")

# What a service wrote is shown below. The runner obeys commands in what is printed, unless it is told to stop
# until a word that nobody can know before.
word=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
echo "::stop-commands::$word"
code=0
"$RUNNER_TEMP/labrunner/bin/lab" grade "$GITHUB_WORKSPACE/$INPUT_PATH" "${arguments[@]}" || code=$?
echo "::$word::"

echo "code=$code" >>"$GITHUB_OUTPUT"
