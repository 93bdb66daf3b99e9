/* mem.h: the only door to the heap.
 *
 * Every allocation in steno goes through these, so the allocation-failure sweep can fail the Nth one in turn, and so
 * that all blocks are aligned for the widest vectors. Zeroed on return. Thread-safe.
 */
#ifndef STENO_BASE_MEM_H
#define STENO_BASE_MEM_H

#include <stddef.h>
#include <stdint.h>

#define MEM_ALIGN 64

/* `count * size` zeroed bytes aligned to MEM_ALIGN, or NULL (overflow, exhausted, or the sweep's turn). */
void *mem_alloc(size_t count, size_t size);

/* Grows or makes a block, keeping min(old, new) bytes; the old block stays valid on NULL. */
void *mem_resize(void *block, size_t old_bytes, size_t new_bytes);

/* A zero-terminated copy, or NULL. */
char *mem_strdup(const char *text);

void mem_free(void *block);

/* Tests only: the `nth` allocation from now fails once (1 = the next); 0 switches the sweep off.
 * mem_fault_hit() says whether a failure was injected since. */
void mem_fault_arm(uint64_t nth);
int mem_fault_hit(void);

/* Allocations made so far by the process, for "nothing is allocated in the steady state" tests. */
uint64_t mem_alloc_count(void);

#endif
