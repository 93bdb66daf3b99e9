/* gate_test.h: drafts made of plain texts, and what came out of a gate for them, kept. */
#ifndef STENO_TEST_PRIVACY_GATE_TEST_H
#define STENO_TEST_PRIVACY_GATE_TEST_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "privacy/gate.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OUT_MAX   4096
#define WORDS_MAX 512

typedef struct out_event {
    steno_event_kind kind;
    released_segment segment; /* a copy */
} out_event;

typedef struct outcome {
    out_event events[OUT_MAX];
    int n;
    gate *free_at_final; /* freed by the sink itself */
} outcome;

static inline void *copy_of(const void *from, size_t bytes) {
    void *to = malloc(bytes ? bytes : 1);
    assert_non_null(to);
    return bytes ? memcpy(to, from, bytes) : to;
}

/* With malloc(), so that what the gate allocates can be counted and refused. */
static inline void keep(void *user, const released_event *e) {
    outcome *o = user;
    assert_true(o->n < OUT_MAX);
    out_event *to = &o->events[o->n++];
    const released_segment *s = &e->segment;
    to->kind = e->kind;
    to->segment = *s;
    to->segment.text = copy_of(s->text ? s->text : "", s->text ? strlen(s->text) + 1 : 1);
    to->segment.words = copy_of(s->words, s->n_words * sizeof *s->words);
    to->segment.entities = copy_of(s->entities, s->n_entities * sizeof *s->entities);
    if (o->free_at_final && e->kind == STENO_EVENT_SEGMENT) {
        gate_free(o->free_at_final);
        o->free_at_final = NULL;
    }
}

static inline void outcome_clear(outcome *o) {
    for (int i = 0; i < o->n; i++) {
        free((void *)(uintptr_t)o->events[i].segment.text);
        free((void *)(uintptr_t)o->events[i].segment.words);
        free((void *)(uintptr_t)o->events[i].segment.entities);
    }
    o->n = 0;
}

/* A draft whose words are what stands between blanks (`singly`: each character is one), spread evenly from start_s to end_s. */
typedef struct draft {
    steno_event e;
    steno_word words[WORDS_MAX];
} draft;

static inline void draft_words(draft *d, bool singly) {
    const char *text = d->e.segment.text;
    uint32_t n = 0;
    for (size_t i = 0; text[i];) {
        while (text[i] == ' ') i++;
        size_t from = i;
        if (singly && text[i])
            for (i++; ((unsigned char)text[i] & 0xC0) == 0x80;) i++;
        else
            while (text[i] && text[i] != ' ') i++;
        if (i == from || n == WORDS_MAX) continue;
        d->words[n] = (steno_word){.text_offset = (uint32_t)from,
                                   .text_bytes = (uint32_t)(i - from),
                                   .confidence = .5f + .1f * (float)(n % 5),
                                   .speaker = d->e.segment.speaker};
        n++;
    }
    double start_s = d->e.segment.start_s, step_s = (d->e.segment.end_s - start_s) / (n ? n : 1);
    for (uint32_t i = 0; i < n; i++) {
        d->words[i].start_s = start_s + i * step_s;
        d->words[i].end_s = start_s + (i + 1) * step_s;
    }
    d->e.segment.words = d->words;
    d->e.segment.n_words = n;
}

static inline draft *draft_of(draft *d, steno_event_kind kind, uint32_t id, uint32_t rev, const char *text,
                              double start_s, double end_s) {
    bool final = kind == STENO_EVENT_SEGMENT;
    memset(&d->e, 0, sizeof d->e);
    d->e.kind = kind;
    d->e.heard_s = end_s + (final ? .5 : 0);
    d->e.segment = (steno_segment){.id = id,
                                   .rev = rev,
                                   .text = text,
                                   .start_s = start_s,
                                   .end_s = end_s,
                                   .confidence = .7f,
                                   .stable_bytes = (uint32_t)strlen(text),
                                   .end = final ? STENO_END_ENDPOINT : STENO_END_NONE,
                                   .speaker = STENO_SPEAKER_UNKNOWN};
    draft_words(d, false);
    return d;
}

static inline void draft_speaker(draft *d, int speaker) {
    d->e.segment.speaker = speaker;
    for (uint32_t i = 0; i < d->e.segment.n_words; i++) d->words[i].speaker = speaker;
}

/* The text of word i of a released segment, in turn in one of a few rooms. */
static inline const char *word_of(const released_segment *s, uint32_t i) {
    static char rooms[8][256];
    static int next;
    char *room = rooms[next++ % 8];
    snprintf(room, sizeof rooms[0], "%.*s", (int)s->words[i].text_bytes, s->text + s->words[i].text_offset);
    return room;
}

#endif
