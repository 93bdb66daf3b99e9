/* quality_text.c: see quality_text.h. A field of cell.h becomes a family by a line of the table. Owner: whoever calls. */
#include "watch/quality_text.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#define LATENCY_BOUNDS    (CELL_LATENCY_BINS - 1)
#define CONFIDENCE_BOUNDS CELL_CONFIDENCE_BINS
#define CONFIDENCE        "steno_quality_confidence"
#define LATENCY           "steno_quality_latency_seconds"

_Static_assert(LATENCY_BOUNDS <= STENO_HISTOGRAM_BUCKETS && CONFIDENCE_BOUNDS <= STENO_HISTOGRAM_BUCKETS, "bins fit");

static const double confidence_bounds[CONFIDENCE_BOUNDS] = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0};
static const double latency_bounds_s[LATENCY_BOUNDS] = {0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8,
                                                        1,    1.5,   2,   3,    4,   6,   10,  20}; /* cell.h's */

static const struct family {
    const char *name, *help;
    size_t offset;
    bool is_count; /* uint64_t; else double */
} families[] = {
#define COUNT_OF(field, name, help)                                                                                    \
    { "steno_quality_" name "_total", help, offsetof(monitor_cell, field), true }
#define SUM_OF(field, name, help)                                                                                      \
    { "steno_quality_" name "_total", help, offsetof(monitor_cell, field), false }
    COUNT_OF(utterances, "utterances", "Utterances: spans in which voice activity heard speech."),
    COUNT_OF(empty, "empty", "Of them, those that no text came of."),
    COUNT_OF(texts, "texts", "Of them, those with text."),
    COUNT_OF(looped, "looped", "Utterances in which a loop of the decoder was cut."),
    COUNT_OF(language_switches, "language_switch", "Utterances in another language than the one before."),
    COUNT_OF(streams, "streams", "Streams with an utterance."),
    SUM_OF(speech_s, "speech_seconds", "Length of utterances."),
    SUM_OF(audio_s, "audio_seconds", "Audio heard, with silence."),
    SUM_OF(loud_s, "loud_seconds", "Of it, what stands out of its stream's noise."),
    SUM_OF(characters, "characters", "Characters of text, without spaces."),
    SUM_OF(words, "words", "Words of text."),
    SUM_OF(tokens, "tokens", "Tokens of text."),
    SUM_OF(tokens_repeated, "tokens_repeated", "Of them, those that repeat the ones before."),
    SUM_OF(confidence_sum, "confidence_sum", "Mean confidence of utterances with text, summed up."),
    SUM_OF(confidence_squares, "confidence_squares", "Its squares, summed up."),
    SUM_OF(compression_sum, "compression_sum", "Compression ratio of utterances with text, summed up."),
    SUM_OF(compression_squares, "compression_squares", "Its squares, summed up."),
    COUNT_OF(partials, "partials", "Partials shown."),
    COUNT_OF(partial_revisions, "partial_revisions", "Of them, those that took back a word shown before."),
    COUNT_OF(speaker_labels, "speaker_labels", "Labels of speakers handed out."),
    COUNT_OF(speaker_revisions, "speaker_revisions", "Of them, those changed later."),
    COUNT_OF(input_clipped, "input_clipped", "Utterances with more than 1 % clipped samples."),
    COUNT_OF(input_quiet, "input_quiet", "Utterances below -45 dBFS."),
    COUNT_OF(input_noisy, "input_noisy", "Utterances with an SNR below 5 dB."),
    COUNT_OF(input_narrow, "input_narrow", "Utterances with nothing above 4 kHz."),
    COUNT_OF(streams_judged, "streams_judged", "Streams whose input was judged as a whole."),
    COUNT_OF(streams_clipped, "streams_clipped", "Of them, those that clip."),
    COUNT_OF(streams_quiet, "streams_quiet", "Of them, those that are too quiet."),
    COUNT_OF(streams_noisy, "streams_noisy", "Of them, those with noise."),
    COUNT_OF(streams_narrow, "streams_narrow", "Of them, those with nothing above 4 kHz."),
};
#define N_FAMILIES (sizeof families / sizeof families[0])

static double value_of(const monitor_cell *cell, const struct family *f) {
    const char *at = (const char *)cell + f->offset;
    return f->is_count ? (double)*(const uint64_t *)(const void *)at : *(const double *)(const void *)at;
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

/* Fields: the families, then bins of confidence, then those of latency. */
#define BINS_AT    ((int)N_FAMILIES)
#define LATENCY_AT (BINS_AT + CELL_CONFIDENCE_BINS)

_Static_assert(LATENCY_AT + CELL_LATENCY_BINS <= 64, "which of them were there fits a word");

static bool is_called(const char *text, size_t n, const char *name) {
    return strlen(name) == n && memcmp(text, name, n) == 0;
}

int quality_field(const char *name, size_t n) {
    for (size_t i = 0; i < N_FAMILIES; i++)
        if (is_called(name, n, families[i].name)) return (int)i;
    return -1;
}

int quality_bucket(const char *name, size_t n, double bound) {
    if (is_called(name, n, CONFIDENCE "_bucket")) {
        for (int i = 0; i < CONFIDENCE_BOUNDS; i++)
            if (bound == confidence_bounds[i]) return BINS_AT + i;
    } else if (is_called(name, n, LATENCY "_bucket")) {
        for (int i = 0; i < LATENCY_BOUNDS; i++)
            if (bound == latency_bounds_s[i]) return LATENCY_AT + i;
        if (isinf(bound)) return LATENCY_AT + LATENCY_BOUNDS;
    }
    return -1;
}

void quality_add(monitor_cell *cell, int field, double value) {
    if (field >= LATENCY_AT) {
        cell->latency_bin[field - LATENCY_AT] += (uint64_t)value;
    } else if (field >= BINS_AT) {
        cell->confidence_bin[field - BINS_AT] += (uint64_t)value;
    } else {
        char *at = (char *)cell + families[field].offset;
        if (families[field].is_count)
            *(uint64_t *)(void *)at += (uint64_t)value;
        else
            *(double *)(void *)at += value;
    }
}

static bool take_apart(uint64_t *bin, int n) {
    for (int i = n - 1; i > 0; i--) {
        if (bin[i] < bin[i - 1]) return false;
        bin[i] -= bin[i - 1];
    }
    return true;
}

bool quality_take_apart(monitor_cell *cell) {
    return take_apart(cell->confidence_bin, CELL_CONFIDENCE_BINS) && take_apart(cell->latency_bin, CELL_LATENCY_BINS);
}

/* ---- writing ------------------------------------------------------------------------------------------------------ */

typedef struct labels {
    expo_label of[4];
} labels;

static labels labels_of(const monitor_cell *c) {
    labels l = {{{"model", c->at.model}, {"language", c->at.language}}};
    if (c->at.key[0]) l.of[2] = (expo_label){"key", c->at.key};
    return l;
}

static bool is_host(const monitor_cell *c) {
    return !c->at.model[0];
}

static void put_histograms(expo *e, const monitor_cell *const *cells, size_t n) {
    expo_family(e, CONFIDENCE, EXPO_HISTOGRAM, "Mean confidence of utterances with text.");
    for (size_t i = 0; i < n; i++) {
        histogram h;
        labels l = labels_of(cells[i]);
        histogram_init(&h, confidence_bounds, CONFIDENCE_BOUNDS);
        for (int b = 0; b < CONFIDENCE_BOUNDS; b++) h.count[b] = cells[i]->confidence_bin[b];
        h.sum = cells[i]->confidence_sum;
        if (!is_host(cells[i])) expo_histogram(e, l.of, &h);
    }
    expo_family(e, LATENCY, EXPO_HISTOGRAM, "End of speech to final text.");
    for (size_t i = 0; i < n; i++) {
        histogram h;
        labels l = labels_of(cells[i]);
        histogram_init(&h, latency_bounds_s, LATENCY_BOUNDS);
        for (int b = 0; b < CELL_LATENCY_BINS; b++) {
            h.count[b] = cells[i]->latency_bin[b];
            h.sum += (double)h.count[b] * latency_bounds_s[b < LATENCY_BOUNDS ? b : LATENCY_BOUNDS - 1]; /* at most */
        }
        if (!is_host(cells[i])) expo_histogram(e, l.of, &h);
    }
}

void quality_write_cells(expo *e, const monitor_cell *const *cells, size_t n) {
    for (size_t f = 0; f < N_FAMILIES; f++) {
        expo_family(e, families[f].name, EXPO_COUNTER, families[f].help);
        for (size_t i = 0; i < n; i++) {
            labels l = labels_of(cells[i]);
            if (!is_host(cells[i])) expo_sample(e, l.of, value_of(cells[i], &families[f]));
        }
    }
    put_histograms(e, cells, n);
}

void quality_write(expo *e, const monitor *m) {
    const monitor_cell *cells[MONITOR_SERIES_MAX];
    size_t n = monitor_count(m);
    for (size_t i = 0; i < n && i < MONITOR_SERIES_MAX; i++) cells[i] = monitor_total(m, i);
    quality_write_cells(e, cells, n < MONITOR_SERIES_MAX ? n : MONITOR_SERIES_MAX);
}
