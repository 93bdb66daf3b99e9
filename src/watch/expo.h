/* expo.h: writes what Prometheus reads: its text format 0.0.4.
 *
 * Use        a family (name, type, help), then its samples, then the next family. Units are base units and stand in the name:
 *            `_seconds`, `_bytes`, `_ratio`; counters end in `_total`.
 * Owner      whoever holds it; one thread. Grows by mem.h up to EXPO_BYTES_MAX.
 * Invariants the text is whole families at any time expo_text() is asked: one that finds no room is left out entirely and counted;
 *            values of labels are escaped and cut at EXPO_VALUE_BYTES, so that nobody's name breaks a line.
 */
#ifndef STENO_WATCH_EXPO_H
#define STENO_WATCH_EXPO_H

#include "watch/histogram.h"

#define EXPO_BYTES_MAX   (1 << 20)
#define EXPO_VALUE_BYTES 64 /* of a label, before it is escaped */
#define EXPO_LABELS_MAX  6  /* of a sample; more are left out */
#define EXPO_TYPE        "text/plain; version=0.0.4; charset=utf-8"

typedef enum expo_type { EXPO_COUNTER, EXPO_GAUGE, EXPO_HISTOGRAM } expo_type;

typedef struct expo_label {
    const char *name, *value;
} expo_label;

/* Labels of a sample: EXPO_LABELS({"dialect", "native"}, {"outcome", "done"}). */
#define EXPO_LABELS(...) ((const expo_label[]){__VA_ARGS__, {NULL, NULL}})

typedef struct expo {
    char *text; /* owned */
    size_t n, cap, family_at;
    const char *family;
    bool lost; /* this family did not fit */
    int families_lost;
} expo;

void expo_init(expo *e);
void expo_free(expo *e);

/* Begins a family; name and help stay the caller's until the next one begins. */
void expo_family(expo *e, const char *name, expo_type type, const char *help);
/* A sample of it. labels: up to one without a name; NULL: none. */
void expo_sample(expo *e, const expo_label *labels, double value);
/* All samples of a histogram: its buckets, summed up, its sum and its count. */
void expo_histogram(expo *e, const expo_label *labels, const histogram *h);

/* A family of one sample without labels. */
void expo_one(expo *e, const char *name, expo_type type, const char *help, double value);

/* Ends the last family; the text [*bytes] stays the expo's. NULL: nothing was written. */
const char *expo_text(expo *e, size_t *bytes);
/* The same, and the text becomes the caller's, freed by mem_free(). */
char *expo_take(expo *e, size_t *bytes);

#endif
