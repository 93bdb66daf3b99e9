#!/bin/sh
# draft-in-sink.sh CC FLAGS…: a draft in a sink does not compile with the flags that everything is compiled with, and tools/gate.sh
# names what compiles and should not be there. Run at the top of the tree.
set -u
cc=$1
shift
here=tests/unit/privacy
bad=0
place=$(mktemp -d) || exit 1
trap 'rm -rf "$place"' EXIT

fail() {
    echo "draft-in-sink.sh: $*" >&2
    bad=1
}

compile() { "$cc" -std=gnu17 -fsyntax-only -D_GNU_SOURCE -Isrc -Iinclude "$@" $here/draft_in_sink.c 2>"$place/said"; }

compile "$@" || fail "what was released does not compile: $(cat "$place/said")"
if compile "$@" -DDRAFT; then fail "a draft in a sink compiles"; fi
grep -q incompatible "$place/said" || fail "it does not compile for another reason: $(cat "$place/said")"

# offends NAME LINE…: a file of these lines in a sink's folder is complained of, in its last line only.
offends() {
    name=$1
    shift
    mkdir -p "$place/src/api"
    printf '%s\n' "$@" >"$place/src/api/sink.c"
    said=$(tools/gate.sh "$place/src") && fail "$name: gate.sh does not mind"
    [ "$(printf '%s\n' "$said" | cut -d: -f2)" = "$#" ] || fail "$name: gate.sh says: $said"
}

offends 'a draft' '/* a steno_segment in a comment */' 'static const char *s = "steno_event";' 'void f(const steno_segment *s);'
offends 'one made' 'released_segment s = other();' 'released_segment t = {.text = x};'
offends 'a literal' 'x = sizeof(released_segment);' 'f(&(released_segment){.text = x});'
offends 'a cast' 'f((const released_event *)(const void *)x);'
offends 'one filled' 'void f(const released_segment *c) {' 'released_segment s = *c; if (c->n == 1 && s.n == 1) return;' 's.text = x; }'
offends 'a member filled' 'typedef struct a { released_segment segment; } a;' 'if (x->segment.n_words == 1) x->segment.text = y;'
offends 'one kept' 'released_segment s = released_kept(&x, NULL, 0);'
mkdir -p "$place/none/api"
echo 'void f(const released_segment *s);' >"$place/none/api/sink.c"
tools/gate.sh "$place/none" || fail 'gate.sh minds what is right'
exit $bad
