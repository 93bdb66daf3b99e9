#!/bin/sh
# capacity.sh BUILD: how many people at once this machine serves, how short commands fare beside long recordings, and ten
# minutes on end. About 25 minutes; the figures of README and docs/PERFORMANCE.md.
#
# People speak the 353 Debian prompts, silence cut off at both ends, in an order of their own each. With RUN='chrt -r 5' other
# work on the machine hardly counts.
set -eu
steno=${1:-build}/steno
run=${RUN-}
list=$(mktemp)
trap 'rm -f "$list"' EXIT
tools/prompts.sh --wav >"$list"

# measure TITLE OPTION…
measure() {
    printf '\n== %s\n' "$1"
    shift
    # shellcheck disable=SC2086 # a command and its options
    $run "$steno" bench live --corpus "$list" --ramp 10 --warm-up 15 "$@"
}

measure 'people who talk all the time and breathe for half a second after each sentence' --gap-ms 500 --find-capacity --streams 48
measure 'people who talk 40 % of the time' --talk-share 0.4 --find-capacity --streams 80
measure 'people who never pause' --gap-ms 0 --find-capacity --streams 32
measure 'commands beside recordings' --straggler --duration 25
measure 'ten minutes' --gap-ms 500 --streams "${PEOPLE:-56}" --duration 600
