#!/bin/sh
# lint.sh BUILD: formatting, include directions, clang-tidy and cppcheck over the tree. Status 1 at the first complaint
# of each, after all have run. BUILD holds compile_commands.json. What is not installed is named and left out.
set -u
build=${1:-build}
status=0

note() { printf 'lint: %s\n' "$*"; }
sources() { find src include tests fuzz bench -name node_modules -prune -o -name '*.[ch]' -print | sort; }

if command -v clang-format >/dev/null 2>&1; then
    note "formatting"
    # shellcheck disable=SC2046 # names without blanks
    clang-format --dry-run -Werror $(sources) || status=1
else
    note "clang-format is not installed"
fi

note "include directions"
tools/layers.sh || status=1
note "drafts and what is released"
tools/gate.sh || status=1

if command -v clang-tidy >/dev/null 2>&1 && [ -f "$build/compile_commands.json" ]; then
    note "clang-tidy"
    # gcc's own flags mean nothing to clang
    find src -name '*.c' ! -path src/base/err.c | sort | xargs -P "$(nproc)" -n 4 clang-tidy -p "$build" --quiet \
        --warnings-as-errors='*' --extra-arg=-Wno-unknown-warning-option --extra-arg=-include \
        --extra-arg="$PWD/tools/lint.h" 2>/dev/null || status=1
else
    note "clang-tidy is not installed, or $build is not configured"
fi

if command -v cppcheck >/dev/null 2>&1; then
    note "cppcheck"
    cppcheck --std=c11 --language=c --enable=warning,portability --inline-suppr --quiet --error-exitcode=1 \
        --suppress=missingIncludeSystem --suppress=invalidFunctionArg:src/kern/kern_ref.c \
        --suppress=uninitvar:src/listen/transcript.c -j "$(nproc)" -Isrc -Iinclude src || status=1
else
    note "cppcheck is not installed"
fi

[ $status -eq 0 ] && note "nothing to say"
exit $status
