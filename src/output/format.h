/* format.h: a transcript on its way to a file. One table of functions a format; all of them stream, so a
 * recording of any length is written in constant memory.
 *
 * Owner: the main thread; an `output` is plain memory. Everything written is valid UTF-8 whatever the input was.
 * Invariant: nothing is written before output_begin(), and a begun output ended by output_end() is a whole document.
 */
#ifndef STENO_OUTPUT_FORMAT_H
#define STENO_OUTPUT_FORMAT_H

#include "output/speakers.h"
#include "privacy/released.h"

#include <stdio.h>

#define OUTPUT_CHANNELS_MAX 8 /* whose speakers are counted */

/* What is known before the first segment. Pointers outlive the output. */
typedef struct output_head {
    const char *file;              /* as the user named it: any bytes */
    const char *model, *language;  /* "tiny", "en" */
    bool split;                    /* one stream a channel: segments say which */
    bool words;                    /* write words with times where the format has room for them */
    bool entities;                 /* say what personal data was found, where the format has room for it */
    bool many;                     /* other recordings go to the same stream: say which one this is */
    bool first;                    /* the first recording on its stream */
    const speaker_names *speakers; /* segments say who speaks, by these names; NULL: nobody was asked */
    bool turns;                    /* output_turns() will say who spoke when */
} output_head;

/* What is known after the last one. */
typedef struct output_tail {
    double duration_s;
    double media_cpu_s;
    const steno_stats *stats;
    const char *error; /* why the transcript is incomplete, or NULL */
} output_tail;

typedef struct output output;

typedef struct output_format {
    const char *name;      /* as in --format */
    const char *extension; /* of files in --output-dir */
    bool one_document;     /* a second recording on the same stream would spoil the file */
    void (*begin)(output *o);
    /* channel counts from 1 */
    void (*segment)(output *o, int channel, const released_segment *segment);
    void (*end)(output *o, const output_tail *tail);
    void (*turns)(output *o, int channel, const steno_turn *turns, uint32_t n); /* NULL: has no room for them */
} output_format;

struct output {
    const output_format *format;
    FILE *out;
    output_head head;
    uint32_t segments, cues;        /* written so far */
    int last_channel, last_speaker; /* of the last line of text; channel 0: there is none */
    double spoken_s[OUTPUT_CHANNELS_MAX][STENO_SPEAKERS_MAX + 1]; /* how long who spoke; first OTHER, then 0, 1 … */
    int error;                                                    /* errno of the first refusal, or 0 */
};

extern const output_format output_text, output_json, output_srt, output_vtt, output_ctm, output_tsv, output_rttm;

/* The format called `name`, or NULL. */
const output_format *output_format_find(const char *name);

/* Each reports STENO_E_IO, with the operating system's reason, when the stream refused bytes. Segments are flushed one
 * by one so that a reader at the other end of a pipe sees them as they come. */
STENO_CHECK steno_err output_begin(output *o, const output_format *format, FILE *out, const output_head *head);
STENO_CHECK steno_err output_segment(output *o, int channel, const released_segment *segment);
/* Who spoke when, in the order of time; any number of times before output_end(). Formats without room for it write nothing. */
STENO_CHECK steno_err output_turns(output *o, int channel, const steno_turn *turns, uint32_t n);
STENO_CHECK steno_err output_end(output *o, const output_tail *tail);

/* ---- shared by the formats -------------------------------------------------------------------------------------- */

/* Replaces one character: returns what to write instead (it may use `room`), or NULL for the character itself. */
typedef const char *output_escape(int32_t character, char room[8]);

/* Writes n bytes as valid UTF-8: what is not a character becomes U+FFFD. */
void output_put_text(FILE *out, const char *bytes, size_t n, output_escape *escape);

output_escape output_escape_plain; /* control characters -> spaces: the text stays on its line */
output_escape output_escape_json;  /* the inside of a JSON string */

/* Seconds (or a probability) with at most three decimals; not a number and infinities are written as 0. */
void output_put_number(FILE *out, double value);

/* Milliseconds, never negative. */
int64_t output_ms(double seconds);

/* The words of a segment one after the other. Where the segment has none, the pieces between spaces, with times and
 * confidence spread over its length. */
typedef struct output_unit {
    size_t offset, bytes; /* in segment->text */
    double start_s, end_s;
    float confidence;
    int speaker; /* as the word says */
    int turn;    /* whose stretch it is in: see speaker_run */
} output_unit;

typedef struct output_units {
    const released_segment *segment;
    size_t text_bytes, next; /* next word, or next byte */
    speaker_run run;
} output_units;

void output_units_begin(output_units *u, const released_segment *segment);
bool output_units_next(output_units *u, output_unit *unit);

/* Writes a label on one line, with what `escape` says; nothing while nobody can tell. */
void output_put_label(const output *o, int speaker, output_escape *escape);

/* One SPEAKER line of RTTM; `file` are so many bytes. Blanks and control characters of names become '_'; an empty name is
 * '-'. */
void output_put_rttm(FILE *out, const char *file, size_t file_bytes, int channel, double start_s, double end_s,
                     const char *speaker);

/* The last component of a path, without its extension if `strip`; "-" is "stdin". Returns its length. */
size_t output_base_name(const char *path, bool strip, const char **base);

#endif
