/* fuzz_multipart.c: any body is refused with a reason, or gives the same parts however it is cut.
 *
 * The first byte is the length of the pieces, the first line behind it the boundary; the rest is the body.
 */
#include "api/multipart.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) abort();                                                                                     \
    } while (0)

/* A running hash of what came, with its order; data() may be cut anywhere. */
typedef struct seen {
    uint64_t hash;
    int open, parts;
    size_t bytes;
} seen;

static void mix(seen *s, const void *bytes, size_t n) {
    for (size_t i = 0; i < n; i++) s->hash = (s->hash ^ ((const unsigned char *)bytes)[i]) * 1099511628211u;
}

static void check_text(const char *text, size_t most) {
    CHECK(strlen(text) <= most);
    for (; *text; text++) CHECK((unsigned char)*text >= ' ' && *text != 0x7f);
}

static steno_err on_begin(void *user, const multipart_part *p) {
    seen *s = user;
    CHECK(!s->open && p->name[0]);
    check_text(p->name, MULTIPART_NAME_BYTES_MAX);
    check_text(p->type, MULTIPART_TYPE_BYTES_MAX);
    if (p->filename) {
        check_text(p->filename, MULTIPART_FILENAME_BYTES_MAX);
        CHECK(!strpbrk(p->filename, "/\\"));
        mix(s, p->filename, strlen(p->filename));
    }
    mix(s, p->name, strlen(p->name) + 1);
    mix(s, p->type, strlen(p->type) + 1);
    s->open = 1;
    s->parts++;
    return STENO_OK;
}

static steno_err on_data(void *user, const unsigned char *bytes, size_t n) {
    seen *s = user;
    CHECK(s->open && n > 0);
    mix(s, bytes, n);
    s->bytes += n;
    return STENO_OK;
}

static steno_err on_end(void *user) {
    seen *s = user;
    CHECK(s->open);
    mix(s, "\n;", 2);
    s->open = 0;
    return STENO_OK;
}

static const multipart_handler handler = {on_begin, on_data, on_end};

static steno_err parse(const char *type, const uint8_t *body, size_t n, size_t piece, seen *s) {
    static multipart m;
    static const multipart_limits limits = {.parts = 16, .field_bytes = 100};
    ERR_TRY(multipart_init(&m, type, &limits, &handler, s));
    for (size_t at = 0; at < n; at += piece) {
        size_t some = n - at < piece ? n - at : piece;
        unsigned char *copy = malloc(some);
        CHECK(copy);
        memcpy(copy, body + at, some);
        steno_err e = multipart_push(&m, copy, some);
        free(copy);
        if (e != STENO_OK) return e;
    }
    return multipart_finish(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char type[256];
    if (size < 2) return 0;
    size_t piece = data[0] ? data[0] : 1;
    const uint8_t *end = memchr(data + 1, '\n', size - 1);
    size_t n = end ? (size_t)(end - data - 1) : size - 1;
    if (n > 100) n = 100;
    snprintf(type, sizeof type, "multipart/form-data; boundary=%.*s", (int)n, (const char *)data + 1);
    const uint8_t *body = end ? end + 1 : data + size;
    size_t body_bytes = (size_t)(data + size - body);
    seen whole = {0}, cut = {0};
    steno_err a = parse(type, body, body_bytes, body_bytes ? body_bytes : 1, &whole);
    steno_err b = parse(type, body, body_bytes, piece, &cut);
    CHECK(a == b);
    CHECK(a == STENO_OK || a == STENO_E_FORMAT || a == STENO_E_LIMIT || a == STENO_E_UNSUPPORTED);
    if (a != STENO_OK) {
        CHECK(steno_error_detail()[0]);
        return 0;
    }
    CHECK(whole.hash == cut.hash && whole.parts == cut.parts && whole.bytes == cut.bytes && !whole.open);
    CHECK(whole.bytes <= body_bytes);
    return 0;
}
