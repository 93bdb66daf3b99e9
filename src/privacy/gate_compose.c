/* gate_compose.c: a draft and what was found in it -> a released segment. See gate_int.h.
 *
 * Words that a span covers become one word, together with what else of them stands outside it; so words always stand for the
 * text that is shown, and never for what it hides.
 */
#include "privacy/gate_int.h"

#include <string.h>

static const gate_span *spans_of(const gate *g) {
    return g->spans.at;
}

static size_t word_end(const steno_word *w) {
    return (size_t)w->text_offset + w->text_bytes;
}

/* ---- how much --------------------------------------------------------------------------------------------------- */

static size_t before_words(const steno_segment *s, size_t shown) {
    for (uint32_t i = 0; i < s->n_words; i++)
        if (s->words[i].text_offset < shown && shown < word_end(&s->words[i])) shown = s->words[i].text_offset;
    return shown;
}

static size_t before_findings(const gate_view *v, size_t shown) {
    if (!v->found) return shown;
    for (uint32_t i = 0; i < v->found->n; i++) {
        const finding *f = &v->found->findings[i];
        if (f->at < v->at + shown && v->at + shown < (size_t)f->at + f->n) return f->at > v->at ? f->at - v->at : 0;
    }
    return shown;
}

size_t gate_shown(const steno_segment *s, const gate_view *v, size_t settled) {
    size_t n = strlen(s->text), shown = settled <= v->at ? 0 : settled - v->at, before;
    if (shown >= n) return n;
    do {
        before = shown;
        shown = before_findings(v, before_words(s, shown));
    } while (shown < before);
    while (shown > 0 && s->text[shown - 1] == ' ') shown--;
    return shown;
}

/* ---- words ------------------------------------------------------------------------------------------------------ */

/* Who says most of them, by time; whose words come first if two say as much. */
static int speaker_of(const steno_word *words, uint32_t n) {
    double said_s[STENO_SPEAKERS_MAX + 2] = {0};
    int best = words[0].speaker;
    for (uint32_t i = 0; i < n; i++) {
        int who = words[i].speaker;
        if (who >= STENO_SPEAKER_OTHER && who < STENO_SPEAKERS_MAX)
            said_s[who + 2] += words[i].end_s - words[i].start_s;
    }
    if (best < STENO_SPEAKER_OTHER || best >= STENO_SPEAKERS_MAX) return best;
    for (int who = STENO_SPEAKER_OTHER; who < STENO_SPEAKERS_MAX; who++)
        if (said_s[who + 2] > said_s[best + 2]) best = who;
    return best;
}

steno_word gate_one_word(const steno_word *words, uint32_t n) {
    steno_word all = words[0];
    float confidence = 0.0f;
    if (n == 1) return all;
    for (uint32_t i = 0; i < n; i++) {
        if (words[i].end_s > all.end_s) all.end_s = words[i].end_s;
        confidence += words[i].confidence;
    }
    all.confidence = confidence / (float)n;
    all.speaker = speaker_of(words, n);
    return all;
}

/* The first span from `k` on that ends behind `at`. */
static uint32_t span_behind(const gate *g, uint32_t k, size_t at) {
    while (k < g->n_spans && spans_of(g)[k].end <= at) k++;
    return k;
}

/* How many words from `first` on are one, because spans that are written otherwise reach over them. */
static uint32_t words_together(const gate *g, const steno_segment *s, uint32_t n, uint32_t first, uint32_t *k) {
    const gate_span *spans = spans_of(g);
    uint32_t end = first + 1;
    size_t to = word_end(&s->words[first]);
    *k = span_behind(g, *k, s->words[first].text_offset);
    for (uint32_t i = *k; i < g->n_spans && spans[i].at < to; i++) {
        if (spans[i].keep) continue;
        while (end < n && s->words[end].text_offset < spans[i].end) to = word_end(&s->words[end++]);
    }
    return end - first;
}

static void put_word(gate *g, const steno_segment *s, uint32_t first, uint32_t n) {
    steno_word *words = g->words.at, *w = &words[g->n_words++];
    *w = gate_one_word(s->words + first, n);
    w->text_offset = gate_map_byte(g, s->words[first].text_offset, false);
    uint32_t end = gate_map_byte(g, word_end(&s->words[first + n - 1]), true);
    w->text_bytes = end > w->text_offset ? end - w->text_offset : 0;
    if (n == 1) return;
    gate_merge *merges = g->merges.at;
    merges[g->n_merges++] = (gate_merge){(uint16_t)first, (uint16_t)n};
}

/* Words of the draft that are shown: those that stand in its text, in order. */
static uint32_t words_shown(const steno_segment *s, const gate_view *v) {
    uint32_t n = 0;
    size_t at = 0;
    for (; n < s->n_words && n < UINT16_MAX; n++) {
        const steno_word *w = &s->words[n];
        if (w->text_offset < at || word_end(w) > v->shown) break;
        at = word_end(w);
    }
    return n;
}

static steno_err put_words(gate *g, const steno_segment *s, uint32_t n) {
    g->n_words = g->n_merges = 0;
    ERR_TRY(gate_grow(&g->words, n * sizeof(steno_word)));
    ERR_TRY(gate_grow(&g->merges, n * sizeof(gate_merge)));
    for (uint32_t i = 0, k = 0, together; i < n; i += together) {
        together = words_together(g, s, n, i, &k);
        put_word(g, s, i, together);
    }
    return STENO_OK;
}

/* ---- entities --------------------------------------------------------------------------------------------------- */

/* From the first to the last word of the draft that it touches; the segment's where there is none. */
static void take_times(const steno_segment *s, uint32_t n, const gate_span *span, uint32_t *k, released_entity *e) {
    e->start_s = s->start_s;
    e->end_s = s->end_s;
    while (*k < n && word_end(&s->words[*k]) <= span->at) ++*k;
    if (*k == n || s->words[*k].text_offset >= span->end) return;
    e->start_s = s->words[*k].start_s;
    for (uint32_t i = *k; i < n && s->words[i].text_offset < span->end; i++) e->end_s = s->words[i].end_s;
}

static void take_words(const gate *g, const gate_span *span, uint32_t *k, released_entity *e) {
    const steno_word *words = g->words.at;
    while (*k < g->n_words && word_end(&words[*k]) <= span->out_at) ++*k;
    e->first_word = *k;
    for (uint32_t i = *k; i < g->n_words && words[i].text_offset < span->out_end; i++) e->n_words++;
    if (e->n_words == 0) e->first_word = 0;
}

static steno_err put_entities(gate *g, const steno_segment *s, uint32_t n_words, uint32_t *n) {
    uint32_t draft = 0, shown = 0;
    *n = 0;
    ERR_TRY(gate_grow(&g->entities, g->n_spans * sizeof(released_entity)));
    released_entity *entities = g->entities.at;
    for (uint32_t i = 0; i < g->n_spans; i++) {
        const gate_span *span = &spans_of(g)[i];
        if (!span->found) continue;
        released_entity *e = &entities[(*n)++];
        *e = (released_entity){.type = span->found->type,
                               .text_offset = span->out_at,
                               .text_bytes = span->out_end - span->out_at,
                               .confidence = span->found->confidence};
        e->name =
            e->type == ENTITY_CUSTOM ? privacy_custom_name(g->privacy, span->found->custom) : entity_name(e->type);
        take_times(s, n_words, span, &draft, e);
        take_words(g, span, &shown, e);
    }
    return STENO_OK;
}

/* ---- the segment ------------------------------------------------------------------------------------------------ */

released_segment gate_as_it_is(const steno_segment *s) {
    return (released_segment){.id = s->id,
                              .rev = s->rev,
                              .stable_bytes = s->stable_bytes,
                              .end = s->end,
                              .start_s = s->start_s,
                              .end_s = s->end_s,
                              .confidence = s->confidence,
                              .looped = s->looped,
                              .text = s->text,
                              .words = s->words,
                              .n_words = s->n_words,
                              .speaker = s->speaker,
                              .speaker_margin = s->speaker_margin,
                              .speaker_fixed = s->speaker_fixed};
}

/* What of the text that is shown will not be taken back: neither by the recogniser nor because a number goes on. */
static size_t stable_shown(gate *g, const steno_segment *s, const gate_view *v) {
    size_t stable = s->stable_bytes < v->shown ? s->stable_bytes : v->shown, settled = stable;
    if (!g->policy.itn || !v->partial) return stable;
    if (gate_grow(&g->edits, GATE_EDITS_MAX * sizeof(text_edit)) != STENO_OK) return 0;
    itn_find(s->text, stable, false, g->edits.at, GATE_EDITS_MAX, &settled);
    return settled < stable ? settled : stable;
}

/* Of a partial that ends early: until when, and how sure. */
static void end_early(const steno_segment *s, uint32_t n_words, released_segment *out) {
    float confidence = 0.0f;
    if (n_words == 0) return;
    for (uint32_t i = 0; i < n_words; i++) confidence += s->words[i].confidence;
    out->confidence = confidence / (float)n_words;
    out->end_s = s->words[n_words - 1].end_s;
}

steno_err gate_compose(gate *g, const steno_segment *s, const gate_view *v, released_segment *out) {
    uint32_t n_words = words_shown(s, v);
    *out = gate_as_it_is(s);
    size_t stable = stable_shown(g, s, v); /* asks for numbers, before those that are shown are there */
    ERR_TRY(gate_find_spans(g, s, v));
    ERR_TRY(gate_write_text(g, s, v));
    ERR_TRY(put_words(g, s, n_words));
    ERR_TRY(put_entities(g, s, n_words, &out->n_entities));
    out->text = g->text.at;
    out->words = g->words.at;
    out->n_words = g->n_words;
    out->entities = g->entities.at;
    out->stable_bytes = gate_map_byte(g, stable, false);
    if (v->shown < strlen(s->text)) end_early(s, n_words, out);
    return STENO_OK;
}

void gate_withhold(gate *g, const steno_segment *s, released_segment *out) {
    *out = gate_as_it_is(s);
    out->text = GATE_WITHHELD;
    out->withheld = true;
    out->stable_bytes = s->stable_bytes ? sizeof GATE_WITHHELD - 1 : 0;
    out->words = &g->withheld;
    out->n_words = s->n_words > 0;
    g->n_merges = 0;
    if (s->n_words == 0) return;
    g->withheld = gate_one_word(s->words, s->n_words);
    g->withheld.text_offset = 0;
    g->withheld.text_bytes = sizeof GATE_WITHHELD - 1;
}
