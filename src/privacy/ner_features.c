/* ner_features.c: what the tagger of names looks at, and how it decides.
 *
 * Purpose    each thing that is the case is a number made of what it is about (its template) and its value; its weights say how much it
 *            speaks for each tag. Words, their beginnings and ends, what lists say, how they are written, tags before.
 * Owner      any thread; pure.
 */
#include "privacy/ner_int.h"

typedef struct out {
    uint64_t *ids;
    uint32_t n;
} out;

static void put(out *o, uint32_t template, uint64_t value) {
    if (o->n < NER_FEATURES_MAX) o->ids[o->n++] = ner_mix(value, template + 1);
}
static void put2(out *o, uint32_t template, uint64_t a, uint64_t b) {
    put(o, template, ner_mix(a, b));
}

enum {
    T_BIAS,
    T_WORD,                 /* + position 0..4 */
    T_PAIR = T_WORD + 5,    /* before and this; this and behind */
    T_START = T_PAIR + 4,   /* + letters 1..4 */
    T_ENDING = T_START + 5, /* + letters 1..4 */
    T_NEAR = T_ENDING + 5,  /* endings of neighbours */
    T_SHAPE = T_NEAR + 4,   /* how it is written */
    T_LIST = T_SHAPE + 16,  /* + position: each list */
    T_LISTS = T_LIST + 5,   /* all of them at once */
    T_CLASS = T_LISTS + 16, /* + position */
    T_TAG = T_CLASS + 16,   /* tags before */
    T_KNOWN = T_TAG + 16    /* names said a moment ago */
};

/* Everything that lists say of a word, as one number. */
static uint64_t all_of(const ner_word *w) {
    return (uint64_t)w->flags | (uint64_t)w->kind << 16 | (uint64_t)w->owns << 20;
}
static uint64_t class_of(const ner_word *w) {
    return (uint64_t)(w->cls & NER_LIST_CLASS) | (uint64_t)w->kind << 8;
}
/* Names it may be of, and how common it is, in a few bits. */
static uint64_t names_of(const ner_word *w) {
    const uint16_t f = w->flags;
    return (uint64_t)((f & (NER_LIST_FIRST | NER_LIST_FIRST_RARE)) != 0) |
           (uint64_t)((f & (NER_LIST_LAST | NER_LIST_LAST_RARE)) != 0) << 1 |
           (uint64_t)((f & (NER_LIST_PLACE | NER_LIST_PLACE_SMALL)) != 0) << 2 |
           (uint64_t)((f & (NER_LIST_TOP | NER_LIST_COMMON)) != 0) << 3 | (uint64_t)((f & NER_LIST_TITLE) != 0) << 4 |
           (uint64_t)((f & NER_LIST_KNOWN) != 0) << 5 | (uint64_t)w->kind << 6;
}
/* How it is written, where the sentence is written as sentences are. */
static uint64_t shape_of(const ner_view *v, const ner_word *w) {
    const bool tells = v->mode == NER_MODE_TRUE || w->shape == NER_SHAPE_ONE || w->shape == NER_SHAPE_DOTTED;
    return (uint64_t)(tells ? w->shape : 7) | (uint64_t)w->kind << 4 | (uint64_t)w->hyphen << 8 |
           (uint64_t)v->mode << 9;
}

static void put_words(out *o, const ner_view *v) {
    for (uint32_t k = 0; k < 5; k++) put(o, T_WORD + k, v->w[k]->id);
    put2(o, T_PAIR, v->w[1]->id, v->w[2]->id);
    put2(o, T_PAIR + 1, v->w[2]->id, v->w[3]->id);
    put2(o, T_PAIR + 2, v->w[0]->id, v->w[1]->id);
    put2(o, T_PAIR + 3, v->w[3]->id, v->w[4]->id);
}

static void put_parts(out *o, const ner_word *w) {
    for (uint32_t k = 1; k <= 4 && k < w->n; k++) {
        put2(o, T_START + k, ner_hash(w->text, k), w->kind);
        put2(o, T_ENDING + k, ner_hash(w->text + w->n - k, k), w->kind);
    }
    if (w->owns) put(o, T_ENDING, 1);
    if (w->hyphen) put(o, T_ENDING, 2);
}

static uint64_t ending_of(const ner_word *w, uint32_t k) {
    return w->n > k ? ner_hash(w->text + w->n - k, k) : w->id;
}

static void put_shapes(out *o, const ner_view *v) {
    const uint64_t before = shape_of(v, v->w[1]), now = shape_of(v, v->w[2]), behind = shape_of(v, v->w[3]);
    const uint64_t place = v->position == 0 ? 0 : v->position < 3 ? 1 : 2;
    put2(o, T_SHAPE, now, place);
    put2(o, T_SHAPE + 1, now, behind);
    put2(o, T_SHAPE + 2, before, now);
    put2(o, T_SHAPE + 3, ner_mix(before, now), behind);
    put2(o, T_SHAPE + 4, ner_mix(now, place), names_of(v->w[2]));
    put2(o, T_SHAPE + 5, ner_mix(now, behind), shape_of(v, v->w[4]));
    put2(o, T_SHAPE + 6, ner_mix(now, v->tag1), names_of(v->w[2]));
    put2(o, T_SHAPE + 7, ner_mix(now, place), class_of(v->w[2]));
    put2(o, T_SHAPE + 8, now, v->w[1]->id);
    put2(o, T_SHAPE + 9, now, ending_of(v->w[2], 3));
}

static void put_lists(out *o, const ner_view *v) {
    for (uint32_t k = 1; k < 5; k++)
        for (uint32_t f = v->w[k]->flags; f; f &= f - 1) put(o, T_LIST + k, f & -f);
    put(o, T_LISTS, all_of(v->w[2]));
    put2(o, T_LISTS + 1, names_of(v->w[2]), names_of(v->w[3]));
    put2(o, T_LISTS + 2, names_of(v->w[1]), names_of(v->w[2]));
    put2(o, T_LISTS + 3, ner_mix(names_of(v->w[1]), names_of(v->w[2])), names_of(v->w[3]));
    put2(o, T_LISTS + 4, all_of(v->w[2]), v->w[1]->id);
    put2(o, T_LISTS + 5, all_of(v->w[2]), v->w[3]->id);
    put2(o, T_LISTS + 6, all_of(v->w[2]), v->tag1);
    put2(o, T_LISTS + 7, names_of(v->w[2]), class_of(v->w[1]));
    put2(o, T_LISTS + 8, names_of(v->w[2]), class_of(v->w[3]));
    put2(o, T_LISTS + 9, ner_mix(names_of(v->w[1]), names_of(v->w[2])), v->tag1);
    for (uint32_t k = 0; k < 5; k++) put(o, T_CLASS + k, class_of(v->w[k]));
    put2(o, T_CLASS + 5, class_of(v->w[1]), class_of(v->w[2]));
    put2(o, T_CLASS + 6, class_of(v->w[2]), class_of(v->w[3]));
    put2(o, T_CLASS + 7, class_of(v->w[2]), v->tag1);
}

static void put_pairs_of_places(out *o, const ner_view *v) {
    if (v->w[2]->pair) put(o, T_CLASS + 8, v->w[2]->pair);
    if (v->w[1]->pair) put(o, T_CLASS + 9, v->w[1]->pair);
    if (v->w[2]->pair) put2(o, T_CLASS + 10, v->w[2]->pair, v->tag1);
}

static void put_tags(out *o, const ner_view *v) {
    const uint64_t two = v->tag1 * 8u + v->tag2;
    put(o, T_TAG, v->tag1);
    put(o, T_TAG + 1, two);
    put2(o, T_TAG + 2, v->tag1, v->w[2]->id);
    put2(o, T_TAG + 3, v->tag1, v->w[1]->id);
    put2(o, T_TAG + 4, two, shape_of(v, v->w[2]));
    put2(o, T_TAG + 5, v->tag1, ending_of(v->w[2], 3));
    put2(o, T_TAG + 6, v->tag1, v->w[3]->id);
    put(o, T_NEAR, ending_of(v->w[1], 3));
    put(o, T_NEAR + 1, ending_of(v->w[3], 3));
    put2(o, T_NEAR + 2, ending_of(v->w[2], 2), ending_of(v->w[3], 2));
}

static void put_known(out *o, const ner_view *v) {
    if (v->known != NER_O) {
        put(o, T_KNOWN, v->known);
        put2(o, T_KNOWN + 1, v->known, names_of(v->w[2]));
        put2(o, T_KNOWN + 2, v->known, shape_of(v, v->w[2]));
        put2(o, T_KNOWN + 3, v->known, v->tag1);
    }
    if (v->known_next != NER_O) put2(o, T_KNOWN + 4, v->known_next, names_of(v->w[2]));
}

uint32_t ner_features(const ner_view *v, uint64_t ids[NER_FEATURES_MAX]) {
    out o = {ids, 0};
    put(&o, T_BIAS, v->mode);
    put_words(&o, v);
    put_parts(&o, v->w[2]);
    put_shapes(&o, v);
    put_lists(&o, v);
    put_pairs_of_places(&o, v);
    put_tags(&o, v);
    put_known(&o, v);
    if (v->mode != NER_MODE_TRUE)
        for (uint32_t k = 0; k < o.n; k++) ids[k] ^= UINT64_C(0x5555aaaa5555aaaa);
    return o.n;
}

uint8_t ner_allowed(uint8_t before, const ner_word *w) {
    uint8_t allowed = 1 << NER_O;
    if (w->kind == NER_EDGE) return allowed;
    if (!(w->cls & NER_LIST_NEVER_BEGINS)) allowed |= 1 << NER_B_PER | 1 << NER_B_LOC | 1 << NER_B_ORG;
    if (before == NER_O || (w->cls & NER_LIST_NEVER_IN)) return allowed;
    /* people's names have no function words inside, but letters: "Thomas A Edison" */
    if (before <= NER_I_PER && (w->cls & NER_LIST_NEVER_BEGINS) && (w->flags & NER_LIST_TOP) && w->n > 1)
        return allowed;
    return (uint8_t)(allowed | 1 << ((before - 1) / 2 * 2 + 2));
}

ner_tag ner_best(const int32_t score[NER_TAGS], uint8_t allowed, int *margin) {
    int32_t best = INT32_MIN, second = INT32_MIN;
    ner_tag tag = NER_O;
    for (uint32_t k = 0; k < NER_TAGS; k++) {
        if (!(allowed >> k & 1)) continue;
        if (score[k] > best) {
            second = best;
            best = score[k];
            tag = (ner_tag)k;
        } else if (score[k] > second) {
            second = score[k];
        }
    }
    *margin = second == INT32_MIN || best - second > NER_CERTAIN ? NER_CERTAIN : best - second;
    return tag;
}

ner_tag ner_decide(void *user, const ner_view *v, uint8_t allowed, int *margin) {
    const ner_tables *t = user;
    uint64_t ids[NER_FEATURES_MAX];
    int32_t score[NER_TAGS] = {0};
    const uint32_t n = ner_features(v, ids);
    for (uint32_t k = 0; k < n; k++) {
        const ner_bucket *b = &t->weights[ner_slot(ids[k], t->buckets)];
        const uint8_t mark = ner_mark8(ids[k]);
        for (uint32_t row = 0; row < NER_BUCKET_ROWS; row++) {
            if (b->mark[row] != mark) continue;
            for (uint32_t tag = 0; tag < NER_TAGS; tag++) score[tag] += b->weight[row][tag];
            break;
        }
    }
    score[NER_B_PER] -= t->caution;
    return ner_best(score, allowed, margin);
}
