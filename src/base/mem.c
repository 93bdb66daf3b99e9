/* mem.c: aligned, zeroed, countable and failable heap blocks. */
#include "base/mem.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static _Atomic uint64_t alloc_count;
static _Atomic uint64_t fault_at; /* the absolute allocation number that fails; 0 = never */
static _Atomic int fault_hit;

void mem_fault_arm(uint64_t nth) {
    atomic_store(&fault_hit, 0);
    atomic_store(&fault_at, nth ? atomic_load(&alloc_count) + nth : 0);
}

int mem_fault_hit(void) {
    return atomic_load(&fault_hit);
}

uint64_t mem_alloc_count(void) {
    return atomic_load(&alloc_count);
}

void *mem_alloc(size_t count, size_t size) {
    uint64_t serial = atomic_fetch_add(&alloc_count, 1) + 1;
    if (serial == atomic_load(&fault_at)) {
        atomic_store(&fault_hit, 1);
        return NULL;
    }
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX - 2 * MEM_ALIGN) return NULL;
    /* calloc, because large blocks then come as zero pages that cost nothing until they are touched: pools are sized for
     * the worst case and mostly never reach it. What it returned stands just below the aligned block. */
    unsigned char *whole = calloc(1, bytes + 2 * MEM_ALIGN);
    if (!whole) return NULL;
    unsigned char *block = whole + MEM_ALIGN + (MEM_ALIGN - (uintptr_t)whole % MEM_ALIGN) % MEM_ALIGN;
    memcpy(block - sizeof whole, &whole, sizeof whole);
    return block;
}

void *mem_resize(void *block, size_t old_bytes, size_t new_bytes) {
    void *grown = mem_alloc(1, new_bytes);
    if (!grown) return NULL;
    if (block) memcpy(grown, block, old_bytes < new_bytes ? old_bytes : new_bytes);
    mem_free(block);
    return grown;
}

char *mem_strdup(const char *text) {
    size_t bytes = strlen(text) + 1;
    char *copy = mem_alloc(1, bytes);
    if (copy) memcpy(copy, text, bytes);
    return copy;
}

void mem_free(void *block) {
    if (!block) return;
    void *whole;
    memcpy(&whole, (unsigned char *)block - sizeof whole, sizeof whole);
    free(whole);
}
