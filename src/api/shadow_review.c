/* shadow_review.c: the largest differences, kept for people to look at: see shadow_int.h.
 *
 * A pair is gated together with the pairs before and behind it, of each side: so a telephone number that was said across pauses, or that
 * one side cut in two, is masked in all its parts. Everything there are rules for is masked, amounts and dates too.
 */
#include "api/shadow_int.h"

#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define BREAK       '\x1e' /* privacy/token.h: another utterance begins */
#define EDITS_MIN   1      /* fewer are no difference */
#define EMPTY_MORE  3      /* nothing at all, where the other has words, stands above as many wrong words */
#define CHAIN_BYTES (3 * SHADOW_TEXT_BYTES + 3)

/* ---- through the gate ------------------------------------------------------------------------------------------------ */

/* What stands between the first and the second break. */
static void middle(const char *text, size_t n, char out[SHADOW_SHOWN_BYTES]) {
    const char *from = memchr(text, BREAK, n);
    from = from ? from + 1 : text + n;
    size_t left = (size_t)(text + n - from);
    const char *to = memchr(from, BREAK, left);
    if (to) left = (size_t)(to - from);
    if (left >= SHADOW_SHOWN_BYTES) { /* at a whole character */
        left = SHADOW_SHOWN_BYTES - 1;
        while (left && ((unsigned char)from[left] & 0xC0) == 0x80) left--;
    }
    memcpy(out, from, left);
    out[left] = 0;
}

static size_t chain(const shadow_review *r, shadow_side side, char out[CHAIN_BYTES]) {
    size_t n = 0;
    for (int i = 0; i < 3; i++) {
        const shadow_text *t = &r->last[i].side[side];
        if (i) out[n++] = BREAK;
        if (!r->has[i]) continue;
        memcpy(out + n, t->text, t->n);
        n += t->n;
    }
    return n;
}

/* Empty where it cannot be looked at. */
static void gate_side(shadow *s, const shadow_review *r, shadow_side side, char out[SHADOW_SHOWN_BYTES]) {
    char text[CHAIN_BYTES];
    redact_text shown = {0};
    out[0] = 0;
    if (!s->redactor) return;
    size_t n = chain(r, side, text);
    if (redact_whole(s->redactor, text, n, &shown) == STENO_OK && shown.text) middle(shown.text, shown.n, out);
    redact_text_free(&shown);
}

/* ---- the largest ------------------------------------------------------------------------------------------------------ */

static shadow_sample *place(shadow *s, double score, int64_t now_s) {
    shadow_sample *least = &s->sample[0];
    int64_t oldest_s = now_s - (int64_t)s->config.retain_days * 86400;
    for (int i = 0; i < SHADOW_SAMPLES; i++) {
        shadow_sample *at = &s->sample[i];
        if (at->score <= 0 || at->at_s < oldest_s) return at;
        if (at->score < least->score) least = at;
    }
    return score > least->score ? least : NULL;
}

static void keep(shadow *s, const shadow_tap *t, const shadow_review *r) {
    int64_t now_s = shadow_now_s();
    const shadow_pair *p = &r->last[1];
    shadow_sample *to = r->has[1] && r->score > 0 ? place(s, r->score, now_s) : NULL;
    if (!to) return;
    *to = (shadow_sample){.score = r->score,
                          .at_s = now_s,
                          .live = shadow_tap_live(t),
                          .duration_s = p->end_s - p->start_s,
                          .words = r->difference.words,
                          .edits = r->difference.edits,
                          .confidence_a = p->side[SHADOW_A].confidence,
                          .confidence_b = p->side[SHADOW_B].confidence};
    snprintf(to->owner, sizeof to->owner, "%s", shadow_tap_owner(t));
    s->samples_changed = s->changed = true;
    if (!s->config.texts) return;
    gate_side(s, r, SHADOW_A, to->a);
    gate_side(s, r, SHADOW_B, to->b);
}

static double score_of(const shadow_difference *d) {
    bool empty = (d->words == 0) != (d->other_words == 0);
    double score = d->edits + (empty ? EMPTY_MORE : 0);
    return d->edits >= EDITS_MIN ? score : 0;
}

static void shift(shadow_review *r) {
    for (int i = 0; i < 2; i++) {
        r->last[i] = r->last[i + 1];
        r->has[i] = r->has[i + 1];
    }
    r->has[2] = false;
}

/* The pair that has just become the middle one is looked at when its neighbour is there. */
void shadow_review_pair(shadow *s, const shadow_tap *t, shadow_review *r, const shadow_pair *p,
                        const shadow_difference *d) {
    r->last[2] = *p;
    r->has[2] = true;
    keep(s, t, r);
    shift(r);
    r->difference = *d;
    r->score = score_of(d);
}

void shadow_review_end(shadow *s, const shadow_tap *t, shadow_review *r) {
    keep(s, t, r);
    memset(r->has, 0, sizeof r->has);
}

void shadow_forget_texts(shadow *s) {
    for (int i = 0; i < SHADOW_SAMPLES; i++) {
        memset(s->sample[i].a, 0, sizeof s->sample[i].a);
        memset(s->sample[i].b, 0, sizeof s->sample[i].b);
    }
    s->samples_changed = s->changed = true;
}
