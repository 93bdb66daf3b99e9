/* ask.h: a request whose answer waits for a thread of its own (store/worker.h): jobs and voices stand on it.
 *
 * Owner      the network thread. It belongs to the exchange and to the item under way, and is freed when both are done with it:
 *            after ask_gone(), at once or when the item comes back.
 * Lifetimes  a feature's struct begins with an `ask`; `drop` frees the feature's members, never the struct.
 */
#ifndef STENO_API_ASK_H
#define STENO_API_ASK_H

#include "api/routes.h"
#include "store/worker.h"

#define ASK_WHO_BYTES 64

typedef struct ask {
    work head;
    net_exchange *exchange; /* NULL: the client left */
    auth_pass *pass;
    bool working; /* the item is under way */
    bool pays;    /* the pass is kept, whoever leaves: what is under way uses its minutes */
    char request[LOG_ID_BYTES], who[ASK_WHO_BYTES];
    void (*answer)(struct ask *a, net_reply *reply); /* once the item is done; error and why are in the head */
    void (*drop)(struct ask *a);                     /* frees what else it owns; NULL: nothing */
} ask;

/* Who asks, as rows of the database say it. */
const char *ask_owner(const call *c);
/* Of zeroed memory: notes who asks, and under which id. */
void ask_begin(ask *a, const call *c);
/* Exchange and pass go over to it; whoever calls looks after the exchange (upload.h), or lets ask_wait() do so. */
void ask_take(ask *a, call *c);
/* The same, for a request without a body worth reading. */
void ask_wait(ask *a, call *c);
/* Hands the item over. False: there is no room, and head.error says so. */
bool ask_put(ask *a, worker *to, steno_err (*run)(work *w, db *d), void (*done)(work *w));
/* done() of the last item: answers by a->answer, if somebody is still there. */
void ask_done(work *w);
/* gone() of the exchange, or it was never taken: nobody is there any more. */
void ask_gone(ask *a);

#endif
