/* ask.c: see ask.h. Thread: network. */
#include "api/ask.h"

#include "base/mem.h"

#include <stdio.h>

const char *ask_owner(const call *c) {
    return c->pass ? auth_owner(c->pass) : AUTH_NONE_ID;
}

void ask_begin(ask *a, const call *c) {
    snprintf(a->request, sizeof a->request, "%s", c->id);
    snprintf(a->who, sizeof a->who, "%s", ask_owner(c));
}

static void free_ask(ask *a) {
    auth_leave(a->pass);
    if (a->drop) a->drop(a);
    mem_free(a);
}

/* The pass goes with the exchange: what is still under way may outlive who gave it. */
void ask_gone(ask *a) {
    a->exchange = NULL;
    if (!a->pays) {
        auth_leave(a->pass);
        a->pass = NULL;
    }
    if (!a->working) free_ask(a);
}

void ask_done(work *w) {
    ask *a = (ask *)w;
    net_exchange *x = a->exchange;
    net_reply reply = {0};
    a->working = false;
    if (!x) {
        free_ask(a);
        return;
    }
    a->answer(a, &reply);
    reply_call_headers(&reply, a->request, a->pass);
    net_answer(x, &reply); /* gone() may come from in here */
}

bool ask_put(ask *a, worker *to, steno_err (*run)(work *w, db *d), void (*done)(work *w)) {
    a->head = (work){.run = run, .done = done};
    a->working = to && worker_put(to, &a->head);
    if (a->working) return true;
    a->head.error = STENO_E_AGAIN;
    snprintf(a->head.why, sizeof a->head.why, "the queue of a thread is full");
    return false;
}

static void no_body(void *user, const unsigned char *bytes, size_t n, bool last) {
    (void)user;
    (void)bytes;
    (void)n;
    (void)last;
}

static void gone(void *user, bool complete) {
    (void)complete;
    ask_gone(user);
}

void ask_take(ask *a, call *c) {
    a->exchange = c->exchange;
    a->pass = c->pass;
    c->pass = NULL;
}

void ask_wait(ask *a, call *c) {
    static const net_exchange_handler waiting = {.body = no_body, .gone = gone};
    ask_take(a, c);
    net_take(c->exchange, &waiting, a, 0);
}
