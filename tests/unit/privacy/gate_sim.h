/* gate_sim.h: conversations, made up from a seed and cut into drafts in any way, through a gate; and what must come out.
 *
 * Words stand in a row; between two of them, and inside numbers, an utterance may end. Of each utterance come partials, whose ends
 * are right, or wrong words and figures, and a final. What must come out is worked out another way: utterances that may go
 * on in each other, joined and looked through at once.
 *
 * Checked: every final comes out once, in order, as the whole masks it; the stable part of every partial is the beginning of that final,
 * and behind it stands no figure; revs rise; everything else keeps its place; nothing waits longer than it may.
 */
#ifndef STENO_TEST_PRIVACY_GATE_SIM_H
#define STENO_TEST_PRIVACY_GATE_SIM_H

#include "gate_test.h"

#define SIM_UTTERANCES 24
#define SIM_TEXT_BYTES 512
#define SIM_HOLD_S     2.0
#define SIM_SERIALS    4096
#define SIM_TICK_MS    100

/* What people say: numbers have a word a group, so that they are cut there as well. */
typedef struct sim_language {
    const char *const *words;
    int n_words;
    const char *const *numbers; /* groups between blanks */
    int n_numbers;
} sim_language;

typedef struct sim_utterance {
    char text[SIM_TEXT_BYTES], want[2 * SIM_TEXT_BYTES];
    double start_s, end_s;
    int speaker;
    bool aside; /* okay */
    uint32_t out_rev;
    bool out;
} sim_utterance;

typedef struct sim {
    uint64_t random;
    const sim_language *language;
    sim_utterance said[SIM_UTTERANCES];
    int n;
    gate *g;
    finder *f;
    gate_policy policy;
    int64_t now_ms, at_ms[SIM_SERIALS];
    int serial, last_out, next_final;
    int finals, partials, masked;
    bool failed, forced;
} sim;

static inline uint32_t sim_below(sim *s, uint32_t n) {
    s->random ^= s->random << 13;
    s->random ^= s->random >> 7;
    s->random ^= s->random << 17;
    return (uint32_t)((s->random >> 16) % n);
}

static inline bool sim_chance(sim *s, uint32_t percent) {
    return sim_below(s, 100) < percent;
}

/* ---- what is said ----------------------------------------------------------------------------------------------- */

static inline void sim_break(sim *s, double pause_s) {
    sim_utterance *u = &s->said[s->n];
    if (!u->text[0] || s->n + 1 >= SIM_UTTERANCES) return;
    u->end_s = u->start_s + .2 + .1 * (double)strlen(u->text) / 2;
    if (u->end_s > u->start_s + 2.5) u->end_s = u->start_s + 2.5;
    sim_utterance *next = &s->said[++s->n];
    memset(next, 0, sizeof *next);
    next->speaker = u->speaker;
    next->start_s = u->end_s + pause_s;
}

static inline double sim_pause(sim *s) {
    return sim_chance(s, 80) ? .6 + sim_below(s, 10) / 10. : 2.6 + sim_below(s, 20) / 10.;
}

static inline void sim_aside(sim *s) {
    static const char *const asides[] = {"okay", "Mm-hmm.", "嗯", "对对", "Yeah, yeah."};
    sim_utterance *u = &s->said[s->n];
    if (u->text[0] || s->n == 0 || s->n + 2 >= SIM_UTTERANCES) return;
    int speaker = u->speaker;
    u->aside = true;
    u->speaker = sim_chance(s, 50) ? speaker : 1 - speaker;
    strcpy(u->text, asides[sim_below(s, 5)]);
    u->start_s = s->said[s->n - 1].end_s + .1;
    sim_break(s, .3);
    s->said[s->n - 1].end_s = s->said[s->n - 1].start_s + .2;
    s->said[s->n].start_s = s->said[s->n - 1].end_s + .3;
    s->said[s->n].speaker = speaker;
}

static inline void sim_say(sim *s, const char *word, size_t n) {
    sim_utterance *u = &s->said[s->n];
    size_t used = strlen(u->text);
    if (used + n + 2 > SIM_TEXT_BYTES) return;
    if (used) u->text[used++] = ' ';
    memcpy(u->text + used, word, n);
    u->text[used + n] = '\0';
}

/* A single figure at the end of an utterance is no number that anybody waits for. */
static inline bool sim_is_begun(const char *number, const char *to) {
    int figures = 0, words = 1;
    for (; number < to; number++) {
        figures += *number >= '0' && *number <= '9';
        words += *number == ' ' && number + 1 < to;
    }
    return figures >= 2 || (figures == 0 && words >= 4);
}

static inline void sim_number(sim *s) {
    const char *number = s->language->numbers[sim_below(s, (uint32_t)s->language->n_numbers)], *first = number;
    int breaks = 0;
    while (*number) {
        size_t n = strcspn(number, " ");
        sim_say(s, number, n);
        number += n + (number[n] == ' ');
        if (*number && breaks < 3 && sim_is_begun(first, number) && sim_chance(s, 25)) {
            sim_break(s, sim_pause(s));
            if (sim_chance(s, 20)) sim_aside(s);
            first = number;
            breaks++;
        }
    }
}

static inline void sim_make(sim *s) {
    s->n = 0;
    memset(&s->said[0], 0, sizeof s->said[0]);
    s->said[0].start_s = 1;
    for (int i = 4 + (int)sim_below(s, 30); i > 0; i--) {
        const char *word = s->language->words[sim_below(s, (uint32_t)s->language->n_words)];
        if (sim_chance(s, 25))
            sim_number(s);
        else
            sim_say(s, word, strlen(word));
        if (!sim_chance(s, 15)) continue;
        sim_break(s, sim_pause(s));
        if (sim_chance(s, 30) && !s->said[s->n].text[0]) s->said[s->n].speaker = (int)sim_below(s, 3) - 1;
    }
    sim_break(s, 1);
}

/* ---- what must come out ----------------------------------------------------------------------------------------- */

static inline bool sim_is_edge(char c) {
    return c && strchr(" ,.!?;:\x1e", c);
}

/* Utterance [at, at + n) of the joined text, with masks for what was found. */
static inline void sim_write(sim_utterance *u, const char *text, size_t at, size_t n, const find_result *found) {
    size_t used = 0, from = at;
    for (uint32_t i = 0; i < found->n; i++) {
        size_t a = found->findings[i].at, b = a + found->findings[i].n;
        if (b <= at || a >= at + n) continue;
        if (a < at)
            for (a = at; sim_is_edge(text[a]);) a++;
        if (b > at + n)
            for (b = at + n; b > a && sim_is_edge(text[b - 1]);) b--;
        if (a >= b) continue;
        used += (size_t)sprintf(u->want + used, "%.*s%s", (int)(a - from), text + from,
                                entity_mask(found->findings[i].type));
        from = b;
    }
    sprintf(u->want + used, "%.*s", (int)(at + n - from), text + from);
}

static inline bool sim_joins(const sim_utterance *a, const sim_utterance *c) {
    bool same = a->speaker == c->speaker || a->speaker < 0 || c->speaker < 0;
    return same && c->start_s - a->end_s <= SIM_HOLD_S;
}

/* Groups of utterances that may go on in each other, each looked through behind all that was said before it. */
static inline void sim_expect(sim *s) {
    static char text[SIM_UTTERANCES * SIM_TEXT_BYTES];
    size_t n = 0, at[SIM_UTTERANCES], context = 0;
    for (int first = 0, end; first < s->n; first = end) {
        const sim_utterance *last = NULL;
        context = n + (n > 0);
        for (end = first; end < s->n; end++) {
            sim_utterance *u = &s->said[end];
            if (u->aside) continue;
            if (last && !sim_joins(last, u)) break;
            if (n) text[n++] = TOKEN_BREAK_CHAR;
            at[end] = n;
            memcpy(text + n, u->text, strlen(u->text));
            n += strlen(u->text);
            last = u;
        }
        find_result found;
        find_text t = {.text = text, .n = n, .context = context, .stable = n, .whole = true};
        assert_int_equal(find_run(s->f, &t, s->policy.types, s->policy.min_confidence, &found), STENO_OK);
        s->masked += (int)found.n;
        for (int i = first; i < end; i++) {
            sim_utterance *u = &s->said[i];
            if (u->aside)
                strcpy(u->want, u->text);
            else
                sim_write(u, text, at[i], strlen(u->text), &found);
        }
    }
}

/* ---- what comes out --------------------------------------------------------------------------------------------- */

/* What was forced out need not be what the whole says, and neither what comes behind it. */
static inline void sim_fail(sim *s, const char *what, const released_event *e, const char *want) {
    gate_counts counts;
    gate_get_counts(s->g, &counts);
    s->forced = counts.forced_out > 0;
    if (s->forced && (strcmp(what, "final") == 0 || strcmp(what, "stable") == 0)) return;
    if (!s->failed)
        print_error("%s: message %u: \"%s\" (%u stable), wanted \"%s\"\n", what, e->segment.id, e->segment.text,
                    e->segment.stable_bytes, want);
    s->failed = true;
}

static inline bool sim_has_figures(const char *text) {
    return strpbrk(text, "0123456789") != NULL;
}

static inline void sim_check_words(sim *s, const released_event *e) {
    const released_segment *r = &e->segment;
    size_t at = 0, n = strlen(r->text);
    for (uint32_t i = 0; i < r->n_words; i++) {
        size_t begin = r->words[i].text_offset, end = begin + r->words[i].text_bytes;
        if (begin < at || end > n || begin >= end) sim_fail(s, "words", e, "in the text, one behind the other");
        at = end;
    }
    for (uint32_t i = 0; i < r->n_entities; i++) {
        const released_entity *x = &r->entities[i];
        if (x->text_offset + x->text_bytes > n || x->first_word + x->n_words > r->n_words ||
            x->n_words != (r->n_words > 0))
            sim_fail(s, "entities", e, "in the text, a word each");
    }
}

static inline void sim_take(void *user, const released_event *e) {
    sim *s = user;
    bool partial = e->kind == STENO_EVENT_PARTIAL;
    if (!partial && e->partial_ms <= s->last_out) sim_fail(s, "order", e, "as they came");
    if (!partial) s->last_out = e->partial_ms;
    if (s->now_ms - s->at_ms[e->partial_ms] > s->policy.hold_ms + GATE_FOLLOW_MAX_MS + SIM_TICK_MS)
        sim_fail(s, "time", e, "sooner");
    if (!partial && e->kind != STENO_EVENT_SEGMENT) return;
    sim_utterance *u = &s->said[e->segment.id];
    if (e->segment.rev <= u->out_rev) sim_fail(s, "rev", e, u->want);
    u->out_rev = e->segment.rev;
    sim_check_words(s, e);
    if (partial) {
        s->partials++;
        if (u->out || (int)e->segment.id != s->next_final) sim_fail(s, "place", e, u->want);
        if (strncmp(u->want, e->segment.text, e->segment.stable_bytes) != 0) sim_fail(s, "stable", e, u->want);
        if (sim_has_figures(e->segment.text + e->segment.stable_bytes)) sim_fail(s, "unstable", e, u->want);
        return;
    }
    s->finals++;
    if ((int)e->segment.id != s->next_final++) sim_fail(s, "final", e, "the next");
    if (strcmp(e->segment.text, u->want) != 0) sim_fail(s, "final", e, u->want);
    u->out = true;
}

/* ---- drafts ----------------------------------------------------------------------------------------------------- */

static inline void sim_send(sim *s, draft *d) {
    int64_t at_ms = (int64_t)(d->e.heard_s * 1000);
    while (s->now_ms < at_ms) {
        s->now_ms = s->now_ms + SIM_TICK_MS < at_ms ? s->now_ms + SIM_TICK_MS : at_ms;
        if (gate_wait_ms(s->g, s->now_ms) == 0) gate_tick(s->g, s->now_ms);
    }
    assert_true(++s->serial < SIM_SERIALS);
    s->at_ms[s->serial] = s->now_ms;
    d->e.partial_ms = s->serial;
    gate_event(s->g, &d->e, s->now_ms);
}

static inline void sim_note(sim *s, draft *d, steno_event_kind kind, uint32_t id, double at_s) {
    draft_of(d, kind, id, 0, "", at_s, at_s);
    d->e.heard_s = at_s;
    sim_send(s, d);
}

static inline size_t sim_char(const char *text, size_t at) {
    while (text[at] && ((unsigned char)text[at] & 0xC0) == 0x80) at++;
    return at;
}

/* The first `n` bytes, and behind `stable` maybe something else. */
static inline void sim_hear(sim *s, const sim_utterance *u, size_t stable, size_t n, char *text) {
    static const char *const wrong[] = {" hello",       "1",     " 1 2 3", " 13800138000 x", "Bob", "ob went",
                                        " five six so", "三 吗", " the @"};
    sprintf(text, "%.*s", (int)n, u->text);
    if (sim_chance(s, 40)) sprintf(text + stable, "%s", wrong[sim_below(s, 9)]);
}

static inline void sim_partials(sim *s, draft *d, sim_utterance *u, uint32_t id, uint32_t *rev) {
    char text[SIM_TEXT_BYTES + 64];
    size_t stable = 0, n = 0, all = strlen(u->text);
    int count = (int)sim_below(s, 7);
    for (int i = 1; i <= count; i++) {
        n = sim_char(u->text, n + sim_below(s, (uint32_t)(all - n) + 1));
        if (n > stable) stable = sim_char(u->text, stable + sim_below(s, (uint32_t)(n - stable) + 1));
        sim_hear(s, u, stable, n, text);
        if (!text[0]) continue;
        double end_s = u->start_s + (u->end_s - u->start_s) * i / count;
        draft_of(d, STENO_EVENT_PARTIAL, id, ++*rev, text, u->start_s, end_s);
        d->e.segment.stable_bytes = (uint32_t)stable;
        draft_speaker(d, u->speaker);
        sim_send(s, d);
    }
}

static inline void sim_utter(sim *s, draft *d, sim_utterance *u, uint32_t id) {
    uint32_t rev = 0;
    sim_note(s, d, STENO_EVENT_SPEECH, id, u->start_s);
    if (sim_chance(s, 20)) sim_note(s, d, STENO_EVENT_OVERLOAD, 0, 0);
    sim_partials(s, d, u, id, &rev);
    draft_of(d, STENO_EVENT_SEGMENT, id, rev + 1, u->text, u->start_s, u->end_s);
    draft_speaker(d, u->speaker);
    if (sim_chance(s, 10)) d->e.segment.n_words = 0;
    sim_send(s, d);
    if (sim_chance(s, 20)) sim_note(s, d, STENO_EVENT_TURNS, 0, u->end_s - .5);
    if (sim_chance(s, 10)) sim_note(s, d, STENO_EVENT_FINALIZED, 0, 0);
}

/* A conversation. False: something is wrong, and was printed. */
static inline bool sim_run(sim *s, privacy *p, finder *f, const gate_policy *policy, const sim_language *language,
                           uint64_t seed) {
    static draft d;
    *s = (sim){.random = seed * 2654435761u + 88172645463325252u, .language = language, .f = f, .policy = *policy};
    sim_make(s);
    sim_expect(s);
    assert_int_equal(gate_open(p, policy, sim_take, s, &s->g), STENO_OK);
    for (int i = 0; i < s->n; i++) sim_utter(s, &d, &s->said[i], (uint32_t)i);
    sim_note(s, &d, STENO_EVENT_DONE, 0, 0);
    gate_free(s->g);
    if (s->next_final != s->n) print_error("%d of %d finals came out\n", s->next_final, s->n);
    if (s->failed || s->next_final != s->n) {
        for (int i = 0; i < s->n; i++)
            print_error("  %d (%d) %.1f..%.1f \"%s\"\n", i, s->said[i].speaker, s->said[i].start_s, s->said[i].end_s,
                        s->said[i].text);
        return false;
    }
    return true;
}

#endif
