/* released.h: what has been through the gate: the only words that anything behind the engine takes.
 *
 * Purpose    the engine's steno_event and steno_segment are drafts: personal data may stand in them. Sinks (wires, documents,
 *            writers, store, webhooks, the terminal) take these types instead, which only src/privacy makes; so a draft in a sink
 *            does not compile, and a new sink cannot forget. tools/gate.sh checks that nobody else makes or fills one, and that drafts
 *            are named only where they are handed to a gate.
 * Owner      whoever is handed one, for the time of the call; released_copy() is for longer.
 * Invariants fields mean what those of the same name in steno.h mean, of the text as it is shown. Words that an entity covers are
 *            one word.
 */
#ifndef STENO_PRIVACY_RELEASED_H
#define STENO_PRIVACY_RELEASED_H

#include "privacy/entity.h"

/* Personal data that was found, and what became of it. It never says what it was. */
typedef struct released_entity {
    entity_type type;
    const char *name;                 /* "phone", or a custom rule's */
    uint32_t text_offset, text_bytes; /* of what stands in its place; of a `tag`, of itself */
    uint32_t first_word, n_words;     /* 0 words where the segment has none */
    double start_s, end_s;
    float confidence;
} released_entity;

typedef struct released_segment {
    uint32_t id, rev, stable_bytes;
    steno_end_reason end;
    double start_s, end_s;
    float confidence;
    bool looped;
    bool withheld; /* nothing of it may be shown: it could not be looked at, and the text says so */
    const char *text;
    const steno_word *words;
    uint32_t n_words;
    int speaker;
    float speaker_margin;
    bool speaker_fixed;
    const released_entity *entities; /* [n_entities] in order */
    uint32_t n_entities;
} released_segment;

typedef struct released_event {
    steno_event_kind kind;
    steno_stream_id stream;
    void *user;
    released_segment segment;
    const steno_turn *turns;
    uint32_t n_turns;
    steno_stats stats;
    int partial_ms;
    bool overloaded;
    double heard_s, due_s, done_s;
    steno_err error;
    char detail[160];
} released_event;

/* A copy that lives until released_free(): text, words and entities stand in one block; *bytes (may be NULL): its size. */
STENO_CHECK steno_err released_copy(released_segment *to, const released_segment *from, size_t *bytes);
void released_free(released_segment *s);
/* One without words. */
extern const released_segment released_nothing;
/* What a store kept of released ones, on its way out again. Text, words and entities stay the caller's. */
released_segment released_kept(const steno_segment *kept, const released_entity *entities, uint32_t n_entities);
/* The bytes of a mask ("[PHONE_1]") that text [n] begins with; 0: it does not. For those who write words otherwise: a mask stays as
 * it is. */
size_t released_mask_bytes(const char *text, size_t n);
/* Labels of a SPEAKERS event into a copy of the same id. */
void released_label(released_segment *copy, const released_segment *labels);

#endif
