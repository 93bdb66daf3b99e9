/* fuzz_weights.c: any bytes as a safetensors file. What opens must be wholly readable and look up by its own names. */
#include "nn/weights.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    weights *w;
    unsigned sum = 0;
    /* Own block: its alignment is that of a mapping, and its end is guarded. */
    unsigned char *copy = aligned_alloc(64, (n + 63) / 64 * 64 + 64);
    if (!copy) return 0;
    if (n) memcpy(copy, bytes, n);
    if (weights_open_memory("fuzz", copy, n, &w) == STENO_OK) {
        for (size_t i = 0; i < weights_count(w); i++) {
            weights_tensor t, same;
            weights_at(w, i, &t);
            const unsigned char *data = t.data;
            if (data < copy || data + t.bytes > copy + n) abort();
            for (size_t k = 0; k < t.bytes; k++) sum += data[k];
            if (weights_get(w, t.name, &same) != STENO_OK || same.data != t.data) abort();
            if (weights_expect(w, t.name, t.dtype, t.dims, t.shape, &same) != STENO_OK) abort();
        }
        sum += weights_meta(w, "format") != NULL;
        weights_close(w);
    }
    free(copy);
    return sum == 1 && n == 0;
}
