/* spsc.c: see spsc.h. */
#include "base/spsc.h"

#include "base/mem.h"

#include <string.h>

steno_err spsc_init(spsc *q, size_t cap, size_t item_bytes) {
    *q = (spsc){.cap = cap, .item_bytes = item_bytes};
    q->items = mem_alloc(cap, item_bytes);
    return q->items ? STENO_OK : err_fail(STENO_E_NOMEM, "no memory for a queue of %zu", cap);
}

void spsc_free(spsc *q) {
    mem_free(q->items);
    q->items = NULL;
}

bool spsc_push(spsc *q, const void *item) {
    size_t at = atomic_load_explicit(&q->pushed, memory_order_relaxed);
    if (at - atomic_load_explicit(&q->popped, memory_order_acquire) >= q->cap) return false;
    memcpy(q->items + at % q->cap * q->item_bytes, item, q->item_bytes);
    atomic_store_explicit(&q->pushed, at + 1, memory_order_release);
    return true;
}

bool spsc_pop(spsc *q, void *item) {
    size_t at = atomic_load_explicit(&q->popped, memory_order_relaxed);
    if (at == atomic_load_explicit(&q->pushed, memory_order_acquire)) return false;
    memcpy(item, q->items + at % q->cap * q->item_bytes, q->item_bytes);
    atomic_store_explicit(&q->popped, at + 1, memory_order_release);
    return true;
}

size_t spsc_count(const spsc *q) {
    size_t popped = atomic_load_explicit(&q->popped, memory_order_acquire);
    return atomic_load_explicit(&q->pushed, memory_order_acquire) - popped;
}
