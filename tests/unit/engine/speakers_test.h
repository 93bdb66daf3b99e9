/* speakers_test.h: what tests of speaker labels share: conversations of recorded people.
 *
 * Purpose   conversation_of() puts voice prompts of two people (Debian's asterisk packages) one after the other.
 */
#ifndef STENO_TESTS_SPEAKERS_TEST_H
#define STENO_TESTS_SPEAKERS_TEST_H

#include "live_test.h"

#define SOUNDS "/usr/share/asterisk/sounds"

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

static const char *const people_prompts[8] = {"agent-incorrect", "conf-getconfno", "demo-nomatch", "agent-user",
                                              "auth-incorrect",  "conf-invalid",   "demo-thanks",  "privacy-unident"};

/* Allison (0) and Carlo (1) in turn; n of them. False: they are not installed. */
static inline bool conversation_of(conversation *c, int n, double gap_s) {
    char path[256];
    memset(c, 0, sizeof *c);
    add_silence(c, 0.5);
    for (int i = 0; i < n; i++) {
        const char *who = i % 2 ? "it_IT_m_Carlo" : "en_US_f_Allison";
        snprintf(path, sizeof path, SOUNDS "/%s/%s.wav", who, people_prompts[i % 8]);
        if (!add_prompt(c, path, i % 2)) {
            c->turns = 0; /* half a conversation is none */
            return false;
        }
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

static inline double speech_s(const conversation *c) {
    double s = 0.0;
    for (int i = 0; i < c->turns; i++) s += c->turn[i].end_s - c->turn[i].start_s;
    return s;
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
