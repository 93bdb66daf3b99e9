#!/bin/sh
# run-tests.sh BUILD unit|all: runs CTest's programs and, with all, the include directions and the end-to-end scripts.
# The last line of all it prints is "N passed, N failed, N skipped"; status 1 when something failed.
set -u
build=${1:-build}
what=${2:-all}
passed=0 failed=0 skipped=0
: "${STENO_MODELS:=$build/models}" "${STENO_GOLDEN:=$build/golden}" "${STENO_PRIVACY:=$build/privacy}"
export STENO_MODELS STENO_GOLDEN STENO_PRIVACY

# add "N passed, N failed[, N skipped]"
add() {
    # shellcheck disable=SC2046 # three numbers
    set -- $(printf '%s\n' "$1" | awk '{
        for (i = 2; i <= NF; i++) { v = $(i - 1); if ($i ~ /^passed/) p = v; if ($i ~ /^failed/) f = v; if ($i ~ /^skipped/) s = v }
        print p + 0, f + 0, s + 0 }')
    passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
}

# attribute NAME FILE: a number of the <testsuite> element
attribute() { sed -n "s/.*<testsuite.*/&/; s/^.*[[:space:]]$1=\"\([0-9]*\)\".*$/\1/p" "$2" | head -n 1; }

report=$PWD/$build/ctest.xml
rm -f "$report"
ctest --test-dir "$build" --output-on-failure --output-junit "$report" -j "$(nproc)"
if [ -s "$report" ]; then
    tests=$(tr '\n' ' ' <"$report" | sed 's/>/>\n/g' >"$report.flat"; attribute tests "$report.flat")
    bad=$(attribute failures "$report.flat")
    left_out=$(attribute skipped "$report.flat")
    disabled=$(attribute disabled "$report.flat")
    left_out=$((${left_out:-0} + ${disabled:-0}))
    add "$((${tests:-0} - ${bad:-0} - left_out)) passed, ${bad:-0} failed, $left_out skipped"
else
    echo "run-tests.sh: CTest left no report" >&2
    add "0 passed, 1 failed"
fi

if [ "$what" = all ]; then
    for check in layers gate; do
        if tools/$check.sh; then add "1 passed, 0 failed"; else add "0 passed, 1 failed"; fi
    done
    # What the scripts of deploy/ say in their last line counts.
    for script in "make-deb.sh $build $STENO_MODELS $build/deb" "test-deb.sh $build/deb" "test-unit.sh $build/steno" "test-docker.sh $build/steno"; do
        # shellcheck disable=SC2086 # words
        deploy/$script 2>&1 | tee "$build/deploy.log"
        last=$(tail -n 1 "$build/deploy.log")
        case $last in
        *passed,*failed*) add "$last" ;;
        *.deb) ;;
        *) add "0 passed, 1 failed" ;;
        esac
    done
    log=$build/e2e.log
    for script in "tests/privacy/run.mjs $build" tests/e2e/run.mjs; do
        # shellcheck disable=SC2086 # words
        STENO=$build/steno node $script 2>&1 | tee "$log"
        last=$(tail -n 1 "$log")
        case $last in
        *passed,*failed*) add "$last" ;;
        *) add "0 passed, 1 failed" ;;
        esac
    done
fi

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
