/* multipart.c: see multipart.h. */
#include "api/multipart_int.h"

#include <string.h>
#include <strings.h>

enum {
    PREAMBLE,  /* before the first boundary */
    DATA,      /* of a part */
    BEHIND,    /* a boundary: "--" ends, spaces and a line break lead to a head */
    DASH,      /* one '-' of the two */
    LINE_FEED, /* of the boundary's line */
    HEAD,
    EPILOGUE,
    FAILED
};

static const char form_data[] = "multipart/form-data";

bool multipart_is(const char *content_type) {
    size_t n = sizeof form_data - 1;
    if (strncasecmp(content_type, form_data, n) != 0) return false;
    return strchr(" \t;", content_type[n]) != NULL; /* its end, too */
}

steno_err multipart_init(multipart *m, const char *content_type, const multipart_limits *limits,
                         const multipart_handler *handler, void *user) {
    char boundary[MULTIPART_BOUNDARY_BYTES_MAX + 1];
    bool found;
    m->state = FAILED;
    if (!multipart_is(content_type)) return err_fail(STENO_E_FORMAT, "the body is not multipart/form-data");
    if (multipart_param(content_type, "boundary", boundary, sizeof boundary, &found) != STENO_OK || !found ||
        !boundary[0])
        return err_fail(STENO_E_FORMAT, "Content-Type multipart/form-data has no boundary of 1 to %d characters",
                        MULTIPART_BOUNDARY_BYTES_MAX);
    for (const char *p = boundary; *p; p++)
        if ((unsigned char)*p < ' ' || (unsigned char)*p > '~')
            return err_fail(STENO_E_FORMAT, "the boundary of the form has characters that it may not have");
    m->limits = limits ? *limits : (multipart_limits){0};
    if (m->limits.parts == 0) m->limits.parts = MULTIPART_PARTS_MAX;
    if (m->limits.field_bytes == 0) m->limits.field_bytes = MULTIPART_FIELD_BYTES_MAX;
    m->handler = handler;
    m->user = user;
    m->parts = 0;
    m->head_bytes = 0;
    memcpy(m->delimiter, "\r\n--", 4);
    memcpy(m->delimiter + 4, boundary, strlen(boundary) + 1);
    m->delimiter_bytes = 4 + strlen(boundary);
    m->matched = m->assumed = 2; /* the body begins as if behind a line break */
    m->state = PREAMBLE;
    return STENO_OK;
}

/* Bytes of a part, or of the preamble, which nobody wants. */
static steno_err emit(multipart *m, const void *bytes, size_t n) {
    if (m->state == PREAMBLE || n == 0) return STENO_OK;
    if (m->in_field && n > m->limits.field_bytes - m->field_bytes)
        return err_fail(STENO_E_LIMIT, "a form field is longer than %zu bytes", m->limits.field_bytes);
    if (m->in_field) m->field_bytes += n;
    return m->handler->data(m->user, bytes, n);
}

/* Up to a boundary or the end of the piece. A carriage return stands in the delimiter at its front only: what does not
 * match can only begin a delimiter anew with itself. */
static steno_err take_data(multipart *m, const unsigned char **at, const unsigned char *end) {
    const unsigned char *p = *at;
    while (p < end && m->matched < m->delimiter_bytes) {
        if (*p == (unsigned char)m->delimiter[m->matched]) {
            m->matched++;
            p++;
            continue;
        }
        size_t had = m->matched, assumed = m->assumed;
        m->matched = m->assumed = 0;
        ERR_TRY(emit(m, m->delimiter + assumed, had - assumed));
        const unsigned char *cr = memchr(p, '\r', (size_t)(end - p));
        if (!cr) cr = end;
        ERR_TRY(emit(m, p, (size_t)(cr - p)));
        p = cr;
    }
    *at = p;
    if (m->matched < m->delimiter_bytes) return STENO_OK;
    m->matched = m->assumed = 0;
    bool part = m->state == DATA;
    m->state = BEHIND;
    return part ? m->handler->end(m->user) : STENO_OK;
}

static steno_err garbage(void) {
    return err_fail(STENO_E_FORMAT, "a boundary of the form is followed by something else than a line break or '--'");
}

static steno_err take_behind(multipart *m, unsigned char c) {
    switch (m->state) {
    case BEHIND:
        if (c == ' ' || c == '\t') return STENO_OK;
        m->state = c == '-' ? DASH : LINE_FEED;
        return c == '-' || c == '\r' ? STENO_OK : garbage();
    case DASH:
        m->state = EPILOGUE;
        return c == '-' ? STENO_OK : garbage();
    default:
        m->state = HEAD;
        m->head_bytes = 0;
        return c == '\n' ? STENO_OK : garbage();
    }
}

static steno_err begin(multipart *m) {
    multipart_head h;
    if (m->parts == m->limits.parts) return err_fail(STENO_E_LIMIT, "the form has more than %d parts", m->limits.parts);
    m->parts++;
    m->head[m->head_bytes] = 0;
    ERR_TRY(multipart_read_head(m->head, m->head_bytes, &h));
    m->in_field = !h.is_file;
    m->field_bytes = 0;
    m->state = DATA;
    m->matched = m->assumed = 2; /* a part may be empty: the line break of its head is the one of the delimiter */
    multipart_part part = {.name = h.name, .filename = h.is_file ? h.filename : NULL, .type = h.type};
    return m->handler->begin(m->user, &part);
}

/* The head ends with an empty line. */
static steno_err take_head(multipart *m, unsigned char c) {
    if (m->head_bytes == MULTIPART_HEAD_BYTES_MAX)
        return err_fail(STENO_E_LIMIT, "the headers of a form's part are longer than %d bytes",
                        MULTIPART_HEAD_BYTES_MAX);
    m->head[m->head_bytes++] = (char)c;
    size_t n = m->head_bytes;
    if (c != '\n') return STENO_OK;
    if (n == 2 && m->head[0] == '\r') {
        m->head_bytes = 0;
        return begin(m);
    }
    if (n < 4 || memcmp(m->head + n - 4, "\r\n\r\n", 4) != 0) return STENO_OK;
    m->head_bytes = n - 4;
    return begin(m);
}

static steno_err take(multipart *m, const unsigned char **at, const unsigned char *end) {
    switch (m->state) {
    case PREAMBLE:
    case DATA:
        return take_data(m, at, end);
    case HEAD:
        return take_head(m, *(*at)++);
    case EPILOGUE:
        *at = end;
        return STENO_OK;
    case FAILED:
        return err_fail(STENO_E_FORMAT, "the form has failed before");
    default:
        return take_behind(m, *(*at)++);
    }
}

steno_err multipart_push(multipart *m, const unsigned char *bytes, size_t n) {
    const unsigned char *at = bytes, *end = bytes + n;
    while (at < end) {
        steno_err e = take(m, &at, end);
        if (e == STENO_OK) continue;
        m->state = FAILED;
        return e;
    }
    return STENO_OK;
}

steno_err multipart_finish(const multipart *m) {
    if (m->state == EPILOGUE) return STENO_OK;
    return err_fail(STENO_E_FORMAT, "the form ends before its closing boundary");
}
