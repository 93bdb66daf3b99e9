#!/bin/sh
# fuzz.sh BUILD RUNS: every fuzzer of BUILD for RUNS inputs, from fuzz/corpus/NAME where there are some. What a fuzzer
# finds is kept in BUILD/crashes. Status 1 when one of them finds something.
set -u
build=${1:-build-fuzz}
runs=${2:-20000}
status=0
mkdir -p "$build/crashes"
for fuzzer in "$build"/fuzz_*; do
    [ -x "$fuzzer" ] || continue # logs lie beside them
    name=$(basename "$fuzzer")
    corpus=$build/corpus/$name
    mkdir -p "$corpus"
    seeds=fuzz/corpus/$name
    [ -d "$seeds" ] || seeds=
    printf '%s: ' "$name"
    # shellcheck disable=SC2086 # seeds may be nothing
    if "$fuzzer" -runs="$runs" -max_len=65536 -timeout=10 -rss_limit_mb=2048 -artifact_prefix="$build/crashes/$name-" \
        "$corpus" $seeds >"$build/$name.log" 2>&1; then
        echo "$runs inputs, nothing found"
    else
        echo "FAILED, see $build/$name.log"
        tail -n 30 "$build/$name.log"
        status=1
    fi
done
exit $status
