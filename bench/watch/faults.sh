#!/bin/sh
# faults.sh BUILD: the table of faults in docs/watching.md, of tests/watch/test_faults: medians of FAULTS_DRAWS (default 9) lives at each rate.
set -eu
build=$1
page=docs/watching.md
rows=$(mktemp)
trap 'rm -f "$rows"' EXIT
FAULTS_DRAWS=${FAULTS_DRAWS:-9} "$build/test_faults" | tee /dev/stderr | grep '^|' >"$rows"
awk -v rows="$rows" '
    /^<!-- end of faults -->/ { inside = 0 }
    !inside { print }
    /^<!-- faults -->/ {
        inside = 1
        print "| Fault | Named | 200 an hour | 1,000 | 20,000 |"
        print "|---|---|---|---|---|"
        while ((getline row < rows) > 0) print row
    }' "$page" >"$page.new"
mv "$page.new" "$page"
