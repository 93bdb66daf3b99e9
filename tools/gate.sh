#!/bin/sh
# gate.sh [SRC]: what the compiler alone cannot promise of the privacy gate, checked below SRC (default src).
#   1. Drafts (steno_segment, steno_event) are named only where they are made and where they are handed to a gate: below.
#   2. Outside src/privacy nobody makes, fills or casts to what has been through a gate (released_segment, released_event), and only the
#      doors below take kept ones up again (released_kept()).
# Prints each line that does so; status 1 when there is one.
set -eu
src=${1:-src}
export LC_ALL=C

# Where drafts may be named, and why. A path that ends in a slash is a folder.
drafts() {
    cat <<'END'
engine/ makes them
listen/ makes them: what a transcript looks like as a segment
privacy/ takes them
api/service.c polls the engine and hands each event to its stream
api/voice.c hands a live stream's to its gate
api/voice.h says so
api/recording.c hands a recording's to its gate
api/watch_tap.c counts them, and hands the worst to a gate of its own
api/watch_tap.h says so
api/shadow_carrier.c hears what models in the shadow say, for nobody
api/shadow_tap.c holds them until they are compared, and hands the largest differences to a gate
api/shadow_tap.h says so
api/jobs_result.c lays out what was kept of released ones: see kept()
cmd/feeder.c hands a file's to its gate
cmd/live_local.c hands a local live stream's to its gate
cmd/bench_straggler.c measures times, shows no words
cmd/bench_speakers.c counts labels, shows no words
END
}

# Where released_kept() may be called.
kept() {
    cat <<'END'
api/jobs_result.c a job's words as the store kept them, after the gate
END
}

{
    drafts | sed 's/^/D /'
    kept | sed 's/^/K /'
    find "$src" -name '*.h' | sort | sed 's/^/F /'
    find "$src" -name '*.c' | sort | sed 's/^/F /'
} | awk -v src="$src/" '
    function is_door(doors, path,  d) {
        for (d in doors) if (d == path || (d ~ /\/$/ && index(path, d) == 1)) return 1
        return 0
    }
    function complain(what) { print file ":" line ": " what; bad = 1 }
    # Comments and strings are no code; a comment may go over lines.
    function code(text,  out, i) {
        gsub(/\\./, "", text)
        gsub(/"[^"]*"/, "\"\"", text)
        for (;;) {
            if (commented) {
                if (!(i = index(text, "*/"))) return out
                text = substr(text, i + 2); commented = 0
            }
            if (!(i = index(text, "/*"))) { sub(/\/\/.*/, "", text); return out text }
            out = out substr(text, 1, i - 1) " "; text = substr(text, i + 2); commented = 1
        }
    }
    # Names that are declared as something released that may be written to: in a header, members that any file may use.
    function learn(text,  rest, name) {
        rest = text
        gsub(/const +released_(segment|event)/, "", rest)
        while (match(rest, /released_(segment|event) *\**[A-Za-z_][A-Za-z_0-9]*/)) {
            name = substr(rest, RSTART, RLENGTH)
            rest = substr(rest, RSTART + RLENGTH)
            sub(/^released_(segment|event) *\**/, "", name)
            if (name != "" && file ~ /\.h$/) members[name] = 1
            if (name != "") names[name] = 1
        }
    }
    function check(text, path,  name) {
        if (text ~ /(^|[^A-Za-z_0-9])steno_(segment|event)([^A-Za-z_0-9]|$)/ && !is_door(drafts, path))
            complain("a draft: only what a gate released may be named here")
        if (path ~ /^privacy\//) return
        if (text ~ /\( *(const +)?released_(segment|event) *\**\)/ && text !~ /sizeof *\( *released_/)
            complain("nobody but a gate makes or casts to what is released")
        if (text ~ /released_(segment|event) +[A-Za-z_][A-Za-z_0-9]*(\[[^]]*\])* *= *\{/)
            complain("nobody but a gate makes what is released")
        if (text ~ /(^|[^A-Za-z_0-9])released_kept *\(/ && !is_door(kept, path))
            complain("released_kept() is for what a store kept")
        learn(text)
        for (name in names) if (fills(text, name)) complain("nobody but a gate fills what is released")
        if (is_door(drafts, path)) return
        for (name in members)
            if (!(name in names) && fills(text, name)) complain("nobody but a gate fills what is released")
    }
    function fills(text, name) {
        return text ~ ("(^|[^A-Za-z_0-9])" name "(\\.|->)[A-Za-z_.]+ *([-+|&]?=[^=]|\\+\\+|--)")
    }
    $1 == "D" { drafts[$2] = 1 }
    $1 == "K" { kept[$2] = 1 }
    $1 == "F" {
        file = $2; path = substr(file, length(src) + 1); line = 0; commented = 0
        split("", names)
        while ((getline text < file) > 0) { line++; check(code(text), path) }
        close(file)
    }
    END { exit bad }'
