#!/bin/sh
# test-unit.sh [STENO]: the systemd unit is right (systemd-analyze verify, security), and the server works with the system
# calls and the memory that it leaves. Last line: "N passed, N failed, N skipped".
set -u
cd "$(dirname "$0")/.." || exit 1
: "${STENO_MODELS:=$PWD/build/models}"
export STENO_MODELS
steno=$(realpath "${1:-build/steno}")
unit=deploy/steno.service
work=$(mktemp -d)
server=''
trap '[ -z "$server" ] || kill -9 "$server" 2>/dev/null; rm -rf "$work"' EXIT
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

# until_said PATTERN: for a minute at most.
until_said() {
    tries=0
    until grep -q "$1" "$work/said"; do
        tries=$((tries + 1))
        [ "$tries" -lt 300 ] || { echo "never said: $1"; cat "$work/said" "$work/serve.log"; return 1; }
        sleep 0.2
    done
}

# What systemd hears of a start, of signs of life, of a reload and of the end.
notifies() {
    "$work/notified" "$work/socket" "$steno" serve --port 0 --data-dir "$work/data" >"$work/said" 2>"$work/serve.log" &
    server=$!
    until_said '^READY=1 STATUS=listening on 127' && until_said '^WATCHDOG=1' || return 1
    kill -HUP "$server"
    until_said '^RELOADING=1 MONOTONIC_USEC=[0-9]' && until_said '^READY=1 $' || return 1
    kill "$server"
    wait "$server" || return 1
    server=''
    until_said '^STOPPING=1'
}

check "cc notified.c" cc -Wall -Wextra -o "$work/notified" deploy/notified.c
check "Type=notify, WatchdogSec, reloads" notifies

if ! command -v systemd-analyze >/dev/null; then
    echo "skipped  unit: systemd-analyze is not installed"
    echo "$passed passed, $failed failed, 1 skipped"
    exit "$failed"
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
