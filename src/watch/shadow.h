/* shadow.h: two recognisers that heard the same streams, compared without anybody saying what was right.
 *
 * Purpose    finals of both sides are paired by time, their texts compared word by word (score/: the same normaliser and alignment as
 *            `steno score`), and what was counted is judged: do they differ, by more than one differs from itself, and is one of
 *            them better. docs/shadow.md says what that can know and what not.
 * Owner      one thread, which passes everything in. No clock; nothing blocks; texts are held until their pair is whole (pairs) or not at
 *            all (counts).
 * Invariants Streams are the units of all evidence: one stream, however long, is one witness. Evidence is anytime-valid: looking at it
 *            after every utterance does not make false verdicts more likely than SHADOW_ALPHA.
 */
#ifndef STENO_WATCH_SHADOW_H
#define STENO_WATCH_SHADOW_H

#include "watch/text_numbers.h"

/* ---- pairs: shadow_pair.c ----------------------------------------------------------------------------------------- */

/* Who heard it. */
typedef enum shadow_side {
    SHADOW_A,       /* what the user gets */
    SHADOW_B,       /* the model in the shadow */
    SHADOW_AGAIN,   /* A's own model in the shadow: what differs from A is noise of batching and timing */
    SHADOW_REFEREE, /* a third model, that A and B are both compared with */
    SHADOW_SIDES
} shadow_side;
const char *shadow_side_name(shadow_side side); /* "a", "b", "again", "referee" */

#define SHADOW_PENDING    48   /* finals of a side that wait for the other one */
#define SHADOW_TEXT_BYTES 2048 /* of a pair's side; a longer one is cut, and not compared */

typedef struct shadow_final {
    double start_s, end_s; /* in the stream: voice activity and words */
    double speech_s;
    double confidence; /* mean, 0 to 1 */
    bool looped;
    const char *text; /* copied; "": nothing came of the speech */
} shadow_final;

/* What one side made of a stretch of time. */
typedef struct shadow_text {
    bool heard; /* it listened */
    bool looped, cut;
    double speech_s, confidence; /* of its words, weighted by bytes */
    size_t n;
    char text[SHADOW_TEXT_BYTES]; /* its finals, blanks between them */
} shadow_text;

/* Finals of all sides that overlap in time, directly or through others: however each side cut the sound into utterances, all heard the
 * same of it. */
typedef struct shadow_pair {
    double start_s, end_s;
    shadow_text side[SHADOW_SIDES];
} shadow_pair;

typedef struct shadow_waiting {
    shadow_final final;
    char *text; /* owned */
} shadow_waiting;

/* Of one stream. */
typedef struct shadow_pairer {
    bool heard[SHADOW_SIDES], ended[SHADOW_SIDES];
    double from_s, until_s; /* what is not wholly within is not compared */
    double reached_s[SHADOW_SIDES];
    int n[SHADOW_SIDES];
    shadow_waiting waiting[SHADOW_SIDES][SHADOW_PENDING];
} shadow_pairer;

/* `heard`: which sides listen, from from_s on. */
void shadow_pairer_init(shadow_pairer *p, const bool heard[SHADOW_SIDES], double from_s);
void shadow_pairer_free(shadow_pairer *p);
/* The side's next final, in the order of time. False: too many wait, or no memory: the stream can be paired no further. */
bool shadow_pairer_final(shadow_pairer *p, shadow_side side, const shadow_final *f);
/* No more finals of this side come. */
void shadow_pairer_ended(shadow_pairer *p, shadow_side side);
/* The sides did not all hear what is behind. */
void shadow_pairer_until(shadow_pairer *p, double until_s);
/* The next pair that is whole, in the order of time. */
bool shadow_pairer_next(shadow_pairer *p, shadow_pair *out);

/* ---- differences: shadow_compare.c --------------------------------------------------------------------------------- */

typedef enum shadow_kind {
    SHADOW_NUMBER, /* a digit in either word */
    SHADOW_FORM,   /* they begin alike: "walk", "walked" */
    SHADOW_WORD,   /* another word */
    SHADOW_KINDS
} shadow_kind;
const char *shadow_kind_name(shadow_kind kind); /* "number", "form", "word" */

typedef struct shadow_difference {
    double words, other_words; /* characters of Chinese and Japanese */
    double edits, substitutions, deletions, insertions, kind[SHADOW_KINDS];
} shadow_difference;

/* STENO_E_NOMEM. */
STENO_CHECK steno_err shadow_compare(const char *a, const char *b, shadow_difference *out);

/* What hardly ever is right, whatever was said. */
typedef enum shadow_fault {
    SHADOW_EMPTY,    /* nothing, where the other is sure of three words and more */
    SHADOW_LOOPED,   /* a loop was cut */
    SHADOW_REPEATED, /* most words say again what stands before them */
    SHADOW_SLOW,     /* far too few characters for so much speech, and the other has twice as many */
    SHADOW_FAST,     /* more than anybody can say */
    SHADOW_FAULTS
} shadow_fault;
const char *shadow_fault_name(shadow_fault fault);

/* ---- counts: shadow_count.c ----------------------------------------------------------------------------------------- */

#define SHADOW_UNIT_PAIRS 200 /* of a stream are evidence; a longer one goes on being counted only */

/* Which independent question a stream's evidence answers. Each gives a stream a score of -1 (for A) to 1 (for B). */
typedef enum shadow_measure {
    SHADOW_BY_FAULTS,     /* whose faults are fewer */
    SHADOW_BY_REFEREE,    /* who is nearer to the referee */
    SHADOW_BY_CONFIDENCE, /* who is surer where they differ: means something only where both have the same calibration */
    SHADOW_MEASURES
} shadow_measure;
const char *shadow_measure_name(shadow_measure measure); /* "faults", "referee", "confidence" */

/* A compared with another side. Everything is a sum. */
typedef struct shadow_sum {
    double pairs, different; /* pairs; those with any difference */
    shadow_difference all;
    double streams, w, d, ww, dd, wd; /* of streams that have ended: words, edits, squares and products */
} shadow_sum;

typedef struct shadow_evidence {
    double n;     /* streams with a score other than 0 */
    double for_b; /* sum of (1 + score) / 2 */
} shadow_evidence;

typedef struct shadow_counts {
    shadow_sum with[SHADOW_SIDES]; /* A with that side; A itself: unused */
    double fault[SHADOW_SIDES][SHADOW_FAULTS];
    shadow_evidence by[SHADOW_MEASURES];
    double top_better, top_worse; /* the most log evidence there ever was: what was once sure enough stays so */
} shadow_counts;

/* All of them, as an array: for a store. */
#define SHADOW_NUMBERS (sizeof(shadow_counts) / sizeof(double))

/* A stream's, while it is open; zeroed at its beginning. */
typedef struct shadow_unit {
    double pairs;
    double words[SHADOW_SIDES], edits[SHADOW_SIDES];
    double for_b[SHADOW_MEASURES], for_a[SHADOW_MEASURES];
} shadow_unit;

/* Counts a pair. *with_b: how A and B differ, where both heard it (words is 0 otherwise). False: it could not be compared (cut, no
 * memory), and is not counted. */
bool shadow_count(shadow_counts *c, shadow_unit *u, const shadow_pair *p, text_meter *m, shadow_difference *with_b);
/* The stream has ended: its evidence counts. */
void shadow_count_stream(shadow_counts *c, const shadow_unit *u);

/* ---- the verdict: shadow_judge.c ------------------------------------------------------------------------------------ */

#define SHADOW_ALPHA      0.05 /* chance of any false verdict ("better" or "worse"), ever */
#define SHADOW_RATE_LEAST 20   /* streams, before bounds of a rate are told */

typedef enum shadow_verdict_is { SHADOW_UNKNOWN, SHADOW_BETTER, SHADOW_WORSE } shadow_verdict_is;
const char *shadow_verdict_name(shadow_verdict_is is); /* "unknown", "better", "worse" */

/* Edits by words of A. Bounds hold for all looks together with 95 %, for many streams. */
typedef struct shadow_rate {
    double rate, low, high; /* negative: not known */
} shadow_rate;

typedef struct shadow_verdict {
    shadow_verdict_is is;
    double log_better, log_worse, log_needed; /* evidence, and from where on it is enough */
    double log_by[SHADOW_MEASURES][2];        /* of each measure: for better, for worse */
    bool used[SHADOW_MEASURES];
    shadow_rate difference, floor;
    bool differs; /* surely by more than A from itself */
} shadow_verdict;

/* `used`: which measures mean anything here. Keeps the most evidence there was. */
void shadow_judge(shadow_counts *c, const bool used[SHADOW_MEASURES], shadow_verdict *out);

#endif
