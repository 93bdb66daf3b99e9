/* redact.c: a text without a stream, in pieces of any size. See redact.h.
 *
 * The text is looked through in windows. A window begins at a byte that only the text decides (window_next()), and answers for what
 * begins in its first WINDOW_ANSWERS bytes; the next one begins WINDOW_STEP bytes on, so that what is decided always sees at least
 * WINDOW_CONTEXT_MIN bytes before it. So it does not matter in which pieces the text came: rules see the same, and the
 * tagger of names, whose tags depend on all words from the window's beginning on, does as well.
 *
 * Owner      one thread at a time.
 * Invariants memory is bounded: a window of FIND_TEXT_MAX bytes. Text of which so much comes without a word being settled (one word
 *            of 64 KiB) is withheld: REDACT_WITHHELD stands in its place. Nothing is allocated between redact_open() and redact_free()
 *            but for numbered masks.
 */
#include "privacy/redact.h"

#include "base/mem.h"
#include "privacy/gate_int.h"

#include <string.h>

#define WINDOW_STEP        8192
#define WINDOW_CONTEXT     2048 /* bytes of the window before behind which the next one begins to answer */
#define WINDOW_CONTEXT_MIN 1024
#define WINDOW_ANSWERS     (WINDOW_STEP + WINDOW_CONTEXT)
#define WINDOW_USUAL       (WINDOW_ANSWERS + 2048) /* filled so far at first; more if something reaches on */
#define EDITS_MAX          8192
#define OUT_BYTES          8192
#define OUT_ENTITIES       64
#define REDACT_WITHHELD    GATE_WITHHELD

struct redactor {
    privacy *privacy;
    gate_policy policy;
    finder *finder; /* NULL: nothing is looked for */
    redact_sink *sink;
    void *user;
    char *text;    /* [FIND_TEXT_MAX] the window: context, then what is not out yet */
    size_t n;      /* bytes there */
    size_t done;   /* of them out */
    size_t base;   /* bytes of the whole text before the window */
    size_t out_at; /* bytes handed to the sink or waiting in `out` */
    steno_err failed;
    text_edit *edits; /* [EDITS_MAX]; NULL without itn */
    gate_numbers numbers;
    uint32_t n_out, n_entities;
    char out[OUT_BYTES];
    redact_entity entities[OUT_ENTITIES];
};

/* What was found in a window. */
typedef struct window_view {
    const finding *findings;
    uint32_t n_findings, n_edits;
    size_t settled;
} window_view;

/* ---- life --------------------------------------------------------------------------------------------------------- */

steno_err redact_open(privacy *p, const gate_policy *policy, redactor **out) {
    *out = NULL;
    redactor *r = mem_alloc(1, sizeof *r);
    if (!r) return err_fail(STENO_E_NOMEM, "privacy: no memory to redact a text");
    r->privacy = p ? privacy_share(p) : NULL;
    r->policy = *policy;
    r->text = mem_alloc(1, FIND_TEXT_MAX);
    if (policy->itn) r->edits = mem_alloc(EDITS_MAX, sizeof *r->edits);
    steno_err e = r->text && (r->edits || !policy->itn)
                      ? STENO_OK
                      : err_fail(STENO_E_NOMEM, "privacy: no memory for a window of text");
    if (e == STENO_OK && policy->mode != REDACT_OFF && p) e = finder_open(p, &r->finder);
    if (e == STENO_OK && policy->mode != REDACT_OFF && !p)
        e = err_fail(STENO_E_INVALID, "privacy: %s wants rules", policy_mode_name(policy->mode));
    if (e != STENO_OK) {
        redact_free(r);
        return e;
    }
    *out = r;
    return STENO_OK;
}

void redact_free(redactor *r) {
    if (!r) return;
    finder_free(r->finder);
    privacy_close(r->privacy);
    mem_free(r->numbers.table.at);
    mem_free(r->edits);
    mem_free(r->text);
    mem_free(r);
}

void redact_begin(redactor *r, redact_sink *sink, void *user) {
    r->sink = sink;
    r->user = user;
    r->n = r->done = r->base = r->out_at = 0;
    r->n_out = r->n_entities = 0;
    r->failed = STENO_OK;
}

/* ---- out ---------------------------------------------------------------------------------------------------------- */

static steno_err flush(redactor *r) {
    if (r->n_out == 0 && r->n_entities == 0) return STENO_OK;
    steno_err e = r->sink(r->user, r->out, r->n_out, r->entities, r->n_entities);
    r->n_out = r->n_entities = 0;
    return e;
}

static steno_err put(redactor *r, const char *text, size_t n) {
    while (n > 0) {
        if (r->n_out == OUT_BYTES) ERR_TRY(flush(r));
        size_t now = OUT_BYTES - r->n_out < n ? OUT_BYTES - r->n_out : n;
        memcpy(r->out + r->n_out, text, now);
        r->n_out += (uint32_t)now;
        r->out_at += now;
        text += now;
        n -= now;
    }
    return STENO_OK;
}

static unsigned number_of(redactor *r, const finding *f) {
    if (!r->policy.count) return 0;
    if (f->canonical[0]) return gate_number(&r->numbers, f->type, f->custom, f->canonical, strlen(f->canonical));
    return gate_number(&r->numbers, f->type, f->custom, r->text + f->at, f->n);
}

static bool is_edge(char c) {
    return c != '\0' && strchr(" ,.!?;:\r\n", c) != NULL;
}

/* What of a finding stands in one utterance; blanks and signs at the break are no part of it. `before`: figures in the utterances
 * before. */
static steno_err put_part(redactor *r, const finding *f, unsigned number, size_t at, size_t end, uint32_t before) {
    char room[MASK_WRITTEN_MAX];
    bool last = end == (size_t)f->at + f->n;
    size_t from = at, to = end;
    while (from < to && is_edge(r->text[from])) from++;
    while (to > from && is_edge(r->text[to - 1])) to--;
    if (from == to) return put(r, r->text + at, end - at);
    uint32_t here = last ? UINT32_MAX : mask_digits(r->text + from, to - from);
    ERR_TRY(put(r, r->text + at, from - at));
    ERR_TRY(put(r, room, mask_write_part(r->privacy, f, r->policy.mode, number, before, here, room, sizeof room)));
    return put(r, r->text + to, end - to);
}

/* A finding that goes over several utterances is masked in each, and the breaks stay. */
static steno_err put_parts(redactor *r, const finding *f, unsigned number) {
    size_t end = (size_t)f->at + f->n;
    uint32_t before = 0;
    for (size_t at = f->at; at < end;) {
        const char *stop = memchr(r->text + at, TOKEN_BREAK_CHAR, end - at);
        size_t to = stop ? (size_t)(stop - r->text) : end;
        ERR_TRY(put_part(r, f, number, at, to, before));
        before += mask_digits(r->text + at, to - at);
        if (stop) ERR_TRY(put(r, stop, 1));
        at = to + (stop != NULL);
    }
    return STENO_OK;
}

static steno_err put_masked(redactor *r, const finding *found) {
    char room[MASK_WRITTEN_MAX];
    finding f = *found;
    unsigned number = number_of(r, found);
    if (f.canonical[0] == '\0' && f.type == ENTITY_PERSON && f.n < sizeof f.canonical) {
        memcpy(f.canonical, r->text + f.at, f.n);
        f.canonical[f.n] = '\0';
    }
    if (memchr(r->text + f.at, TOKEN_BREAK_CHAR, f.n)) return put_parts(r, &f, number);
    return put(r, room, redact_write(r->privacy, &f, r->policy.mode, number, room, sizeof room));
}

static steno_err put_finding(redactor *r, const finding *f) {
    if (r->n_entities == OUT_ENTITIES) ERR_TRY(flush(r));
    redact_entity e = {.type = f->type,
                       .name =
                           f->type == ENTITY_CUSTOM ? privacy_custom_name(r->privacy, f->custom) : entity_name(f->type),
                       .at = r->base + f->at,
                       .n = f->n,
                       .out_at = r->out_at,
                       .confidence = f->confidence};
    if (r->policy.mode == REDACT_TAG)
        ERR_TRY(put(r, r->text + f->at, f->n));
    else
        ERR_TRY(put_masked(r, f));
    e.out_n = r->out_at - e.out_at;
    r->entities[r->n_entities++] = e; /* with the text that ends in it: there is room, for put() only makes more */
    return STENO_OK;
}

/* An edit is made where nothing personal stands and no utterance ends. */
static bool edit_stands(const redactor *r, const window_view *v, const text_edit *e, uint32_t next_finding) {
    if (next_finding < v->n_findings && v->findings[next_finding].at < e->at + e->n) return false;
    return memchr(r->text + e->at, TOKEN_BREAK_CHAR, e->n) == NULL;
}

/* What stands in [done, to) goes out; `to` lies in no finding and no edit. */
static steno_err emit(redactor *r, const window_view *v, size_t to) {
    size_t at = r->done;
    uint32_t f = 0, k = 0;
    while (f < v->n_findings && v->findings[f].at < at) f++;
    for (; k < v->n_edits && r->edits[k].at < to; k++) {
        const text_edit *e = &r->edits[k];
        if (e->at < at) continue;
        for (; f < v->n_findings && v->findings[f].at < e->at; f++) {
            ERR_TRY(put(r, r->text + at, v->findings[f].at - at));
            ERR_TRY(put_finding(r, &v->findings[f]));
            at = (size_t)v->findings[f].at + v->findings[f].n;
        }
        if (e->at < at || !edit_stands(r, v, e, f)) continue;
        ERR_TRY(put(r, r->text + at, e->at - at));
        ERR_TRY(put(r, e->written, e->written_bytes));
        at = (size_t)e->at + e->n;
    }
    for (; f < v->n_findings && v->findings[f].at < to; f++) {
        ERR_TRY(put(r, r->text + at, v->findings[f].at - at));
        ERR_TRY(put_finding(r, &v->findings[f]));
        at = (size_t)v->findings[f].at + v->findings[f].n;
    }
    ERR_TRY(put(r, r->text + at, to - at));
    r->done = to;
    return STENO_OK;
}

/* ---- windows ------------------------------------------------------------------------------------------------------ */

/* A byte at or before `to` (`up`: behind it) at which no finding and no edit is cut. */
static size_t uncut(const redactor *r, const window_view *v, size_t to, bool up) {
    for (size_t before = SIZE_MAX; before != to;) {
        before = to;
        for (uint32_t i = 0; i < v->n_findings; i++) {
            const finding *f = &v->findings[i];
            if (f->at < to && to < (size_t)f->at + f->n) to = up ? (size_t)f->at + f->n : f->at;
        }
        for (uint32_t i = 0; i < v->n_edits; i++) {
            const text_edit *e = &r->edits[i];
            if (e->at < to && to < (size_t)e->at + e->n) to = up ? (size_t)e->at + e->n : e->at;
        }
    }
    return to;
}

/* Where the next window begins: behind a blank, else before a character. */
static size_t window_next(const redactor *r) {
    size_t to = WINDOW_STEP, most = WINDOW_ANSWERS - WINDOW_CONTEXT_MIN;
    while (to < most && !strchr(" \t\n\x1e", r->text[to - 1])) to++;
    if (to == most)
        for (to = WINDOW_STEP; to < most && ((unsigned char)r->text[to] & 0xC0) == 0x80;) to++;
    return to;
}

static void slide(redactor *r, size_t from) {
    memmove(r->text, r->text + from, r->n - from);
    r->n -= from;
    r->done -= from;
    r->base += from;
}

static steno_err look(redactor *r, bool whole, window_view *v) {
    *v = (window_view){.settled = r->n};
    if (r->finder) {
        find_result found;
        find_text text = {.text = r->text, .n = r->n, .context = r->done, .stable = r->n, .whole = whole};
        ERR_TRY(find_run(r->finder, &text, r->policy.types, r->policy.min_confidence, &found));
        v->findings = found.findings;
        v->n_findings = found.n;
        v->settled = found.settled;
    }
    if (r->edits) {
        size_t settled = r->n;
        v->n_edits = itn_find(r->text, r->n, whole, r->edits, EDITS_MAX, &settled);
        if (settled < v->settled) v->settled = settled;
    }
    if (whole) v->settled = r->n;
    if (v->settled < r->done) v->settled = r->done;
    return STENO_OK;
}

/* Everything the window answers for goes out, and the next one begins. *moved: there may be more in that one. */
static steno_err step(redactor *r, bool whole, bool *moved) {
    window_view v;
    ERR_TRY(look(r, whole, &v));
    *moved = v.settled >= WINDOW_ANSWERS;
    if (!*moved) return emit(r, &v, uncut(r, &v, v.settled, false));
    size_t next = window_next(r), to = uncut(r, &v, WINDOW_ANSWERS, false);
    if (to < next + WINDOW_CONTEXT_MIN / 2) { /* something longer than the context */
        to = uncut(r, &v, WINDOW_ANSWERS, true);
        *moved = to <= v.settled;
        if (!*moved) return STENO_OK;
    }
    ERR_TRY(emit(r, &v, to));
    slide(r, next);
    return STENO_OK;
}

static steno_err work(redactor *r, bool whole) {
    bool moved = true;
    while (moved) ERR_TRY(step(r, whole, &moved));
    if (r->n < FIND_TEXT_MAX || whole) return STENO_OK;
    if (r->policy.mode == REDACT_TAG || r->policy.mode == REDACT_OFF)
        ERR_TRY(put(r, r->text + r->done, r->n - r->done));
    else
        ERR_TRY(put(r, REDACT_WITHHELD, sizeof REDACT_WITHHELD - 1));
    r->base += r->n;
    r->n = r->done = 0;
    return STENO_OK;
}

/* How much of a window is to be there before it is looked at, where more is at hand. */
static size_t target(const redactor *r) {
    if (r->n < WINDOW_USUAL) return WINDOW_USUAL;
    size_t more = r->n + r->n / 2;
    return more < FIND_TEXT_MAX ? more : FIND_TEXT_MAX;
}

static steno_err pass(redactor *r, const char *text, size_t n) {
    ERR_TRY(put(r, text, n));
    return flush(r);
}

static steno_err push(redactor *r, const char *text, size_t n) {
    if (!r->finder && !r->edits) return pass(r, text, n);
    while (n > 0) {
        size_t to = target(r), now = to - r->n < n ? to - r->n : n;
        memcpy(r->text + r->n, text, now);
        r->n += now;
        text += now;
        n -= now;
        ERR_TRY(work(r, false));
    }
    return flush(r);
}

steno_err redact_push(redactor *r, const char *text, size_t n) {
    if (r->failed == STENO_OK) r->failed = push(r, text, n);
    return r->failed;
}

steno_err redact_end(redactor *r) {
    if (r->failed == STENO_OK && r->n > 0) r->failed = work(r, true);
    if (r->failed == STENO_OK) r->failed = flush(r);
    r->n = r->done = 0;
    return r->failed;
}
