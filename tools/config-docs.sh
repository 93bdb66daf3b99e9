#!/bin/sh
# config-docs.sh STENO: writes docs/man/steno.conf.5, the list of options in docs/man/steno-serve.1 and the tables in
# docs/configuration.md as the program has them.
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
# The options that are keys: one bold name a line between the sentence before them and the next section.
{
    sed '/^Every key of/q' docs/man/steno-serve.1
    "$steno" serve --help | sed -n 's/^  --\([a-z-]*\) .*/\1/p' | grep -vx config | sed 's/-/\\-/g; s/.*/\\fB\\-\\-&\\fR,/; $s/,$/./'
    sed -n '/^\.SH SIGNALS/,$p' docs/man/steno-serve.1
} >"$new"
cat "$new" >docs/man/steno-serve.1
