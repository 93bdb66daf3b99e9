/* fuzz_json_out.c: whatever bytes a file name, a text or a number holds, strict readers accept the JSON that comes out.
 */
#include "output/format.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The next n bytes of the input as a number, or what is left of them. */
static void take(const uint8_t **data, size_t *size, void *out, size_t n) {
    size_t some = *size < n ? *size : n;
    memset(out, 0, n);
    memcpy(out, *data, some);
    *data += some;
    *size -= some;
}

static char *as_string(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    if (!text) abort();
    memcpy(text, data, size);
    text[size] = 0;
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    steno_word words[4];
    released_segment s = {.words = words};
    uint8_t cut, flags;
    take(&data, &size, &flags, 1);
    take(&data, &size, &cut, 1);
    take(&data, &size, &s.start_s, sizeof s.start_s);
    take(&data, &size, &s.end_s, sizeof s.end_s);
    take(&data, &size, &s.confidence, sizeof s.confidence);
    take(&data, &size, words, flags & 8 ? sizeof words : 0);
    if (flags & 8) s.n_words = 4; /* with any offsets */
    size_t name_bytes = cut < size ? cut : size;
    char *name = as_string(data, name_bytes), *text = as_string(data + name_bytes, size - name_bytes), *out = NULL;
    s.text = text;
    size_t out_bytes = 0;
    FILE *file = open_memstream(&out, &out_bytes);
    if (!file) abort();
    output_head head = {
        .file = name, .model = name, .language = text, .split = flags & 1, .words = flags & 2, .many = flags & 4};
    output_tail tail = {
        .duration_s = s.end_s, .media_cpu_s = s.start_s, .stats = &(steno_stats){0}, .error = flags & 16 ? text : NULL};
    output o;
    if (output_begin(&o, &output_json, file, &head) != STENO_OK) abort();
    for (int i = 0; i < 2; i++) {
        if (output_segment(&o, 1, &s) != STENO_OK) abort();
    }
    if (output_end(&o, &tail) != STENO_OK) abort();
    fclose(file);
    json_t *root = json_loadb(out, out_bytes, 0, NULL);
    if (!root || json_array_size(json_object_get(root, "segments")) != 2) abort();
    if ((flags & 4) && memchr(out, '\n', out_bytes) != out + out_bytes - 1) abort();
    json_decref(root);
    free(name);
    free(text);
    free(out);
    return 0;
}
