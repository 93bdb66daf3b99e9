#!/bin/sh
# librivox.sh: the five LibriVox utterances of Debian's pocketsphinx-testdata, as "id<TAB>text" lines.
#
#   apt-get install pocketsphinx-testdata
#   tools/librivox.sh > ref.tsv          5 lines; the recording of a line is DIR/<id>.wav (16 kHz)
#   tools/librivox.sh --wav > list.txt   the same recordings, one path a line, in the same order
#
# STENO_LIBRIVOX_DIR names another folder than the package's.
set -eu

dir=${STENO_LIBRIVOX_DIR:-/usr/share/pocketsphinx/test/data/librivox}

case ${1-} in
'') want=text ;;
--wav) want=wav ;;
*)
    echo "usage: tools/librivox.sh [--wav]" >&2
    exit 2
    ;;
esac
if [ ! -r "$dir/transcription" ]; then
    echo "librivox.sh: $dir/transcription: not there; install pocketsphinx-testdata" >&2
    exit 1
fi

# A line is "<s> words </s> (id)".
awk -v dir="$dir" -v want="$want" '
    match($0, /\([^()]*\)[ \t\r]*$/) {
        id = substr($0, RSTART + 1)
        sub(/\).*/, "", id)
        text = substr($0, 1, RSTART - 1)
        gsub(/<\/?s>/, "", text)
        gsub(/^[ \t]+|[ \t]+$/, "", text)
        print want == "wav" ? dir "/" id ".wav" : id "\t" text
    }' "$dir/transcription"
