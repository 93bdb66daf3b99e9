/* fuzz_config.c: any bytes as a configuration file: refused with file and line, or every value is within its key's range
 * and can be given again as it is shown.
 */
#include "cmd/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) abort();                                                                                     \
    } while (0)

/* The same file every time, in memory. */
static const char *write_file(const uint8_t *data, size_t size) {
    static char path[64];
    static int fd = -1;
    if (fd < 0) {
        fd = memfd_create("steno.ini", MFD_CLOEXEC);
        CHECK(fd >= 0);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    CHECK(ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
    return path;
}

static void check_value(const config *c, const config_key *key) {
    char shown[CONFIG_TEXT_BYTES], again[CONFIG_TEXT_BYTES], *end;
    config other;
    config_get(c, key, shown);
    if (key->kind == CONFIG_INT || key->kind == CONFIG_REAL) {
        double v = strtod(shown, &end);
        CHECK(end > shown && *end == 0 && v >= key->lowest && v <= key->highest);
    }
    config_init(&other);
    CHECK(config_set(&other, key, shown) == STENO_OK);
    config_get(&other, key, again);
    CHECK(strcmp(shown, again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    config c;
    const char *file = write_file(data, size);
    config_inputs in = {.file = file};
    steno_err e = config_load(&in, &c, NULL, NULL);
    if (e != STENO_OK) {
        const char *why = steno_error_detail();
        size_t n = strlen(file);
        bool of_line = strncmp(why, file, n) == 0 && why[n] == ':' && strtol(why + n + 1, NULL, 10) >= 1;
        CHECK(e == STENO_E_INVALID && (of_line || strncmp(why, "[live]: ", 8) == 0 || strncmp(why, "tls_", 4) == 0));
    }
    for (const config_key *key = config_keys; key->name; key++) check_value(&c, key);
    return 0;
}
