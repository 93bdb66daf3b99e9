/* speakers_int.h: what the files of /v1/speakers share. See speakers.h. Owner: the network thread. */
#ifndef STENO_API_SPEAKERS_INT_H
#define STENO_API_SPEAKERS_INT_H

#include "api/ask.h"
#include "api/speakers.h"

#include <stdatomic.h>

#define SPEAKERS_RETRY_S 2

struct speakers {
    service *service;
    voice_book *book;
    worker *store, *listener; /* listener: a thread without a database, which decodes and hears */
    net_watch *listener_watch;
    int voices_max;
    bool stopped;
    int waiting;             /* enrolments under way, from the head of their request on */
    struct enrolment *heard; /* those being heard (speakers_post.c) */
};

/* A request about voices whose answer waits for a thread (ask.h). */
typedef struct speaker_ask {
    ask ask;
    speakers *owner;
    voices_record voice;
    voices_table *table;                 /* all voices after a change; NULL: not read */
    void (*drop)(struct speaker_ask *a); /* frees what else it owns; NULL: nothing */
} speaker_ask;

/* A zeroed one of `bytes`, or NULL with a reply that says so. */
speaker_ask *speaker_ask_make(call *c, speakers *s, size_t bytes);
/* done() of the last item: the book takes the table over, then ask_done(). */
void speaker_ask_done(work *w);

/* False: there are no voices here, or not now, and the reply says so. */
bool speakers_ready(call *c, speakers **out);
/* A failure of the store, in HTTP's terms; its reason goes to the log, for it names our files. */
void speakers_refuse_error(net_reply *reply, steno_err e, const char *why);
void speakers_refuse(net_reply *reply, int status, const char *code, const char *text);
json_t *speakers_json(const voices_record *r);

#endif
