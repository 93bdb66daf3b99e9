/* webhook_queue.c: see webhook_queue.h. */
#include "api/webhook_queue.h"

#include "api/webhook.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

/* The one question to the store about who is due. */
typedef struct claim {
    work head;
    webhooks *owner;
    int64_t now_ms;
    delivery message;
    bool any;
    int64_t wait_ms;
} claim;

/* What came of one attempt, until it is written. */
typedef struct settling {
    work head;
    struct settling *next;
    webhooks *owner;
    char id[IDENT_BYTES], error[DELIVERY_ERROR_BYTES];
    delivery_outcome outcome;
    int64_t now_ms;
} settling;

struct webhooks {
    webhooks_config config;
    worker *store;
    sender *sender;
    net_watch *watch;
    net_timer *timer;
    claim claim;
    bool claiming, again, stopped; /* again: kicked while claiming */
    settling *unwritten;           /* the store could not write them: tried again */
    webhooks_counts counts;
};

static void set_timer(webhooks *w, int64_t wait_ms) {
    if (!w->stopped)
        net_timer_set(w->timer, wait_ms < 0 || wait_ms > WEBHOOKS_IDLE_MS ? WEBHOOKS_IDLE_MS : (int)wait_ms);
}

/* ---- who is due ---------------------------------------------------------------------------------------------------- */

static steno_err run_claim(work *item, db *d) {
    claim *c = (claim *)item;
    return delivery_store_claim(d, c->now_ms, WEBHOOK_BACKOFF_MAX_MS * 2, WEBHOOKS_PER_URL, &c->message, &c->any,
                                &c->wait_ms);
}

static void claimed(work *item) {
    claim *c = (claim *)item;
    webhooks *w = c->owner;
    w->claiming = false;
    if (item->error != STENO_OK) {
        log_line(LOG_LEVEL_WARN, "webhooks: %s", item->why);
        set_timer(w, WEBHOOKS_AGAIN_MS);
    } else if (c->any) {
        /* Whoever stops now leaves the row as being sent: the next start sends it. */
        trace_attempt(w->config.tracer, &c->message);
        if (w->stopped || !sender_put(w->sender, &c->message))
            mem_free(c->message.body);
        else
            w->counts.under_way++;
        w->again = true;
    } else {
        set_timer(w, c->wait_ms);
    }
    if (w->again) webhooks_kick(w);
}

void webhooks_kick(webhooks *w) {
    if (w->stopped) return;
    if (w->claiming) {
        w->again = true;
        return;
    }
    w->again = false;
    if (w->counts.under_way >= SEND_AT_ONCE) return; /* an answer kicks */
    w->claim = (claim){.head = {.run = run_claim, .done = claimed}, .owner = w, .now_ms = w->config.send.wall_ms()};
    w->claiming = worker_put(w->store, &w->claim.head);
    if (!w->claiming) set_timer(w, WEBHOOKS_AGAIN_MS);
}

/* ---- what came of it ----------------------------------------------------------------------------------------------- */

static steno_err run_settle(work *item, db *d) {
    settling *s = (settling *)item;
    s->outcome.error = s->error;
    return delivery_store_settle(d, s->id, &s->outcome, s->now_ms);
}

static void write_down(settling *s);

static void settled(work *item) {
    settling *s = (settling *)item;
    webhooks *w = s->owner;
    if (item->error != STENO_OK && !w->stopped) {
        log_line(LOG_LEVEL_WARN, "webhooks: what came of %s is not written yet: %s", s->id, item->why);
        s->next = w->unwritten;
        w->unwritten = s;
        set_timer(w, WEBHOOKS_AGAIN_MS);
        return;
    }
    mem_free(s); /* unwritten at the end: it is sent again, under the same id */
    w->counts.under_way--;
    webhooks_kick(w);
}

static void write_down(settling *s) {
    webhooks *w = s->owner;
    s->head = (work){.run = run_settle, .done = settled};
    if (worker_put(w->store, &s->head)) return;
    s->next = w->unwritten;
    w->unwritten = s;
    set_timer(w, WEBHOOKS_AGAIN_MS);
}

static delivery_outcome judge(const webhooks *w, const send_answer *a, int64_t now_ms) {
    uint32_t random = 0;
    if (a->status >= 200 && a->status <= 299) return (delivery_outcome){.state = DELIVERY_DONE, .status = a->status};
    delivery_outcome o = {.state = DELIVERY_GIVEN_UP, .status = a->status};
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) < 0) random = 200; /* no jitter */
    int64_t wait_ms = webhook_backoff_ms(a->attempts, w->config.attempts_max, w->config.retry_ms, random);
    if (a->hopeless || a->status == 410 || wait_ms < 0) return o;
    if (wait_ms < (int64_t)a->retry_after_s * 1000) wait_ms = (int64_t)a->retry_after_s * 1000;
    o.state = DELIVERY_PENDING;
    o.next_ms = now_ms + wait_ms;
    return o;
}

static void count(webhooks *w, const send_answer *a, delivery_state state) {
    if (state == DELIVERY_DONE) {
        w->counts.delivered++;
        return;
    }
    w->counts.failed_attempts++;
    w->counts.given_up += state == DELIVERY_GIVEN_UP;
    log_line(LOG_LEVEL_INFO, "webhook %s: attempt %d failed: %s%s", a->id, a->attempts, a->error,
             state == DELIVERY_GIVEN_UP ? "; given up" : "");
}

static void on_answers(void *ctx) {
    webhooks *w = ctx;
    send_answer a;
    while (sender_take(w->sender, &a)) {
        if (w->config.tracer) trace_attempted(w->config.tracer, &a);
        settling *s = mem_alloc(1, sizeof *s);
        if (!s) { /* it stays as being sent, and the next start sends it again */
            w->counts.under_way--;
            log_line(LOG_LEVEL_ERROR, "webhooks: no memory to write what came of %s", a.id);
            continue;
        }
        s->owner = w;
        s->now_ms = w->config.send.wall_ms();
        s->outcome = judge(w, &a, s->now_ms);
        memcpy(s->id, a.id, sizeof s->id);
        memcpy(s->error, a.error, sizeof s->error);
        count(w, &a, s->outcome.state);
        write_down(s);
    }
}

static void on_timer(void *ctx) {
    webhooks *w = ctx;
    settling *s = w->unwritten;
    w->unwritten = NULL;
    for (settling *next; s; s = next) {
        next = s->next;
        write_down(s);
    }
    webhooks_kick(w);
}

/* ---- messages of others -------------------------------------------------------------------------------------------- */

typedef struct posting {
    work head;
    webhooks *owner;
    delivery message;
    int64_t now_ms;
    void (*stored)(void *user, steno_err e);
    void *user;
} posting;

static steno_err run_post(work *item, db *d) {
    posting *p = (posting *)item;
    return delivery_store_add(d, &p->message, p->now_ms);
}

static void posted(work *item) {
    posting *p = (posting *)item;
    webhooks *w = p->owner;
    if (item->error != STENO_OK) (void)err_fail(item->error, "%s", item->why);
    p->stored(p->user, item->error);
    mem_free(p->message.body);
    mem_free(p);
    webhooks_kick(w);
}

steno_err webhooks_post(webhooks *w, delivery *v, void (*stored)(void *user, steno_err e), void *user) {
    posting *p = mem_alloc(1, sizeof *p);
    steno_err e = p ? webhook_url_check(v->url) : err_fail(STENO_E_NOMEM, "no memory for a callback");
    if (e == STENO_OK && v->n > DELIVERY_BODY_MAX)
        e = err_fail(STENO_E_LIMIT, "a callback of more than %zu bytes", DELIVERY_BODY_MAX);
    if (e == STENO_OK) e = ident_make(DELIVERY_ID_PREFIX, v->id);
    if (e == STENO_OK) {
        *p = (posting){.head = {.run = run_post, .done = posted},
                       .owner = w,
                       .message = *v,
                       .now_ms = w->config.send.wall_ms(),
                       .stored = stored,
                       .user = user};
        if (!worker_put(w->store, &p->head)) e = err_fail(STENO_E_AGAIN, "the store has too much to do");
    }
    if (e == STENO_OK) return STENO_OK;
    mem_free(v->body);
    mem_free(p);
    v->body = NULL;
    return e;
}

/* ---- life ---------------------------------------------------------------------------------------------------------- */

steno_err webhooks_open(const webhooks_config *config, net *n, worker *store, webhooks **out) {
    webhooks *w = mem_alloc(1, sizeof *w);
    *out = NULL;
    if (!w) return err_fail(STENO_E_NOMEM, "no memory for webhooks");
    w->config = *config;
    w->store = store;
    steno_err e = sender_open(&config->send, &w->sender);
    if (e == STENO_OK) {
        w->watch = net_watch_open(n, sender_fd(w->sender), on_answers, w);
        w->timer = net_timer_open(n, on_timer, w);
        if (!w->watch || !w->timer) e = err_fail(STENO_E_NOMEM, "no memory for webhooks");
    }
    if (e != STENO_OK) {
        webhooks_stop(w);
        webhooks_close(w);
        return e;
    }
    *out = w;
    return STENO_OK;
}

void webhooks_configure(webhooks *w, const webhooks_config *config) {
    w->config.retry_ms = config->retry_ms;
    w->config.attempts_max = config->attempts_max;
    sender_configure(w->sender, &config->send);
    webhooks_kick(w);
}

void webhooks_stop(webhooks *w) {
    if (!w || w->stopped) return;
    w->stopped = true;
    if (w->watch) net_watch_close(w->watch);
    if (w->timer) net_timer_close(w->timer);
    sender_close(w->sender);
    w->sender = NULL;
    while (w->unwritten) {
        settling *s = w->unwritten;
        w->unwritten = s->next;
        mem_free(s);
    }
}

void webhooks_close(webhooks *w) {
    mem_free(w);
}

void webhooks_get_counts(const webhooks *w, webhooks_counts *out) {
    *out = w->counts;
}
