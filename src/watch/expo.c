/* expo.c: see expo.h. Owner: whoever holds one. */
#include "watch/expo.h"

#include "base/mem.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BYTES  16384
#define NUMBER_BYTES 40
#define WHOLE_MAX    1e15

void expo_init(expo *e) {
    *e = (expo){0};
}

void expo_free(expo *e) {
    mem_free(e->text);
    *e = (expo){0};
}

/* ---- bytes ------------------------------------------------------------------------------------------------------ */

/* What does not fit loses its family: half of one would be read as all of it. */
static bool make_room(expo *e, size_t more) {
    size_t cap = e->cap ? e->cap : FIRST_BYTES;
    if (e->lost) return false;
    if (e->n + more <= e->cap) return true;
    while (cap < e->n + more) cap *= 2;
    char *text = cap <= EXPO_BYTES_MAX ? mem_resize(e->text, e->cap, cap) : NULL;
    if (!text) {
        e->lost = true;
        return false;
    }
    e->text = text;
    e->cap = cap;
    return true;
}

static void put(expo *e, const char *bytes, size_t n) {
    if (!make_room(e, n)) return;
    memcpy(e->text + e->n, bytes, n);
    e->n += n;
}

static void put_text(expo *e, const char *text) {
    put(e, text, strlen(text));
}

/* So short that it is read as the same number. Most are whole. */
static void put_number(expo *e, double value) {
    char digits[NUMBER_BYTES];
    if (value > -WHOLE_MAX && value < WHOLE_MAX && value == (double)(int64_t)value) {
        snprintf(digits, sizeof digits, "%" PRId64, (int64_t)value);
        put_text(e, digits);
    } else if (isnan(value)) {
        put_text(e, "NaN");
    } else if (isinf(value)) {
        put_text(e, value > 0 ? "+Inf" : "-Inf");
    } else {
        snprintf(digits, sizeof digits, "%.15g", value);
        if (strtod(digits, NULL) != value) snprintf(digits, sizeof digits, "%.17g", value);
        put_text(e, digits);
    }
}

/* Bytes of a character that starts with `c`; 1 of what is none. */
static size_t utf8_bytes(unsigned char c) {
    return c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;
}

static void put_escaped(expo *e, const char *value) {
    size_t left = EXPO_VALUE_BYTES;
    for (size_t n; *value && (n = utf8_bytes((unsigned char)*value)) <= left; value += n, left -= n) {
        if (memchr(value, 0, n)) return; /* cut within a character */
        if (*value == '\\' || *value == '"') put_text(e, "\\");
        if (*value == '\n')
            put_text(e, "\\n");
        else
            put(e, value, n);
    }
}

/* ---- families --------------------------------------------------------------------------------------------------- */

static void end_family(expo *e) {
    if (e->lost) {
        e->n = e->family_at;
        e->families_lost++;
    }
    e->lost = false;
    e->family = NULL;
}

void expo_family(expo *e, const char *name, expo_type type, const char *help) {
    static const char *const types[] = {"counter", "gauge", "histogram"};
    if (e->family) end_family(e);
    e->family = name;
    e->family_at = e->n;
    put_text(e, "# HELP ");
    put_text(e, name);
    put_text(e, " ");
    put_text(e, help);
    put_text(e, "\n# TYPE ");
    put_text(e, name);
    put_text(e, " ");
    put_text(e, types[type]);
    put_text(e, "\n");
}

static void put_label(expo *e, const char *name, const char *value, bool first) {
    put_text(e, first ? "{" : ",");
    put_text(e, name);
    put_text(e, "=\"");
    put_escaped(e, value);
    put_text(e, "\"");
}

/* `bound`: of a bucket, written as its label `le`; NULL: none. */
static void put_sample(expo *e, const char *suffix, const expo_label *labels, const char *bound, double value) {
    bool any = false;
    put_text(e, e->family);
    put_text(e, suffix);
    for (int i = 0; labels && labels[i].name && i < EXPO_LABELS_MAX; i++) {
        put_label(e, labels[i].name, labels[i].value, !any);
        any = true;
    }
    if (bound) put_label(e, "le", bound, !any);
    put_text(e, any || bound ? "} " : " ");
    put_number(e, value);
    put_text(e, "\n");
}

void expo_sample(expo *e, const expo_label *labels, double value) {
    put_sample(e, "", labels, NULL, value);
}

void expo_histogram(expo *e, const expo_label *labels, const histogram *h) {
    uint64_t below = 0;
    for (int i = 0; i <= h->n; i++) {
        char bound[NUMBER_BYTES] = "+Inf";
        if (i < h->n) snprintf(bound, sizeof bound, "%.15g", h->bounds[i]);
        below += h->count[i];
        put_sample(e, "_bucket", labels, bound, (double)below);
    }
    put_sample(e, "_sum", labels, NULL, h->sum);
    put_sample(e, "_count", labels, NULL, (double)below);
}

void expo_one(expo *e, const char *name, expo_type type, const char *help, double value) {
    expo_family(e, name, type, help);
    expo_sample(e, NULL, value);
}

const char *expo_text(expo *e, size_t *bytes) {
    if (e->family) end_family(e);
    *bytes = e->n;
    return e->text;
}

char *expo_take(expo *e, size_t *bytes) {
    if (e->family) end_family(e);
    char *text = e->text;
    *bytes = e->n;
    *e = (expo){0};
    return text;
}
