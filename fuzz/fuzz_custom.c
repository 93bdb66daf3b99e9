/* fuzz_custom.c: any bytes as a file of rules are refused with a reason, or taken; then a text is looked through with them in bounded
 * time, and wherever it is cut, what is settled is what the whole says. */
#include "find_checks.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static steno_err open_rules(const uint8_t *file, size_t n, privacy **out) {
    char path[64];
    int fd = memfd_create("rules", MFD_CLOEXEC);
    CHECK(fd >= 0 && write(fd, file, n) == (ssize_t)n);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    const privacy_options options = {.rules_path = path, .no_names = true};
    steno_err err = privacy_open(&options, out);
    close(fd);
    return err;
}

/* Rules, a zero byte, a text. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *zero = memchr(data, 0, size);
    size_t n_rules = zero ? (size_t)(zero - data) : size, at = zero ? n_rules + 1 : size;
    privacy *p = NULL;
    finder *of_whole = NULL, *of_part = NULL;
    if (size - at > FIND_TEXT_MAX) return 0;
    if (open_rules(data, n_rules, &p) != STENO_OK) {
        CHECK(!p && steno_error_detail()[0]);
        return 0;
    }
    CHECK(finder_open(p, &of_whole) == STENO_OK && finder_open(p, &of_part) == STENO_OK);
    check_text(of_whole, of_part, entity_all_set, (const char *)data + at, size - at, size % 16);
    finder_free(of_whole);
    finder_free(of_part);
    privacy_close(p);
    return 0;
}
