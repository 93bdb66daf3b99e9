#!/bin/sh
# layers.sh [SRC]: checks every #include "folder/file.h" below SRC (default src) against tools/layers.txt.
# Prints each include that points the wrong way and each folder without a line; status 1 when there is one.
set -eu
src=${1:-src}
table=$(dirname "$0")/layers.txt
export LC_ALL=C
{
    find "$src" -mindepth 1 -maxdepth 1 -type d -printf 'D %f\n'
    find "$src" -name '*.[ch]' -exec grep -Hno '^[[:space:]]*#[[:space:]]*include[[:space:]]*"[^"]*"' {} + |
        sed 's/^\([^:]*\):\([0-9]*\):.*"\([^"]*\)"$/I \1 \2 \3/'
} | awk -v src="$src/" -v table="$table" '
    BEGIN {
        while ((getline line < table) > 0) {
            if (line ~ /^#/ || line !~ /:/) continue
            n = split(line, w, /[: ]+/)
            known[w[1]] = 1
            for (i = 2; i <= n; i++) if (w[i] != "") allowed[w[1], w[i]] = 1
        }
    }
    $1 == "D" && !($2 in known) { print src $2 ": no line in " table; bad = 1 }
    $1 == "I" {
        path = substr($2, length(src) + 1)
        from = path; sub(/\/.*/, "", from)
        if (index($4, "/") == 0) {
            if ($4 != "steno.h") { print $2 ":" $3 ": \"" $4 "\" has no folder"; bad = 1 }
            next
        }
        to = $4; sub(/\/.*/, "", to)
        if (to != from && !((from, to) in allowed)) {
            print $2 ":" $3 ": " from " may not include " $4; bad = 1
        }
        if (to != from && $4 ~ /_int\.h$/) { print $2 ":" $3 ": " $4 " is private to " to; bad = 1 }
    }
    END { exit bad }'
