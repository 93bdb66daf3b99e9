/* cell.h: what is counted of one minute of one series: the one thing that monitors hand on, to alarms, store, metrics and
 * `steno alarm test`.
 *
 * Purpose    counts, sums and sums of squares only: cells of neighbouring minutes, hosts or languages add up to the cell of
 *            both. Never any text, key or user but the name of the series.
 * Owner      a plain struct: whoever holds it.
 * Invariants every field but `at` and `start_s` is a count or a sum >= 0; zero is "nothing of it seen". cell.c has the table
 *            of fields that reading, writing and adding go by: a new field is a line there.
 */
#ifndef STENO_WATCH_CELL_H
#define STENO_WATCH_CELL_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define CELL_S               60
#define CELL_HOST_BYTES      64
#define CELL_MODEL_BYTES     32
#define CELL_LANGUAGE_BYTES  12
#define CELL_KEY_BYTES       24
#define CELL_CONFIDENCE_BINS 10
#define CELL_LATENCY_BINS    18
#define CELL_LINE_BYTES_MAX  4096 /* of a cell as a JSON line */

/* Upper bounds of the bins of latency in ms; the last bin has none. In steps of 1.3 to 1.5, so that a doubling is seen. */
extern const double cell_latency_bound_ms[CELL_LATENCY_BINS - 1];

/* Whose minute it is. What the host as a whole does (time computing, memory) stands in a series without a model. */
typedef struct cell_at {
    char host[CELL_HOST_BYTES];         /* "": this one */
    char model[CELL_MODEL_BYTES];       /* "": the host itself */
    char language[CELL_LANGUAGE_BYTES]; /* "en", "zh"; "": not known */
    char key[CELL_KEY_BYTES];           /* "": all, or [watch] key_labels = no */
} cell_at;

typedef struct monitor_cell {
    cell_at at;
    int64_t start_s; /* Unix time, a multiple of CELL_S */

    /* Utterances: spans in which voice activity heard speech and that ended in this minute. */
    uint64_t utterances, empty, looped, language_switches;
    uint64_t streams;         /* whose first utterance this minute has: summed, how many there were */
    double speech_s, audio_s; /* of utterances; of all that was heard, silence too */
    double loud_s;            /* of it, frames that stand out of their stream's noise (input.h), whoever heard them */
    double characters, words; /* characters without spaces, as code points */
    double tokens, tokens_repeated;

    /* Of utterances with text. Confidence 0 to 1, compression: bytes of text / bytes of it compressed. */
    uint64_t texts;
    double confidence_sum, confidence_squares, compression_sum, compression_squares;
    uint64_t confidence_bin[CELL_CONFIDENCE_BINS]; /* [i/10, (i+1)/10); 1 is in the last */

    uint64_t partials, partial_revisions;       /* shown; those that took back a word shown before */
    uint64_t speaker_labels, speaker_revisions; /* handed out; changed later */

    /* Utterances whose input is: more than 1 % clipped; below -45 dBFS; SNR below 5 dB; nothing above 4 kHz. */
    uint64_t input_clipped, input_quiet, input_noisy, input_narrow;

    /* Streams of which the same is true of more than half of their utterances. A stream is judged once it has had ten utterances or
     * ends, and again for every hour that it goes on: a microphone does not change within a call, so utterances are no independent
     * witnesses of it, and alarms count streams. */
    uint64_t streams_judged, streams_clipped, streams_quiet, streams_noisy, streams_narrow;

    uint64_t latency_bin[CELL_LATENCY_BINS]; /* end of speech to final text, a count an utterance */

    /* The host itself (at.model is ""). */
    double busy_s, capacity_s; /* time its shards computed; time they had: busy / capacity is its real-time factor */
    double memory_bytes;       /* resident, at the end of the minute; of a sum of cells: the sum */
} monitor_cell;

/* sum += add, field by field; at and start_s stay. */
void cell_add(monitor_cell *sum, const monitor_cell *add);

/* left -= less, likewise; false: a field of `less` is larger, and `left` is worth nothing then. */
bool cell_subtract(monitor_cell *left, const monitor_cell *less);

bool cell_same_series(const cell_at *a, const cell_at *b);

/* One JSON object on a line: names as in the struct, zeros left out, bins as arrays. */
void cell_write(FILE *out, const monitor_cell *cell);
/* The same into `line` [CELL_LINE_BYTES_MAX], without the line's end. Returns its length. */
size_t cell_print(char line[CELL_LINE_BYTES_MAX], const monitor_cell *cell);

/* Reads such a line, `n` bytes, of any origin. STENO_E_INVALID names what is wrong: no object, an unknown name, a number that is
 * negative, not finite or too large. Allocates while it runs. */
STENO_CHECK steno_err cell_read(const char *line, size_t n, monitor_cell *out);

#endif
