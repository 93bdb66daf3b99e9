#!/bin/sh
# config-docs.sh STENO: writes docs/man/steno.conf.5 and the tables in docs/configuration.md as the program has them.
set -eu
steno=${1:-build/steno}
cd "$(dirname "$0")/.."
new=$(mktemp)
trap 'rm -f "$new"' EXIT
"$steno" config reference --format man >docs/man/steno.conf.5
{
    sed '/^<!-- keys/q' docs/configuration.md
    "$steno" config reference
    sed -n '/^<!-- end of keys/,$p' docs/configuration.md
} >"$new"
cat "$new" >docs/configuration.md
