#!/usr/bin/env bash
# Shows what grade.sh wrote: the job's summary, annotations, outputs. Nothing is here when grading did not begin.
set -euo pipefail

results=$RUNNER_TEMP/labrunner-result
cd "$results"

# Names that systems know files by.
rename() { [ ! -f "$1" ] || mv "$1" "$2"; }
rename json result.json
rename junit junit.xml
rename gitlab gitlab.xml
rename markdown summary.md
rename github annotations.txt
rename gradescope gradescope.json
rename html report.html

[ -f result.json ] || exit 0
cat summary.md >>"$GITHUB_STEP_SUMMARY"
cat annotations.txt
score=$("$RUNNER_TEMP/labrunner/bin/python" -I -c \
    'import json, sys; value = json.load(open(sys.argv[1]))["score"]["value"]; print("" if value is None else f"{value:.4f}")' \
    result.json)
echo "score=$score" >>"$GITHUB_OUTPUT"
if [ -f envelope.json ]; then
    echo "digest=$(sha256sum envelope.json | cut -d ' ' -f 1)" >>"$GITHUB_OUTPUT"
fi
