/* speakers_test.h: what tests of speaker labels share: a reader that holds every event against its contract, and conversations
 * of recorded people.
 *
 * Purpose   watch_event() remembers each label that was ever said and fails at the first event that breaks what steno.h
 *           promises. conversation_of() puts voice prompts of two people (Debian's asterisk packages) one after the other.
 */
#ifndef STENO_TESTS_SPEAKERS_TEST_H
#define STENO_TESTS_SPEAKERS_TEST_H

#include "live_test.h"

#define WATCH_MESSAGES 512
#define SOUNDS         "/usr/share/asterisk/sounds"

/* ---- the contract ------------------------------------------------------------------------------------------------- */

typedef struct watched {
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
    assert_true(s->id < WATCH_MESSAGES);
    watched *m = &w->message[s->id];
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

static inline int watch_all(steno_engine *e) {
    steno_event ev;
    int n = 0;
    while (steno_engine_poll(e, 0, &ev) == STENO_OK) {
        watch_event(ev.user, &ev);
        steno_event_release(&ev);
        n++;
    }
    return n;
}

/* All labels of all messages, one line each: what must not depend on chunks, threads and load. */
static inline char *watch_log(const watch *w) {
    size_t cap = 1 << 20, at = 0;
    char *out = malloc(cap);
    assert_non_null(out);
    out[0] = '\0';
    for (int i = 0; i < WATCH_MESSAGES; i++) {
        const watched *m = &w->message[i];
        if (!m->seen) continue;
        at += (size_t)snprintf(out + at, cap - at, "%d: %d", i, m->speaker);
        for (uint32_t k = 0; k < m->n && at < cap - 64; k++)
            at += (size_t)snprintf(out + at, cap - at, " %.2f:%d", m->start_s[k], m->label[k]);
        at += (size_t)snprintf(out + at, cap - at, "\n");
    }
    return out;
}

/* ---- recorded people ---------------------------------------------------------------------------------------------- */

typedef struct spoken {
    double start_s, end_s;
    int who;
} spoken;

typedef struct conversation {
    float *pcm; /* owned, 16 kHz */
    size_t n;
    spoken turn[64];
    int turns;
} conversation;

/* 16-bit mono samples of 8 kHz, appended at 16 kHz: every other sample is the middle of a windowed sinc. False: no such file. */
static inline bool add_prompt(conversation *c, const char *path, int who) {
    static const float taps[4] = {0.6209f, -0.1744f, 0.0654f, -0.0119f};
    FILE *in = fopen(path, "rb");
    if (!in) return false;
    static int16_t x[1 << 20];
    fseek(in, 44, SEEK_SET);
    int n = (int)fread(x, sizeof x[0], sizeof x / sizeof x[0], in);
    fclose(in);
    c->pcm = realloc(c->pcm, (c->n + (size_t)n * 2) * sizeof(float));
    assert_non_null(c->pcm);
    float *out = c->pcm + c->n;
    for (int i = 0; i < n; i++) {
        float between = 0.0f;
        for (int k = 0; k < 4; k++)
            between += taps[k] * ((float)x[i - k < 0 ? 0 : i - k] + (float)x[i + 1 + k >= n ? n - 1 : i + 1 + k]);
        out[2 * i] = (float)x[i] / 32768.0f;
        out[2 * i + 1] = between / 32768.0f;
    }
    if (c->turns < 64)
        c->turn[c->turns++] = (spoken){(double)c->n / 16000.0, (double)(c->n + (size_t)n * 2) / 16000.0, who};
    c->n += (size_t)n * 2;
    return true;
}

static inline void add_silence(conversation *c, double s) {
    c->pcm = realloc(c->pcm, (c->n + SECONDS(s)) * sizeof(float));
    assert_non_null(c->pcm);
    memset(c->pcm + c->n, 0, SECONDS(s) * sizeof(float));
    c->n += SECONDS(s);
}

static const char *const people_prompts[][2] = {
    {"en_US_f_Allison", "demo-abouttotry"},   {"it_IT_m_Carlo", "demo-echotest"},
    {"en_US_f_Allison", "demo-thanks"},       {"it_IT_m_Carlo", "demo-nogo"},
    {"en_US_f_Allison", "conf-usermenu-162"}, {"it_IT_m_Carlo", "demo-thanks"},
    {"en_US_f_Allison", "demo-nogo"},         {"it_IT_m_Carlo", "demo-abouttotry"},
};

/* Allison (0) and Carlo (1) in turn; n of them. False: they are not installed. */
static inline bool conversation_of(conversation *c, int n, double gap_s) {
    char path[256];
    memset(c, 0, sizeof *c);
    add_silence(c, 0.5);
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, SOUNDS "/%s/%s.wav", people_prompts[i % 8][0], people_prompts[i % 8][1]);
        if (!add_prompt(c, path, i % 2)) return false;
        add_silence(c, gap_s);
    }
    add_silence(c, 1.0);
    return true;
}

static inline int who_spoke(const conversation *c, double at_s) {
    for (int i = 0; i < c->turns; i++) {
        if (at_s >= c->turn[i].start_s && at_s < c->turn[i].end_s) return c->turn[i].who;
    }
    return -1;
}

/* The share of words whose label is right, under the better of two ways to name two people. */
static inline double right_words(const watch *w, const conversation *c) {
    int right[2] = {0}, words = 0;
    for (int i = 0; i < WATCH_MESSAGES; i++) {
        const watched *m = &w->message[i];
        for (uint32_t k = 0; m->seen && k < m->n; k++) {
            int who = who_spoke(c, 0.5 * (m->start_s[k] + m->end_s[k]));
            if (who < 0) continue;
            words++;
            right[0] += m->label[k] == who;
            right[1] += m->label[k] == 1 - who;
        }
    }
    return words ? (double)(right[0] > right[1] ? right[0] : right[1]) / words : 0.0;
}

#endif
