/* label_watch.h: a reader that holds every event of a stream against what its speaker contract promises.
 *
 * Purpose   watch_event() remembers each label that was ever said and fails at the first event that breaks what steno.h
 *           promises of labels.
 */
#ifndef STENO_TESTS_LABEL_WATCH_H
#define STENO_TESTS_LABEL_WATCH_H

#include "engine_test.h"

#define WATCH_MESSAGES 512 /* the newest that are remembered */

typedef struct watched {
    uint32_t id;
    bool seen, final, fixed, labelled; /* labelled: its labels have been said since it was final */
    uint32_t rev, n;
    int speaker;
    int label[TRANSCRIPT_MAX_TOKENS];
    double start_s[TRANSCRIPT_MAX_TOKENS], end_s[TRANSCRIPT_MAX_TOKENS];
} watched;

typedef struct watch {
    steno_speakers_options opt;
    bool live, done;
    steno_stream_id id;
    watched message[WATCH_MESSAGES];
    uint32_t finals, revisions, turns_n;
    double turned_s; /* the newest turn's beginning */
    double turns_s[STENO_SPEAKERS_MAX];
    double first_label_s; /* of audio heard, -1: none */
    steno_stats stats;
} watch;

static inline watch *watch_new(const steno_speakers_options *o, bool live) {
    watch *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->opt = *o;
    w->live = live;
    w->first_label_s = -1.0;
    return w;
}

static inline bool watch_is_fixed_contract(const watch *w) {
    return w->opt.contract != STENO_SPEAKERS_REVISE;
}

static inline void watch_number(const watch *w, int speaker) {
    if (speaker == STENO_SPEAKER_UNKNOWN) return;
    if (speaker == STENO_SPEAKER_OTHER) {
        assert_int_equal(w->opt.contract, STENO_SPEAKERS_ENROLLED);
        return;
    }
    assert_true(speaker >= 0 && speaker < STENO_SPEAKERS_MAX);
    if (w->opt.contract == STENO_SPEAKERS_ENROLLED) assert_true(speaker < w->opt.n_voices);
}

/* A label that was said may not be said differently, where that is promised, and never once it is fixed. */
static inline void watch_label(const watch *w, const watched *m, uint32_t id, int before, int now) {
    watch_number(w, now);
    if (before == now) return;
    if (m->fixed) fail_msg("message %u: %d becomes %d, but was fixed", id, before, now);
    if (watch_is_fixed_contract(w) && before != STENO_SPEAKER_UNKNOWN)
        fail_msg("message %u: %d becomes %d, which was promised not to happen", id, before, now);
}

static inline void watch_segment(watch *w, const steno_event *ev) {
    const steno_segment *s = &ev->segment;
    watched *m = &w->message[s->id % WATCH_MESSAGES];
    if (m->seen && m->id < s->id) memset(m, 0, sizeof *m); /* of long ago */
    assert_true(!m->seen || m->id == s->id);
    m->id = s->id;
    bool revision = ev->kind == STENO_EVENT_SPEAKERS;
    if (m->seen && s->rev <= m->rev) fail_msg("message %u: rev %u after %u", s->id, s->rev, m->rev);
    if (revision != m->final) fail_msg("message %u: revision %d, final before %d", s->id, revision, m->final);
    assert_true(s->speaker_margin >= 0.0f && s->speaker_margin <= 1.0f);
    bool changed = !m->labelled || s->speaker_fixed != m->fixed || s->speaker != m->speaker;
    if (revision) {
        assert_int_equal(s->n_words, m->n);
        assert_int_equal(strlen(s->text), 0);
    }
    if (m->seen) watch_label(w, m, s->id, m->speaker, s->speaker);
    assert_true(s->speaker_fixed || !m->fixed);
    for (uint32_t i = 0; i < s->n_words; i++) {
        int before = m->seen && i < m->n ? m->label[i] : STENO_SPEAKER_UNKNOWN;
        watch_label(w, m, s->id, before, s->words[i].speaker);
        changed = changed || before != s->words[i].speaker;
        if (revision) {
            assert_true(fabs(s->words[i].start_s - m->start_s[i]) < 0.011);
            assert_true(fabs(s->words[i].end_s - m->end_s[i]) < 0.021);
        }
        m->label[i] = s->words[i].speaker;
        m->start_s[i] = s->words[i].start_s;
        m->end_s[i] = s->words[i].end_s;
        if (w->first_label_s < 0.0 && m->label[i] >= 0) w->first_label_s = ev->heard_s;
    }
    if (revision && !changed) fail_msg("message %u is said again as it was", s->id);
    m->seen = true;
    m->final = ev->kind != STENO_EVENT_PARTIAL;
    m->labelled = revision || (m->final && w->live);
    m->rev = s->rev;
    m->n = s->n_words;
    m->speaker = s->speaker;
    m->fixed = s->speaker_fixed;
    w->finals += ev->kind == STENO_EVENT_SEGMENT;
    w->revisions += revision;
}

static inline void watch_turns(watch *w, const steno_event *ev) {
    assert_true(w->opt.turns && ev->n_turns > 0);
    for (uint32_t i = 0; i < ev->n_turns; i++) {
        const steno_turn *t = &ev->turns[i];
        watch_number(w, t->speaker);
        assert_true(t->end_s > t->start_s && t->start_s >= w->turned_s);
        w->turned_s = t->start_s;
        w->turns_n++;
        if (t->speaker >= 0) w->turns_s[t->speaker] += t->end_s - t->start_s;
    }
}

/* At the end of a stream that fixes labels, and of a recording, all of them are. */
static inline void watch_end(watch *w, const steno_event *ev) {
    assert_int_equal(ev->kind, STENO_EVENT_DONE);
    w->done = true;
    w->stats = ev->stats;
    for (int i = 0; i < WATCH_MESSAGES; i++) {
        const watched *m = &w->message[i];
        if (!m->seen) continue;
        assert_true(m->final);
        if (!w->live) assert_true(m->labelled);
        if (watch_is_fixed_contract(w) || !w->live) assert_true(m->fixed);
    }
}

static inline void watch_event(watch *w, const steno_event *ev) {
    assert_false(w->done);
    switch (ev->kind) {
    case STENO_EVENT_PARTIAL:
    case STENO_EVENT_SEGMENT:
    case STENO_EVENT_SPEAKERS:
        watch_segment(w, ev);
        break;
    case STENO_EVENT_TURNS:
        watch_turns(w, ev);
        break;
    case STENO_EVENT_SPEECH:
    case STENO_EVENT_FINALIZED:
    case STENO_EVENT_OVERLOAD:
        break;
    default:
        watch_end(w, ev);
    }
}

#endif
