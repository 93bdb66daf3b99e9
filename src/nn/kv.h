/* kv.h: a fixed pool of pages for attention keys and values.
 *
 * One page holds KERN_PAGE_POSITIONS positions of every layer of a model as half floats: page = [layers][keys, values
 * as in kern.h]. Owner: one shard; nothing is allocated after kv_pool_init(), so memory cannot fragment.
 */
#ifndef STENO_NN_KV_H
#define STENO_NN_KV_H

#include "base/err.h"

typedef struct kv_pool {
    uint16_t *memory; /* owned [count, page_halfs] */
    uint16_t **free;  /* stack of free pages */
    size_t page_halfs;
    int count, free_count, low_water; /* low_water: the fewest ever free */
} kv_pool;

STENO_CHECK steno_err kv_pool_init(kv_pool *p, size_t page_halfs, int count);
void kv_pool_free(kv_pool *p);

/* n pages into out[0..n), or false and nothing taken. */
bool kv_pool_take(kv_pool *p, int n, uint16_t **out);
void kv_pool_give(kv_pool *p, int n, uint16_t *const *pages);

#endif
