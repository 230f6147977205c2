#!/usr/bin/env bash
# The images that containers start from: pulled by digest where a release published them, built where it did not.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)

while read -r tag reference; do
    case $tag in "" | "#"*) continue ;; esac
    # Not there, or not in reach: then it is built below.
    docker pull --quiet "$reference" && docker tag "$reference" "$tag" || echo "$tag is built here"
done <"$here/images.lock"

"$RUNNER_TEMP/labrunner/bin/lab" images build
