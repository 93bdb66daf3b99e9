/* kv.c: see kv.h. */
#include "nn/kv.h"

#include "base/mem.h"

#include <assert.h>
#include <string.h>

steno_err kv_pool_init(kv_pool *p, size_t page_halfs, int count) {
    memset(p, 0, sizeof *p);
    p->page_halfs = page_halfs;
    p->memory = mem_alloc((size_t)count, page_halfs * sizeof *p->memory);
    p->free = mem_alloc((size_t)count, sizeof *p->free);
    if (!p->memory || !p->free) {
        kv_pool_free(p);
        return err_fail(STENO_E_NOMEM, "cannot reserve %d KV pages of %zu bytes", count, page_halfs * 2);
    }
    for (int i = 0; i < count; i++) p->free[i] = p->memory + (size_t)i * page_halfs;
    p->count = p->free_count = p->low_water = count;
    return STENO_OK;
}

void kv_pool_free(kv_pool *p) {
    mem_free(p->memory);
    mem_free(p->free);
    memset(p, 0, sizeof *p);
}

bool kv_pool_take(kv_pool *p, int n, uint16_t **out) {
    if (n > p->free_count) return false;
    for (int i = 0; i < n; i++) out[i] = p->free[--p->free_count];
    if (p->free_count < p->low_water) p->low_water = p->free_count;
    return true;
}

void kv_pool_give(kv_pool *p, int n, uint16_t *const *pages) {
    assert(p->free_count + n <= p->count);
    for (int i = 0; i < n; i++) p->free[p->free_count++] = pages[i];
}
