/* fuzz_manifest.c: any bytes as a manifest. It names files of a folder that cannot exist, so nothing may verify. */
#include "nn/manifest.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void report(void *user, const char *file, steno_err err, const char *detail) {
    size_t *reports = user;
    if (err == STENO_OK || !file || !detail || !detail[0]) abort();
    (*reports)++;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    size_t reports = 0;
    if (manifest_verify_text("/dev/null", bytes, n, report, &reports) == STENO_OK) abort();
    return 0;
}
