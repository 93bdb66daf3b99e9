/* ner.c: names in words, tagged from left to right, and names among Han characters in their place (ner_zh.c).
 *
 * Owner      a struct names is one finder's; any thread.
 * Invariants a tag is decided once, from words that whatever follows cannot change; where that took reading past the end of a
 *            text that goes on, everything is forgotten, so that nobody builds on it.
 */
#include "privacy/ner_int.h"

#include <math.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

#define MARGIN_SCALE 0.02f /* of a margin of weights to a logit */

static const ner_word edge = {.id = 1, .kind = NER_EDGE, .cls = NER_LIST_NEVER_BEGINS | NER_LIST_NEVER_IN};

steno_err names_open(names **out) {
    names *m = mem_alloc(1, sizeof *m);
    if (!m) return err_fail(STENO_E_NOMEM, "no memory for the tags of a text");
    if (!ner_get_tables(&m->tables)) {
        mem_free(m);
        return err_fail(STENO_E_INTERNAL, "the tables of the tagger of names are not what they should be");
    }
    names_reset(m);
    *out = m;
    return STENO_OK;
}

void names_free(names *m) {
    mem_free(m);
}

static void begin_sentence(names *m) {
    m->tag1 = m->tag2 = NER_O;
    m->position = 0;
    m->before[0] = m->before[1] = edge;
    memset(&m->casing, 0, sizeof m->casing);
}

void names_reset(names *m) {
    m->next = 0;
    m->n_ahead = 0;
    m->n_heard = 0;
    m->zh_end = UINT32_MAX;
    m->zh_before = 0;
    begin_sentence(m);
}

/* Word k behind the next one; behind the edge of a sentence there is nothing. */
static const ner_word *look(names *m, reader *r, uint32_t k) {
    while (m->n_ahead <= k) {
        if (m->n_ahead > 0 && m->ahead[m->n_ahead - 1].kind == NER_EDGE) return &edge;
        const uint32_t i = m->n_ahead > 0 ? m->ahead[m->n_ahead - 1].end : m->next;
        ner_read_word(r, i, &m->tables.english, &m->ahead[m->n_ahead++]);
    }
    return &m->ahead[k];
}

/* The tag that word w had in a name nearby. */
static uint8_t recall(const names *m, const reader *r, const ner_word *w) {
    if (w->kind != NER_WORD) return NER_O;
    const uint32_t at = r->tokens[m->ahead[0].first].at, n = m->n_heard < NER_HEARD ? m->n_heard : NER_HEARD;
    for (uint32_t k = 1; k <= n; k++) {
        const uint32_t slot = (m->n_heard - k) % NER_HEARD;
        if (m->heard[slot].at + NER_HEARD_BYTES < at) break;
        if (m->heard[slot].id == w->id) return m->heard[slot].tag;
    }
    return NER_O;
}

static void remember(names *m, const reader *r, const ner_word *w, ner_tag tag) {
    if (tag == NER_O || w->kind != NER_WORD || w->n < 3 || (w->cls & NER_LIST_NEVER_BEGINS)) return;
    const uint32_t slot = m->n_heard++ % NER_HEARD;
    m->heard[slot].id = w->id;
    m->heard[slot].at = r->tokens[w->first].at;
    m->heard[slot].tag = (uint8_t)tag;
}

static ner_tag decide(names *m, reader *r, ner_choose *choose, void *user, int *margin) {
    const ner_word *now = look(m, r, 0);
    const uint8_t allowed = ner_allowed(m->tag1, now);
    *margin = NER_CERTAIN;
    if (allowed == 1 << NER_O) return NER_O;
    ner_view v = {{&m->before[0], &m->before[1], now, look(m, r, 1), look(m, r, 2)},
                  m->tag1,
                  m->tag2,
                  0,
                  m->position,
                  recall(m, r, now),
                  NER_O};
    v.known_next = recall(m, r, v.w[3]);
    ner_casing casing = m->casing;
    for (uint32_t k = 2; k < 5; k++) ner_casing_add(&casing, v.w[k]);
    v.mode = (uint8_t)ner_casing_mode(&casing);
    ner_pair(&m->ahead[0], v.w[3], &m->tables.english);
    return choose(user, &v, allowed, margin);
}

void ner_step(names *m, reader *r, ner_choose *choose, void *user) {
    int margin;
    const ner_tag tag = decide(m, r, choose, user, &margin);
    const ner_word *now = &m->ahead[0];
    for (uint32_t k = now->first; k < now->end; k++) m->tag[k] = NER_JOINED;
    m->tag[now->first] = (uint8_t)tag;
    m->margin[now->first] = (uint8_t)margin;
    m->next = now->end;
    remember(m, r, now, tag);
    if (now->kind == NER_EDGE) {
        begin_sentence(m);
    } else {
        ner_casing_add(&m->casing, now);
        m->before[0] = m->before[1];
        m->before[1] = *now;
        m->tag2 = m->tag1;
        m->tag1 = (uint8_t)tag;
        m->position++;
    }
    m->n_ahead--;
    memmove(m->ahead, m->ahead + 1, m->n_ahead * sizeof *m->ahead);
}

/* Tokens up to i are tagged. False: there is no token i, or what was needed is not there yet. */
static bool reach(names *m, reader *r, uint32_t i) {
    while (m->next <= i) {
        if (i >= r->n_tokens) reader_at(r, i);
        if (i >= r->n_tokens || i >= FIND_TEXT_MAX) return false;
        if (r->tokens[m->next].kind == TOKEN_HAN)
            ner_zh_step(m, r);
        else
            ner_step(m, r, ner_decide, &m->tables);
        if (r->touched) return false;
    }
    return true;
}

static entity_type type_of(uint8_t tag) {
    static const entity_type types[] = {ENTITY_PERSON, ENTITY_PLACE, ENTITY_ORGANISATION};
    return types[(tag - 1) / 2];
}

/* The end of the name that begins at token i; *margin: the least of its tags. 0: not known yet. */
static uint32_t name_end(names *m, reader *r, uint32_t i, uint8_t *margin) {
    const uint8_t inside = (uint8_t)(m->tag[i] + 1);
    uint32_t end = i + 1;
    *margin = m->margin[i];
    for (;; end++) {
        if (end >= r->n_tokens && r->whole) return end;
        if (end == m->next && r->tokens[i].kind == TOKEN_HAN) return end;
        if (!reach(m, r, end)) return 0;
        if (m->tag[end] == NER_JOINED) continue;
        if (m->tag[end] != inside) return end;
        if (m->margin[end] < *margin) *margin = m->margin[end];
    }
}

/* "john" in john@example.com: a name is never surer than what has a form of its own. */
#define SUREST .74F

static void find_name(names *m, reader *r, uint32_t i, entity_set types, rule_found found[RULE_FOUND_MAX], uint32_t *n,
                      uint32_t *skip) {
    uint8_t margin;
    if (!reach(m, r, i)) return;
    const uint8_t tag = m->tag[i];
    if (tag == NER_JOINED || (tag & 1) == 0) return;
    const uint32_t end = name_end(m, r, i, &margin);
    if (end == 0) return;
    *skip = end - i;
    if (!(types & ENTITY_BIT(type_of(tag)))) return;
    const float sure = 1 / (1 + expf(-MARGIN_SCALE * (float)margin)); /* .5 and more */
    found[0] = (rule_found){
        .type = type_of(tag), .first = i, .end = end, .confidence = .5F + (sure - .5F) * 2 * (SUREST - .5F)};
    *n = 1;
}

void rule_name(reader *r, uint32_t i, entity_set types, rule_found found[RULE_FOUND_MAX], uint32_t *n, uint32_t *skip) {
    *n = 0;
    *skip = 1;
    names *m = r->names;
    if (!m || !(types & (ENTITY_BIT(ENTITY_PERSON) | ENTITY_BIT(ENTITY_PLACE) | ENTITY_BIT(ENTITY_ORGANISATION))))
        return;
    m->types = types;
    find_name(m, r, i, types, found, n, skip);
    if (r->touched) names_reset(m);
}
