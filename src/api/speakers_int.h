/* speakers_int.h: what the files of /v1/speakers share. See speakers.h. Owner: the network thread. */
#ifndef STENO_API_SPEAKERS_INT_H
#define STENO_API_SPEAKERS_INT_H

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
    int waiting;              /* enrolments under way, from the head of their request on */
    struct speaker_ask *asks; /* being heard */
};

/* A request whose answer waits for a thread. It belongs to the exchange and to the item under way, and is freed when both are
 * done with it. */
typedef struct speaker_ask {
    work head;
    speakers *owner;
    net_exchange *exchange; /* NULL: the client left */
    auth_pass *pass;
    bool working; /* the item is under way */
    bool pays;    /* the pass is kept, whoever leaves: what is being heard uses its minutes */
    char request[LOG_ID_BYTES], who[VOICES_OWNER_BYTES];
    voices_record voice;
    voices_table *table; /* all voices after a change; NULL: not read */
    void (*answer)(struct speaker_ask *a, net_reply *reply);
    void (*drop)(struct speaker_ask *a); /* frees what else it owns; NULL: nothing */
} speaker_ask;

/* A zeroed one of `bytes`, or NULL with a reply that says so. */
speaker_ask *speaker_ask_make(call *c, speakers *s, size_t bytes);
/* False: no room, and head.error says so. */
bool speaker_ask_put(speaker_ask *a, worker *to, steno_err (*run)(work *w, db *d), void (*done)(work *w));
/* Answers by a->answer, which looks at head.error. */
void speaker_ask_done(work *w);
/* gone(): nobody is there any more. */
void speaker_ask_gone(speaker_ask *a);
void speaker_ask_free(speaker_ask *a);

/* False: there are no voices here, or not now, and the reply says so. */
bool speakers_ready(call *c, speakers **out);
/* A failure of the store, in HTTP's terms; its reason goes to the log, for it names our files. */
void speakers_refuse_error(net_reply *reply, steno_err e, const char *why);
void speakers_refuse(net_reply *reply, int status, const char *code, const char *text);
json_t *speakers_json(const voices_record *r);

#endif
