/* watch_ask_names.c: which hosts there are: those of the list, and those that its names lead to. See watch_ask.h.
 *
 * Owner: the asking thread. A look-up may hang for as long as the system's resolver wants to: it is made on a thread of its own, which is
 * waited for by nobody. Of asker and thread the one that leaves last frees it.
 */
#include "api/watch_ask_int.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOOKING, FOUND, LEFT };

struct lookup {
    atomic_int state;
    char node[256], port[8];
    int code; /* of getaddrinfo(); with `result` the thread's until FOUND */
    struct addrinfo *result;
};

/* ---- hosts -------------------------------------------------------------------------------------------------------- */

static asked *find(const asker *a, const char *name) {
    for (size_t i = 0; i < a->n; i++)
        if (strcmp(a->host[i]->host.name, name) == 0) return a->host[i];
    return NULL;
}

static void remove_at(asker *a, size_t i) {
    asked_close(a->host[i]);
    a->n--;
    memmove(a->host + i, a->host + i + 1, (a->n - i) * sizeof *a->host);
}

/* There, or there now, and listed. */
static void list_host(asker *a, const watch_host *host, bool stays, int64_t now_ms) {
    asked *at = find(a, host->name);
    if (!at && a->n < WATCH_HOSTS_MAX && asked_open(a, host, &at) == STENO_OK) {
        at->due_ms = now_ms;
        a->host[a->n++] = at;
    }
    if (!at) {
        pthread_mutex_lock(&a->lock);
        a->counts.hosts_lost++;
        pthread_mutex_unlock(&a->lock);
        return;
    }
    if (stays || !at->stays) at->host = *host; /* its URL may be another one */
    at->stays |= stays;
    at->listed_ms = now_ms;
}

/* Those of the list first: of two addresses of one process the first one counts. */
static int by_name(const void *a, const void *b) {
    const asked *x = *(asked *const *)a, *y = *(asked *const *)b;
    if (x->stays != y->stays) return x->stays ? -1 : 1;
    return strcmp(x->host.name, y->host.name);
}

static void sort(asker *a) {
    qsort(a->host, a->n, sizeof *a->host, by_name);
}

static void forget_unlisted(asker *a, int64_t before_ms) {
    for (size_t i = a->n; i-- > 0;)
        if (!a->host[i]->stays && a->host[i]->listed_ms < before_ms) remove_at(a, i);
}

/* ---- look-ups ----------------------------------------------------------------------------------------------------- */

static void free_lookup(lookup *l) {
    if (l->result) freeaddrinfo(l->result);
    mem_free(l);
}

static void *look_up(void *arg) {
    lookup *l = arg;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    l->code = getaddrinfo(l->node, l->port, &hints, &l->result);
    if (atomic_exchange(&l->state, FOUND) == LEFT) free_lookup(l);
    return NULL;
}

static lookup *begin(const watch_name *name) {
    lookup *l = mem_alloc(1, sizeof *l);
    pthread_attr_t detached;
    pthread_t thread;
    if (!l) return NULL;
    snprintf(l->node, sizeof l->node, "%s", name->node);
    snprintf(l->port, sizeof l->port, "%s", name->port);
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    int code = pthread_create(&thread, &detached, look_up, l);
    pthread_attr_destroy(&detached);
    if (code == 0) return l;
    mem_free(l);
    return NULL;
}

static void leave(asker *a, size_t i) {
    lookup *l = a->lookup[i];
    if (atomic_exchange(&l->state, LEFT) == FOUND) free_lookup(l);
    a->lookup[i] = NULL;
}

static void answered(asker *a, size_t i, int64_t now_ms) {
    const watch_name *name = &a->config->names.name[i];
    lookup *l = a->lookup[i];
    watch_host host;
    if (atomic_load(&l->state) != FOUND) return;
    for (struct addrinfo *at = l->code == 0 ? l->result : NULL; at; at = at->ai_next)
        if (watch_host_at(name, at, &host)) list_host(a, &host, false, now_ms);
    if (l->code && !a->name_failed[i])
        log_line(LOG_LEVEL_WARN, "fleet: %s is not found: %s", name->node, gai_strerror(l->code));
    a->name_failed[i] = l->code != 0;
    leave(a, i);
}

bool ask_names_wait(const asker *a) {
    for (size_t i = 0; i < WATCH_HOSTS_MAX; i++)
        if (a->lookup[i]) return true;
    return false;
}

void ask_names_close(asker *a) {
    for (size_t i = 0; i < WATCH_HOSTS_MAX; i++)
        if (a->lookup[i]) leave(a, i);
}

/* ---- both --------------------------------------------------------------------------------------------------------- */

void ask_names_changed(asker *a) {
    const watch_names *names = &a->config->names;
    int64_t now_ms = ask_now_ms();
    ask_names_close(a);
    memset(a->name_failed, 0, sizeof a->name_failed);
    for (size_t i = 0; i < a->n; i++) a->host[i]->stays = false;
    bool any_dns = false;
    for (size_t i = 0; i < names->n; i++) {
        any_dns |= names->name[i].dns;
        if (!names->name[i].dns) list_host(a, &names->name[i].host, true, now_ms);
    }
    if (!any_dns) forget_unlisted(a, INT64_MAX); /* those of names go when these do not lead to them any more */
    a->lookup_due_ms = now_ms;
    sort(a);
}

void ask_names_step(asker *a, int64_t now_ms) {
    const watch_names *names = &a->config->names;
    size_t was = a->n;
    if (now_ms >= a->lookup_due_ms) {
        a->lookup_due_ms = a->config->period_ms ? now_ms + a->config->period_ms : INT64_MAX;
        for (size_t i = 0; i < names->n; i++)
            if (names->name[i].dns && !a->lookup[i]) a->lookup[i] = begin(&names->name[i]);
        forget_unlisted(a, now_ms - ASK_KEEP_S * 1000);
    }
    for (size_t i = 0; i < names->n; i++)
        if (a->lookup[i]) answered(a, i, now_ms);
    if (a->n != was) sort(a);
}
