/* gate_spans.c: what of a text is written otherwise, and where it then stands. See gate_int.h. */
#include "privacy/gate_int.h"

#include <string.h>

static gate_span *spans_of(const gate *g) {
    return g->spans.at;
}

/* ---- which ------------------------------------------------------------------------------------------------------ */

/* Blanks and signs at which a message ends or begins are no part of what goes on in the next one. */
static bool is_edge(char c) {
    return strchr(" ,.!?;:\x1e", c) != NULL && c != '\0';
}

/* What of a finding stands in the draft's text. */
static void add_finding(gate *g, const gate_view *v, const finding *f) {
    const char *text = g->chain.room.at;
    size_t begin = v->at, end = v->at + v->shown, at = f->at, to = (size_t)f->at + f->n;
    if (to <= begin || at >= end) return;
    gate_span span = {.found = f, .keep = g->policy.mode == REDACT_TAG, .before_at = f->at};
    span.split = at < begin || to > end;
    if (at < begin) {
        span.before_n = (uint32_t)(begin - at);
        for (at = begin; at < to && is_edge(text[at]);) at++;
    }
    if (to > end) {
        for (to = end; to > at && is_edge(text[to - 1]);) to--;
    }
    if (at >= to) return;
    span.at = (uint32_t)(at - begin);
    span.end = (uint32_t)(to - begin);
    spans_of(g)[g->n_spans++] = span;
}

static void insert(gate *g, gate_span span) {
    gate_span *spans = spans_of(g);
    uint32_t i = g->n_spans++;
    for (; i > 0 && spans[i - 1].at > span.at; i--) spans[i] = spans[i - 1];
    spans[i] = span;
}

/* ---- what is not known yet -------------------------------------------------------------------------------------- */

static bool is_figure(const token *t) {
    return t->kind == TOKEN_DIGITS || (t->sense & (SENSE_DIGIT | SENSE_TEEN | SENSE_TENS | SENSE_REPEAT));
}

static bool is_free(const gate *g, uint32_t at, uint32_t end) {
    for (uint32_t i = 0; i < g->n_spans; i++)
        if (at < spans_of(g)[i].end && spans_of(g)[i].at < end) return false;
    return true;
}

/* Figures of a message that leaves before it is known what they belong to are a number, whatever else they may be. */
static steno_err add_figures(gate *g, const gate_view *v) {
    const char *text = g->chain.room.at;
    size_t from = v->settled > v->at ? v->settled : v->at, end = v->at + v->shown, at = 0;
    uint32_t n = 0;
    token t;
    bool goes_on = false;
    ERR_TRY(gate_grow(&g->figures, GATE_FIGURES_MAX * sizeof(finding)));
    finding *all = g->figures.at;
    while (from < end && token_read(text + from, end - from, &at, &t, 1) == 1) {
        size_t begin = from + t.at;
        bool figure = is_figure(&t) && is_free(g, (uint32_t)(begin - v->at), (uint32_t)(begin - v->at) + t.n);
        goes_on = figure && (goes_on || n == GATE_FIGURES_MAX);
        if (!figure) continue;
        if (!goes_on) all[n++] = (finding){.type = ENTITY_NUMBER, .at = (uint32_t)begin};
        all[n - 1].n = (uint32_t)(begin + t.n - all[n - 1].at);
        goes_on = true;
    }
    for (uint32_t i = 0; i < n; i++) {
        uint32_t to = (uint32_t)(all[i].at - v->at);
        insert(g, (gate_span){.found = &all[i], .at = to, .end = to + all[i].n, .keep = g->policy.mode == REDACT_TAG});
    }
    return STENO_OK;
}

/* ---- numbers in digits ------------------------------------------------------------------------------------------ */

/* Where nothing personal stands. */
static steno_err add_edits(gate *g, const steno_segment *s, const gate_view *v) {
    ERR_TRY(gate_grow(&g->edits, GATE_EDITS_MAX * sizeof(text_edit)));
    const text_edit *edits = g->edits.at;
    uint32_t n = itn_find(s->text, v->shown, !v->partial, g->edits.at, GATE_EDITS_MAX, NULL), next = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t at = edits[i].at, end = at + edits[i].n;
        while (next < g->n_spans && spans_of(g)[next].end <= at) next++;
        bool taken = next < g->n_spans && spans_of(g)[next].at < end;
        if (taken || end > v->shown) continue;
        insert(g, (gate_span){.at = at, .end = end, .edit = &edits[i]});
    }
    return STENO_OK;
}

steno_err gate_find_spans(gate *g, const steno_segment *s, const gate_view *v) {
    uint32_t n = v->found ? v->found->n : 0;
    g->n_spans = 0;
    ERR_TRY(gate_grow(&g->spans, ((size_t)n + GATE_EDITS_MAX + GATE_FIGURES_MAX) * sizeof(gate_span)));
    for (uint32_t i = 0; i < n; i++) add_finding(g, v, &v->found->findings[i]);
    if (v->forced) ERR_TRY(add_figures(g, v));
    return g->policy.itn ? add_edits(g, s, v) : STENO_OK;
}

/* ---- as they are shown ------------------------------------------------------------------------------------------ */

static steno_err put(gate *g, const char *text, size_t n) {
    ERR_TRY(gate_grow(&g->text, g->text_n + n + 1));
    char *to = g->text.at;
    memcpy(to + g->text_n, text, n);
    g->text_n += n;
    to[g->text_n] = '\0';
    return STENO_OK;
}

/* The finding as redact_write() wants it: a name that has no canonical form is its own. */
static finding written_as(const finding *f, const char *text) {
    finding copy = *f;
    if (copy.canonical[0] == '\0' && copy.type == ENTITY_PERSON && f->n < sizeof copy.canonical) {
        memcpy(copy.canonical, text + f->at, f->n);
        copy.canonical[f->n] = '\0';
    }
    return copy;
}

static unsigned number_of(gate *g, const finding *f, const char *text) {
    if (!g->policy.count) return 0;
    if (f->canonical[0]) return gate_number(&g->numbers, f->type, f->custom, f->canonical, strlen(f->canonical));
    return gate_number(&g->numbers, f->type, f->custom, text + f->at, f->n);
}

/* A part of an entity whose other parts stand in other messages shows only its own figures. */
static size_t write_finding(gate *g, const gate_span *span, const gate_view *v, char *room, size_t n) {
    const char *text = g->chain.room.at;
    finding f = written_as(span->found, text);
    unsigned number = number_of(g, span->found, text);
    redact_mode mode = g->policy.mode;
    bool early = (v->forced && (size_t)f.at + f.n > v->settled) || f.at < g->chain.forced;
    if (early && mode == REDACT_PARTLY) mode = REDACT_MASK;
    if (!span->split) return redact_write(g->privacy, &f, mode, number, room, n);
    uint32_t before = mask_digits(text + span->before_at, span->before_n);
    bool last = v->at + span->end >= (size_t)f.at + f.n;
    uint32_t here = last ? UINT32_MAX : mask_digits(text + v->at + span->at, span->end - span->at);
    return mask_write_part(g->privacy, &f, mode, number, before, here, room, n);
}

static steno_err put_span(gate *g, const steno_segment *s, const gate_view *v, gate_span *span) {
    char room[MASK_WRITTEN_MAX] = "";
    span->out_at = (uint32_t)g->text_n;
    if (span->keep)
        ERR_TRY(put(g, s->text + span->at, span->end - span->at));
    else if (span->edit)
        ERR_TRY(put(g, span->edit->written, span->edit->written_bytes));
    else {
        size_t n = write_finding(g, span, v, room, sizeof room);
        ERR_TRY(put(g, room, n));
    }
    span->out_end = (uint32_t)g->text_n;
    return STENO_OK;
}

steno_err gate_write_text(gate *g, const steno_segment *s, const gate_view *v) {
    size_t at = 0;
    g->text_n = 0;
    for (uint32_t i = 0; i < g->n_spans; i++) {
        gate_span *span = &spans_of(g)[i];
        ERR_TRY(put(g, s->text + at, span->at - at));
        ERR_TRY(put_span(g, s, v, span));
        at = span->end;
    }
    return put(g, s->text + at, v->shown - at);
}

uint32_t gate_map_byte(const gate *g, size_t at, bool up) {
    const gate_span *spans = spans_of(g);
    uint32_t low = 0, high = g->n_spans; /* how many end at or before it */
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (spans[middle].end <= at)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < g->n_spans && spans[low].at < at) {
        const gate_span *in = &spans[low];
        if (in->keep) return in->out_at + (uint32_t)(at - in->at);
        return up ? in->out_end : in->out_at;
    }
    return low ? spans[low - 1].out_end + (uint32_t)(at - spans[low - 1].end) : (uint32_t)at;
}
