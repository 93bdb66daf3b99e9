/* mem.c: aligned, zeroed, countable and failable heap blocks. */
#include "base/mem.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Address sanitizers see the end of a block only where it is the end of what malloc gave. */
#if defined(__SANITIZE_ADDRESS__)
#define MEM_EXACT
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MEM_EXACT
#endif
#endif

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

#ifdef MEM_EXACT

static void *aligned_block(size_t bytes) {
    void *block;
    if (posix_memalign(&block, MEM_ALIGN, bytes ? bytes : 1) != 0) return NULL;
    return memset(block, 0, bytes);
}

static void free_aligned(void *block) {
    free(block);
}

#else

/* calloc, because large blocks then come as zero pages that cost nothing until they are touched: pools are sized for
 * the worst case and mostly never reach it. What it returned stands just below the aligned block. */
static void *aligned_block(size_t bytes) {
    unsigned char *whole = calloc(1, bytes + 2 * MEM_ALIGN);
    if (!whole) return NULL;
    unsigned char *block = whole + MEM_ALIGN + (MEM_ALIGN - (uintptr_t)whole % MEM_ALIGN) % MEM_ALIGN;
    memcpy(block - sizeof whole, &whole, sizeof whole);
    return block;
}

static void free_aligned(void *block) {
    void *whole;
    if (!block) return;
    memcpy(&whole, (unsigned char *)block - sizeof whole, sizeof whole);
    free(whole);
}

#endif

void *mem_alloc(size_t count, size_t size) {
    uint64_t serial = atomic_fetch_add(&alloc_count, 1) + 1;
    if (serial == atomic_load(&fault_at)) {
        atomic_store(&fault_hit, 1);
        return NULL;
    }
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX - 2 * MEM_ALIGN) return NULL;
    return aligned_block(bytes);
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
    free_aligned(block);
}
