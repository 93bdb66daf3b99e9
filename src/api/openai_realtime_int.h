/* openai_realtime_int.h: what the files of Realtime sessions share. Owner: the network thread.
 *
 * openai_realtime.c  the connection: what clients send
 * openai_turns.c     items: what the engine says, and what commits and clears do to it
 *
 * An item is a stretch of audio that gets one transcript: with turn detection an utterance of the engine, without it all
 * between two commits. Commits and clears end the engine's utterance at their place in the audio; what it says until its
 * FINALIZED of audio from before that place belongs to them.
 */
#ifndef STENO_API_OPENAI_REALTIME_INT_H
#define STENO_API_OPENAI_REALTIME_INT_H

#include "api/openai_append.h"
#include "api/openai_session.h"
#include "api/wire.h"

#define OPENAI_ITEMS_MAX      8     /* in flight; more: the oldest is completed as it is */
#define OPENAI_CUTS_MAX       8     /* commits and clears in flight; more are refused */
#define OPENAI_ITEM_BYTES_MAX 32768 /* of a transcript; a longer one is committed by the server */
#define OPENAI_COMMIT_MIN_MS  100
#define OPENAI_TAG_BYTES      13

typedef struct text_buffer {
    char *bytes; /* zero-terminated when there is any */
    size_t n, room;
} text_buffer;

typedef struct openai_item {
    uint32_t number;  /* 0: free */
    uint32_t message; /* with `bound`: the engine's utterance */
    bool bound, started, committed;
    double start_s, end_s;
    text_buffer text; /* of finals */
    text_buffer said; /* as deltas */
    json_t *logprobs; /* NULL: none wanted */
} openai_item;

typedef struct openai_cut {
    bool clear;
    uint32_t item; /* of a commit */
    double at_s;
} openai_cut;

typedef struct openai_live {
    openai_session session;
    openai_event event;
    json_t *warnings;                     /* of the query, until they are said */
    const char *fatal_code, *fatal_param; /* why the session cannot be: said, then the end. Static. */
    const char *fatal_text;
    char tag[OPENAI_TAG_BYTES]; /* makes ids unlike those of other sessions */
    uint32_t events, items;     /* numbers given so far */
    uint32_t last_item;         /* the last that was committed */
    uint32_t current;           /* without turn detection: the item that is being spoken; 0: none */
    double boundary_s;          /* the audio up to here was committed or cleared */
    openai_cut cuts[OPENAI_CUTS_MAX];
    int n_cuts;
    openai_item open[OPENAI_ITEMS_MAX];
    bool by_intent; /* the query says intent, and not only a model */
} openai_live;

openai_host openai_host_of(const wire *w);
/* Gives it an event_id and sends it; steals it. */
void openai_say(wire *w, openai_live *l, json_t *event);
/* An error event. `client_event`: the event it answers, or NULL. */
void openai_say_error(wire *w, openai_live *l, const openai_failure *why, const char *client_event);

/* ---- openai_turns.c --------------------------------------------------------------------------------------------- */

void openai_turns_event(wire *w, openai_live *l, const released_event *e);
void openai_turns_commit(wire *w, openai_live *l, const char *client_event);
void openai_turns_clear(wire *w, openai_live *l);
/* Turn detection was switched on: what was spoken without is committed. */
void openai_turns_close_current(wire *w, openai_live *l);
void openai_turns_free(openai_live *l);

#endif
