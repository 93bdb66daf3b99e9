/* fuzz_kaldi.c: any bytes as a Kaldi network: opened, walked, and offered to the conversion, which writes nowhere; and as a
 * file of numbers. */
#include "nn/convert.h"
#include "nn/kaldi.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* Every value that a field promises must be readable; a sanitizer sees a wrong promise. */
static float touch(const kaldi_field *f) {
    float sum = 0.0f;
    if (f->kind == KALDI_BOOL) return (float)f->at[0];
    if (f->kind == KALDI_DOUBLE) return (float)(f->at[0] + f->at[7]);
    if (f->rows < 0 || f->cols < 0) abort();
    for (int64_t i = 0; i < f->rows * f->cols; i++) sum += kaldi_value(f, i);
    return sum;
}

static bool walk(const kaldi *k) {
    static const convert_source source = {"fuzz", "any", "fuzz@0", "none", {"0", "0", "0"}};
    static const float mean[CONVERT_XVECTOR_DIM], transform[CONVERT_XVECTOR_DIM * CONVERT_XVECTOR_DIM];
    float sum = 0.0f;
    for (size_t i = 0; i < kaldi_components(k); i++) {
        const kaldi_component *c = kaldi_component_at(k, i);
        for (uint32_t f = 0; f < c->n_fields; f++) sum += touch(&c->fields[f]);
        if (kaldi_field_named(c, "Dim", KALDI_WORD32)) sum += 1.0f;
    }
    if (kaldi_wired(k, "output-node name=output")) sum += 1.0f;
    if (convert_xvector(k, mean, transform, &source, "/dev/null/none") == STENO_OK) abort();
    return sum == 0.25f && kaldi_components(k) == 0; /* never: keeps the reads alive */
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    float numbers[12];
    kaldi *k;
    if (kaldi_open_memory("fuzz", bytes, n, &k) == STENO_OK) {
        bool never = walk(k);
        kaldi_close(k);
        if (never) abort();
    }
    bool vector = kaldi_load_memory("fuzz", bytes, n, 1, 12, numbers) == STENO_OK;
    bool matrix = kaldi_load_memory("fuzz", bytes, n, 3, 4, numbers) == STENO_OK;
    if (vector && matrix && n >= 2 && bytes[0] == 0) abort(); /* a binary file is one or the other */
    return 0;
}
