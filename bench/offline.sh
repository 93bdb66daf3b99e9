#!/bin/sh
# offline.sh BUILD: what steno costs on the Debian recordings: the 353 prompts on one thread and on two, int8 and fp32,
# then the LibriVox utterances one at a time.
set -eu
steno=${1:-build}/steno
list=$(mktemp)
trap 'rm -f "$list"' EXIT
tools/prompts.sh --wav >"$list"

# measure TITLE OPTION…
measure() {
    printf '\n== %s\n' "$1"
    shift
    "$steno" bench offline "$@"
}

measure '353 prompts, one thread' --list "$list" --threads 1 --repeat 3
measure '353 prompts, one thread, voice activity off' --list "$list" --threads 1 --repeat 3 --vad off
measure '353 prompts, two threads' --list "$list" --threads 2 --repeat 3
measure '353 prompts, base, one thread' --list "$list" --threads 1 --model base
measure '353 prompts, fp32, one thread' --list "$list" --threads 1 --precision fp32
tools/librivox.sh --wav >"$list"
measure 'LibriVox utterances, one at a time' --list "$list" --threads 1 --alone --repeat 20
