/* audio.c: see audio.h. */
#include "privacy/audio.h"

#include "base/err.h"
#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST   64
#define LEVEL        0.2f /* of the tone */
#define TONE_SAMPLES (STENO_SAMPLE_RATE_HZ / COVER_TONE_HZ)
#define FADE_SAMPLES (STENO_SAMPLE_RATE_HZ * COVER_FADE_MS / 1000)

steno_err cover_parse(const char *text, cover_kind *out) {
    *out = strcmp(text, "silence") == 0 ? COVER_SILENCE : COVER_BEEP;
    if (*out == COVER_SILENCE || strcmp(text, "beep") == 0) return STENO_OK;
    return err_fail(STENO_E_INVALID, "want beep or silence");
}

/* ---- spans -------------------------------------------------------------------------------------------------------- */

static steno_err add(covered_times *c, double start_s, double end_s, int margin_ms) {
    double margin_s = margin_ms / 1000.0;
    if (c->n == COVERED_TIMES_MAX) {
        c->spans[c->n - 1].end = INT64_MAX;
        return STENO_OK;
    }
    if (c->n == c->room) {
        uint32_t room = c->room ? 2 * c->room : ROOM_FIRST;
        covered_span *more = mem_resize(c->spans, c->room * sizeof *more, room * sizeof *more);
        if (!more) return err_fail(STENO_E_NOMEM, "no memory for what is covered in a recording");
        c->spans = more;
        c->room = room;
    }
    double first = floor((start_s - margin_s) * STENO_SAMPLE_RATE_HZ);
    double end = ceil((end_s + margin_s) * STENO_SAMPLE_RATE_HZ);
    c->spans[c->n++] = (covered_span){first > 0 ? (int64_t)first : 0, (int64_t)end};
    return STENO_OK;
}

steno_err covered_add(covered_times *c, const released_segment *s, int margin_ms) {
    if (s->withheld) return add(c, s->start_s, s->end_s, margin_ms);
    for (uint32_t i = 0; i < s->n_entities; i++) {
        const released_entity *e = &s->entities[i];
        bool timed = e->end_s > e->start_s;
        ERR_TRY(add(c, timed ? e->start_s : s->start_s, timed ? e->end_s : s->end_s, margin_ms));
    }
    return STENO_OK;
}

void covered_free(covered_times *c) {
    mem_free(c->spans);
    *c = (covered_times){0};
}

static int by_first(const void *a, const void *b) {
    const covered_span *x = a, *y = b;
    return x->first < y->first ? -1 : x->first > y->first;
}

static void join(covered_times *c) {
    uint32_t n = 0;
    qsort(c->spans, c->n, sizeof *c->spans, by_first);
    for (uint32_t i = 0; i < c->n; i++) {
        covered_span *last = n ? &c->spans[n - 1] : NULL;
        if (last && c->spans[i].first <= last->end) {
            if (last->end < c->spans[i].end) last->end = c->spans[i].end;
        } else {
            c->spans[n++] = c->spans[i];
        }
    }
    c->n = n;
}

/* ---- samples ------------------------------------------------------------------------------------------------------ */

void audio_cover_begin(audio_cover *a, covered_times *times, cover_kind kind) {
    if (times->n) join(times);
    *a = (audio_cover){.spans = times->spans, .n = times->n, .kind = kind};
}

/* Sample `at` of the tone in a span: it begins and ends at nothing, without a click. */
static float tone(const covered_span *s, int64_t at) {
    const double turn = 6.283185307179586;
    int64_t in = at - s->first, left = s->end - 1 - at, edge = in < left ? in : left;
    double level = edge >= FADE_SAMPLES ? 1 : (double)edge / FADE_SAMPLES;
    return LEVEL * (float)(level * sin(turn * (double)(in % TONE_SAMPLES) / TONE_SAMPLES));
}

void audio_cover_samples(audio_cover *a, float *pcm, size_t n, size_t stride) {
    int64_t end = a->at + (int64_t)n;
    while (a->next < a->n && a->spans[a->next].first < end) {
        const covered_span *s = &a->spans[a->next];
        int64_t from = s->first > a->at ? s->first : a->at, to = s->end < end ? s->end : end;
        for (int64_t i = from; i < to; i++)
            pcm[(size_t)(i - a->at) * stride] = a->kind == COVER_BEEP ? tone(s, i) : 0.0f;
        if (s->end > end) break;
        a->next++;
    }
    a->at = end;
}
