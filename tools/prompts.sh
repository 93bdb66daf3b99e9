#!/bin/sh
# prompts.sh: the English reference set, as "id<TAB>text" lines, from Debian's own packages and nothing else.
#
#   apt-get install asterisk-core-sounds-en asterisk-core-sounds-en-wav
#   tools/prompts.sh > ref.tsv           353 lines, 2,943 words as `steno score` counts them
#   tools/prompts.sh --wav > list.txt    the same 353 recordings, one path a line, in the same order
#
# A prompt is used when its id has no slash (no digits/, letters/ … folder), its line has no square bracket (those
# describe tones, not words), and its recording (8 kHz, 16 bit, mono, 44-byte header) exists and lasts at least 0.25 s.
# STENO_PROMPTS_TEXT and STENO_PROMPTS_DIR name another transcript (gzip) and another folder of recordings.
set -eu

text=${STENO_PROMPTS_TEXT:-/usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz}
dir=${STENO_PROMPTS_DIR:-/usr/share/asterisk/sounds/en}
min_bytes=4044 # 44 + 0.25 s * 8000 Hz * 2 bytes

case ${1-} in
'') want=text ;;
--wav) want=wav ;;
*)
    echo "usage: tools/prompts.sh [--wav]" >&2
    exit 2
    ;;
esac
if [ ! -r "$text" ]; then
    echo "prompts.sh: $text: not there; install asterisk-core-sounds-en (slim images leave documents out: get the" \
        "package with 'apt-get download', unpack it with 'dpkg-deb -x' and set STENO_PROMPTS_TEXT)" >&2
    exit 1
fi
if [ ! -d "$dir/" ]; then
    echo "prompts.sh: $dir: not there; install asterisk-core-sounds-en-wav" >&2
    exit 1
fi

# First the sizes ("S bytes name"), then the transcript ("T id: text").
{
    find -L "$dir/" -maxdepth 1 -type f -name '*.wav' -printf 'S\t%s\t%f\n'
    gzip -dc "$text" | sed 's/^/T\t/'
} | awk -F '\t' -v dir="$dir" -v want="$want" -v min_bytes="$min_bytes" '
    $1 == "S" { bytes[$3] = $2; next }
    {
        line = substr($0, 3)
        sub(/\r$/, "", line)
        colon = index(line, ":")
        if (line ~ /^;/ || colon == 0 || line ~ /[][]/) next
        id = substr(line, 1, colon - 1)
        text = substr(line, colon + 1)
        gsub(/^[ \t]+|[ \t]+$/, "", text)
        if (id ~ /\// || bytes[id ".wav"] + 0 < min_bytes + 0) next
        print want == "wav" ? dir "/" id ".wav" : id "\t" text
    }'
