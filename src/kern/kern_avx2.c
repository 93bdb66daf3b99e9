/* kern_avx2.c: the AVX2 body. Not written yet: NULL makes the dispatch fall back to the reference. */
#include "kern/kern_int.h"

const kern_ops *kern_avx2_ops(void) {
    return NULL;
}
