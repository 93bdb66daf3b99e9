#!/bin/sh
# test-unit.sh [STENO]: the systemd unit is right (systemd-analyze verify, security), and the server works with the system
# calls and the memory that it leaves. Last line: "N passed, N failed, N skipped".
set -u
cd "$(dirname "$0")/.."
: "${STENO_MODELS:=$PWD/build/models}"
export STENO_MODELS
steno=$(realpath "${1:-build/steno}")
unit=deploy/steno.service
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

# check NAME COMMAND…
check() {
    name=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        passed=$((passed + 1))
        echo "ok       unit: $name"
    else
        failed=$((failed + 1))
        echo "NOT OK   unit: $name"
        cat "$work/log"
    fi
}

# shellcheck disable=SC2046,SC2086 # words
# The system calls of the unit's SystemCallFilter lines, as systemd reads them: the first line allows, "~" takes away.
allowed_calls() {
    systemd-analyze --no-pager syscall-filter >"$work/sets"
    sed -n 's/^SystemCallFilter=//p' "$unit" | while read -r words; do
        case $words in
        "~"*) printf -- '-%s\n' $(printf '%s' "$words" | tr -d '~') ;;
        *) printf '%s\n' $words ;;
        esac
    done |
    awk -v sets="$work/sets" '
        BEGIN {
            while ((getline line < sets) > 0) {
                if (line ~ /^@/) { set = line; sub(/ .*/, "", set) }
                else if (line ~ /^    [a-z@_0-9]+/) { sub(/^ */, "", line); members[set] = members[set] " " line }
            }
        }
        function apply(name, on,    list, n, i) {
            if (name !~ /^@/) { allowed[name] = on; return }
            n = split(members[name], list, " ")
            for (i = 1; i <= n; i++) apply(list[i], on)
        }
        /^-/ { apply(substr($0, 2), 0); next }
        { apply($0, 1) }
        END { apply("@default", 1); for (name in allowed) if (allowed[name]) print name }' >"$work/calls"
    [ "$(wc -l <"$work/calls")" -gt 150 ]
}

if ! command -v systemd-analyze >/dev/null; then
    echo "skipped  unit: systemd-analyze is not installed"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi

sed "s|/usr/bin/steno|$steno|" "$unit" >"$work/steno.service"
check "systemd-analyze verify" systemd-analyze verify --man=no "$work/steno.service"
# Of 10; what is above 1.5 has lost a line.
check "exposure at most 1.5" systemd-analyze security --offline=true --threshold=15 "$unit"
sed -n 's/^.*Overall/         unit: overall/p' "$work/log"

# shellcheck disable=SC2046 # words
check "cc confined.c" cc -Wall -Wextra -o "$work/confined" deploy/confined.c $(pkg-config --cflags --libs libseccomp)
check "the unit's system calls" allowed_calls
printf '#!/bin/sh\nexec "%s" "%s" "%s" "$@"\n' "$work/confined" "$work/calls" "$steno" >"$work/steno"
chmod +x "$work/steno"
grep -vx socket "$work/calls" >"$work/fewer"
check "that a filter is noticed" sh -c "! '$work/confined' '$work/fewer' '$steno' serve --port 0"
for name in 'serve: a recording in odd pieces' 'SIGHUP gives new' 'openapi: real answers' \
    'jobs: a webhook is signed' 'jobs: webhooks over TLS'; do
    check "under the filter: $name" sh -c "STENO='$work/steno' node tests/e2e/run.mjs '$name' | tee /dev/stderr | grep -q '^[1-9].* 0 failed'"
done

echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
