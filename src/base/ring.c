/* ring.c: see ring.h. */
#include "base/ring.h"

#include "base/mem.h"

#include <errno.h>
#include <string.h>
#include <time.h>

steno_err ring_init(ring *r, size_t cap, size_t item_bytes) {
    memset(r, 0, sizeof *r);
    r->items = mem_alloc(cap, item_bytes);
    if (!r->items) return err_fail(STENO_E_NOMEM, "cannot reserve a queue of %zu messages", cap);
    r->cap = cap;
    r->item_bytes = item_bytes;
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->filled, &attr);
    pthread_condattr_destroy(&attr);
    return STENO_OK;
}

void ring_free(ring *r) {
    if (!r->items) return;
    pthread_cond_destroy(&r->filled);
    pthread_mutex_destroy(&r->lock);
    mem_free(r->items);
    memset(r, 0, sizeof *r);
}

bool ring_push(ring *r, const void *items, size_t n) {
    pthread_mutex_lock(&r->lock);
    bool fits = n <= r->cap - r->count;
    for (size_t i = 0; fits && i < n; i++) {
        size_t at = (r->head + r->count) % r->cap;
        memcpy(r->items + at * r->item_bytes, (const unsigned char *)items + i * r->item_bytes, r->item_bytes);
        r->count++;
    }
    if (fits && n) pthread_cond_signal(&r->filled);
    pthread_mutex_unlock(&r->lock);
    return fits;
}

static void wait_filled(ring *r, int timeout_ms) {
    if (timeout_ms < 0) {
        while (r->count == 0) pthread_cond_wait(&r->filled, &r->lock);
        return;
    }
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += (long)(timeout_ms % 1000) * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_nsec -= 1000000000L;
        until.tv_sec++;
    }
    while (r->count == 0) {
        if (pthread_cond_timedwait(&r->filled, &r->lock, &until) == ETIMEDOUT) return;
    }
}

size_t ring_pop(ring *r, void *items, size_t most, int timeout_ms) {
    pthread_mutex_lock(&r->lock);
    if (r->count == 0 && timeout_ms != 0) wait_filled(r, timeout_ms);
    size_t n = r->count < most ? r->count : most;
    for (size_t i = 0; i < n; i++) {
        memcpy((unsigned char *)items + i * r->item_bytes, r->items + r->head * r->item_bytes, r->item_bytes);
        r->head = (r->head + 1) % r->cap;
    }
    r->count -= n;
    if (r->count == 0) r->head = 0; /* a queue made for the worst day touches no more of its memory than it needs */
    pthread_mutex_unlock(&r->lock);
    return n;
}
