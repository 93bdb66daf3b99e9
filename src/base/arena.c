/* arena.c: see arena.h. */
#include "base/arena.h"

#include "base/mem.h"

#include <assert.h>
#include <string.h>

steno_err arena_init(arena *a, size_t cap_bytes) {
    memset(a, 0, sizeof *a);
    a->base = mem_alloc(1, cap_bytes);
    if (!a->base) return err_fail(STENO_E_NOMEM, "cannot reserve an arena of %zu bytes", cap_bytes);
    a->cap_bytes = cap_bytes;
    return STENO_OK;
}

void arena_free(arena *a) {
    mem_free(a->base);
    memset(a, 0, sizeof *a);
}

void *arena_take(arena *a, size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX - MEM_ALIGN) return NULL;
    bytes = (bytes + MEM_ALIGN - 1) & ~(size_t)(MEM_ALIGN - 1);
    if (bytes > a->cap_bytes - a->used_bytes) return NULL;
    void *block = a->base + a->used_bytes;
    a->used_bytes += bytes;
    if (a->used_bytes > a->peak_bytes) a->peak_bytes = a->used_bytes;
    return block;
}

size_t arena_mark(const arena *a) {
    return a->used_bytes;
}

void arena_release(arena *a, size_t mark) {
    assert(mark <= a->used_bytes);
    a->used_bytes = mark;
}
