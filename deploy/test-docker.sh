#!/bin/sh
# test-docker.sh [STENO]: the health check of the Dockerfile works on a server; with an engine, the image is built, becomes
# healthy and ends in order. Last line: "N passed, N failed, N skipped".
set -u
cd "$(dirname "$0")/.." || exit 1
steno=${1:-build/steno}
: "${STENO_MODELS:=$PWD/build/models}"
export STENO_MODELS
work=$(mktemp -d)
export XDG_DATA_HOME="$work" # not what the user has
server='' container='' passed=0 failed=0 skipped=0

finish() {
    [ -z "$server" ] || kill -9 "$server" 2>/dev/null
    [ -z "$container" ] || "$engine" rm -f "$container" >/dev/null
    rm -rf "$work"
}
trap finish EXIT

check() {
    name=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        passed=$((passed + 1))
        echo "ok       docker: $name"
    else
        failed=$((failed + 1))
        echo "NOT OK   docker: $name"
        tail -n 30 "$work/log"
    fi
}

# until_true COMMAND…: for a minute at most.
until_true() {
    tries=0
    until "$@"; do
        tries=$((tries + 1))
        [ "$tries" -lt 300 ] || return 1
        sleep 0.2
    done
}

# The command of HEALTHCHECK, run here against a port.
health() {
    sed -n 's/^HEALTHCHECK.* CMD //p' deploy/Dockerfile >"$work/health.json"
    STENO_SERVER_PORT=$1 node -e '
        const [command, ...args] = JSON.parse(require("fs").readFileSync(process.argv[1], "utf8"));
        process.exit(require("child_process").spawnSync(command, args, { stdio: "inherit" }).status);' "$work/health.json"
}

healthy_here() {
    "$steno" serve --port 0 2>"$work/serve.log" &
    server=$!
    until_true grep -q listening "$work/serve.log" || return 1
    port=$(sed -n 's/.*http:\/\/[^ ]*:\([0-9]*\)\/.*/\1/p' "$work/serve.log")
    health "$port" || return 1
    kill -9 "$server"
    wait "$server" 2>/dev/null
    server=''
    ! health "$port" # nobody is there: not healthy
}

is_healthy() { [ "$("$engine" inspect -f '{{.State.Health.Status}}' "$container")" = healthy ]; }
runs() {
    container=$("$engine" run -d --read-only --tmpfs /tmp --cap-drop ALL -e STENO_SERVER_ALLOW_ANONYMOUS=yes --health-interval 1s steno-test) || return 1
    until_true is_healthy || return 1
    "$engine" exec "$container" id -un | grep -qx steno || return 1
    "$engine" stop -t 30 "$container" && [ "$("$engine" inspect -f '{{.State.ExitCode}}' "$container")" = 0 ]
}

check "the health check tells a server from none" healthy_here
engine=
for e in docker podman; do if [ -z "$engine" ] && "$e" info >/dev/null 2>&1; then engine=$e; fi; done
if [ -n "$engine" ]; then
    check "the image is built" "$engine" build -q -f deploy/Dockerfile -t steno-test .
    check "it becomes healthy, as a user without rights, and ends in order" runs
else
    skipped=1
    echo "skipped  docker: the image: no engine runs here"
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
