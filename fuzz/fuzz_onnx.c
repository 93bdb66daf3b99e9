/* fuzz_onnx.c: any bytes as an ONNX file: opened, walked, and offered to both conversions, which write nowhere. */
#include "nn/convert.h"
#include "nn/onnx.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* Every byte that the tables promise must be readable; a sanitizer sees a wrong promise. */
static unsigned touch(const unsigned char *at, size_t n) {
    unsigned sum = 0;
    for (size_t i = 0; i < n; i++) sum += at[i];
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    static const convert_source source = {"fuzz", "any", "fuzz@0", "none", {"0", "0"}};
    onnx *m;
    unsigned sum = 0;
    if (onnx_open_memory("fuzz", bytes, n, &m) != STENO_OK) return 0;
    for (size_t i = 0; i < onnx_tensors(m); i++) {
        const onnx_tensor *t = onnx_tensor_at(m, i);
        const unsigned char *data = onnx_tensor_data(t);
        if (t->bytes != 0 && t->bytes != t->count * onnx_type_bytes(t->type)) abort();
        if (data) sum += touch(data, t->bytes);
        if (t->name.n) sum += onnx_tensor_named(m, t->name) != NULL;
    }
    for (size_t i = 0; i < onnx_nodes(m); i++) {
        const onnx_node *node = onnx_node_at(m, i);
        for (uint32_t k = 0; k < node->n_inputs; k++) sum += (unsigned)onnx_input(m, node, k).n;
        sum += onnx_producer(m, onnx_output(m, node, 0), 0) != NULL;
        sum += onnx_attribute_named(m, node, "then_branch") != NULL;
    }
    if (convert_silero(m, &source, "/dev/null/none") == STENO_OK) abort();
    if (convert_moonshine(m, m, &source, "/dev/null/none") == STENO_OK) abort();
    onnx_close(m);
    return sum == 1 && n == 0; /* never 1: keeps the sum alive */
}
