/* arena.h: a fixed block handed out front to back and emptied at once.
 *
 * Owner: one thread. A batch's tensors live here and die together at the end of a tick, so memory cannot fragment.
 */
#ifndef STENO_BASE_ARENA_H
#define STENO_BASE_ARENA_H

#include "base/err.h"

#include <stddef.h>

typedef struct arena {
    unsigned char *base; /* owned, MEM_ALIGN aligned */
    size_t cap_bytes;
    size_t used_bytes;
    size_t peak_bytes; /* the most ever used, for the memory report */
} arena;

STENO_CHECK steno_err arena_init(arena *a, size_t cap_bytes);
void arena_free(arena *a);

/* `count * size` bytes aligned to MEM_ALIGN, not zeroed; NULL when it does not fit. */
void *arena_take(arena *a, size_t count, size_t size);

/* Everything taken since the mark is given back. arena_mark(a) at start and arena_release(a, 0) empties it. */
size_t arena_mark(const arena *a);
void arena_release(arena *a, size_t mark);

#endif
