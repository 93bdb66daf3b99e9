/* multipart_head.c: the headers of a part, and the parameters of header values. See multipart_int.h. */
#include "api/multipart_int.h"

#include <string.h>
#include <strings.h>
#include <utf8proc.h>

typedef struct scan {
    const char *at, *end;
} scan;

static bool is_space(char c) {
    return c == ' ' || c == '\t';
}

static void skip_space(scan *s) {
    while (s->at < s->end && is_space(*s->at)) s->at++;
}

/* RFC 9110's token characters, roughly: what cannot end a token. */
static bool is_token(char c) {
    return (unsigned char)c > ' ' && c != 0x7f && !strchr("\"(),/:;<=>?@[\\]{}", c);
}

static bool put(char *out, size_t bytes, size_t *n, char c) {
    if (*n + 1 >= bytes) return false;
    out[(*n)++] = c;
    return true;
}

/* Browsers write a quotation mark as %22; others put a backslash before it. A backslash before anything else is part of a
 * path and stays. */
static steno_err quoted(scan *s, char *out, size_t bytes, size_t *n) {
    for (s->at++; s->at < s->end && *s->at != '"'; s->at++) {
        char c = *s->at;
        if (c == '\\' && s->end - s->at > 1 && (s->at[1] == '"' || s->at[1] == '\\')) c = *++s->at;
        if (c == '%' && s->end - s->at > 2 && s->at[1] == '2' && s->at[2] == '2') {
            c = '"';
            s->at += 2;
        }
        if (!put(out, bytes, n, c)) return STENO_E_LIMIT;
    }
    if (s->at == s->end) return STENO_E_FORMAT;
    s->at++;
    return STENO_OK;
}

/* A token, or a quoted string without its marks. Values as browsers of old sent them unquoted may hold anything up to ';'. */
static steno_err value(scan *s, char *out, size_t bytes) {
    size_t n = 0;
    skip_space(s);
    out[0] = 0;
    if (s->at < s->end && *s->at == '"') {
        steno_err e = quoted(s, out, bytes, &n);
        if (e != STENO_OK) return e;
    } else {
        while (s->at < s->end && *s->at != ';' && !is_space(*s->at))
            if (!put(out, bytes, &n, *s->at++)) return STENO_E_LIMIT;
    }
    out[n] = 0;
    return STENO_OK;
}

/* Passes over a value that nobody wants. */
static steno_err pass(scan *s) {
    if (s->at < s->end && *s->at == '"') {
        for (s->at++; s->at < s->end && *s->at != '"'; s->at++)
            if (*s->at == '\\' && s->end - s->at > 1) s->at++;
        if (s->at == s->end) return STENO_E_FORMAT;
        s->at++;
    }
    while (s->at < s->end && *s->at != ';') s->at++;
    return STENO_OK;
}

steno_err multipart_param(const char *text, const char *name, char *out, size_t bytes, bool *found) {
    scan s = {text, text + strlen(text)};
    *found = false;
    out[0] = 0;
    while (s.at < s.end && *s.at != ';') s.at++;
    while (s.at < s.end) {
        s.at++; /* ';' */
        skip_space(&s);
        const char *from = s.at;
        while (s.at < s.end && is_token(*s.at)) s.at++;
        size_t n = (size_t)(s.at - from);
        skip_space(&s);
        if (s.at == s.end || *s.at != '=') { /* a parameter without a value, or a stray ';' */
            while (s.at < s.end && *s.at != ';') s.at++;
            continue;
        }
        s.at++;
        skip_space(&s);
        bool wanted = n == strlen(name) && strncasecmp(from, name, n) == 0;
        if (wanted && *found) return STENO_E_FORMAT; /* twice: which one is meant? */
        steno_err e = wanted ? value(&s, out, bytes) : pass(&s);
        if (e != STENO_OK) return e;
        *found = *found || wanted;
        while (s.at < s.end && *s.at != ';') s.at++;
    }
    return STENO_OK;
}

/* ---- file names ------------------------------------------------------------------------------------------------- */

static int hex(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* ISO 8859-1 as UTF-8, in place when it fits. */
static steno_err from_latin1(char *text, size_t bytes) {
    char out[MULTIPART_FILENAME_BYTES_MAX + 1];
    size_t n = 0;
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        bool two = *p >= 0x80;
        if (n + two + 1 >= sizeof out || n + two + 1 >= bytes) return STENO_E_LIMIT;
        if (two) out[n++] = (char)(0xc0 | *p >> 6);
        out[n++] = (char)(two ? 0x80 | (*p & 0x3f) : *p);
    }
    out[n] = 0;
    memcpy(text, out, n + 1);
    return STENO_OK;
}

/* RFC 5987: charset'language'percent-encoded. */
static steno_err extended(char *text, size_t bytes) {
    char *mark = strchr(text, '\''), *second = mark ? strchr(mark + 1, '\'') : NULL;
    if (!second) return STENO_E_FORMAT;
    *mark = 0;
    bool latin1 = strcasecmp(text, "ISO-8859-1") == 0;
    if (!latin1 && strcasecmp(text, "UTF-8") != 0) return STENO_E_FORMAT;
    size_t n = 0;
    for (const char *p = second + 1; *p; p++) {
        char c = *p;
        if (c == '%') {
            int high = hex(p[1]), low = high < 0 ? -1 : hex(p[2]);
            if (low < 0 || (high == 0 && low == 0)) return STENO_E_FORMAT;
            c = (char)(high << 4 | low);
            p += 2;
        }
        text[n++] = c;
    }
    text[n] = 0;
    return latin1 ? from_latin1(text, bytes) : STENO_OK;
}

/* What is not UTF-8 and control characters become '?'. */
static void sanitise(char *text) {
    utf8proc_ssize_t left = (utf8proc_ssize_t)strlen(text);
    while (left > 0) {
        utf8proc_int32_t c;
        utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)text, left, &c);
        if (n < 1 || c < 0x20 || (c >= 0x7f && c < 0xa0)) {
            if (n < 1) n = 1;
            memset(text, '?', (size_t)n);
        }
        text += n;
        left -= n;
    }
}

static void last_component(char *text) {
    char *from = text;
    for (char *p = text; *p; p++)
        if (*p == '/' || *p == '\\') from = p + 1;
    memmove(text, from, strlen(from) + 1);
}

static steno_err filename_of(const char *disposition, multipart_head *out) {
    bool plain, better;
    char buffer[3 * MULTIPART_FILENAME_BYTES_MAX + 64];
    steno_err e = multipart_param(disposition, "filename*", buffer, sizeof buffer, &better);
    if (e == STENO_OK && better) e = extended(buffer, sizeof buffer);
    if (e == STENO_OK && !better) e = multipart_param(disposition, "filename", buffer, sizeof buffer, &plain);
    if (e == STENO_OK) {
        out->is_file = better || plain;
        sanitise(buffer);
        last_component(buffer);
        if (strlen(buffer) >= sizeof out->filename) e = STENO_E_LIMIT;
    }
    if (e == STENO_E_LIMIT) return err_fail(e, "a file's name is longer than %d bytes", MULTIPART_FILENAME_BYTES_MAX);
    if (e != STENO_OK) return err_fail(e, "the file name of form field '%s' cannot be read", out->name);
    memcpy(out->filename, buffer, strlen(buffer) + 1);
    return STENO_OK;
}

/* ---- headers ---------------------------------------------------------------------------------------------------- */

static steno_err on_disposition(const char *text, multipart_head *out) {
    bool found;
    if (out->name[0]) return err_fail(STENO_E_FORMAT, "a part of the form has two Content-Dispositions");
    if (strncasecmp(text, "form-data", 9) != 0 || is_token(text[9]))
        return err_fail(STENO_E_FORMAT, "a part's Content-Disposition is not form-data");
    steno_err e = multipart_param(text, "name", out->name, sizeof out->name, &found);
    if (e == STENO_E_LIMIT)
        return err_fail(e, "the name of a form field is longer than %d bytes", MULTIPART_NAME_BYTES_MAX);
    if (e != STENO_OK || !found || !out->name[0])
        return err_fail(STENO_E_FORMAT, "a part's Content-Disposition has no name that can be read");
    sanitise(out->name);
    return filename_of(text, out);
}

static steno_err on_encoding(const char *text) {
    if (strcasecmp(text, "binary") == 0 || strcasecmp(text, "8bit") == 0 || strcasecmp(text, "7bit") == 0)
        return STENO_OK;
    return err_fail(STENO_E_UNSUPPORTED, "a part's Content-Transfer-Encoding is not binary, 8bit or 7bit");
}

static void on_type(const char *text, multipart_head *out) {
    size_t n = strlen(text);
    if (n >= sizeof out->type) n = sizeof out->type - 1; /* a hint only */
    memcpy(out->type, text, n);
    out->type[n] = 0;
    sanitise(out->type);
}

/* `line` ends with a zero and not with spaces. */
static steno_err on_line(char *line, multipart_head *out) {
    char *colon = strchr(line, ':');
    if (!colon || colon == line) return err_fail(STENO_E_FORMAT, "a header of a form's part has no name");
    *colon = 0;
    char *text = colon + 1;
    while (is_space(*text)) text++;
    for (char *end = text + strlen(text); end > text && is_space(end[-1]);) *--end = 0;
    if (strcasecmp(line, "Content-Disposition") == 0) return on_disposition(text, out);
    if (strcasecmp(line, "Content-Transfer-Encoding") == 0) return on_encoding(text);
    if (strcasecmp(line, "Content-Type") == 0) on_type(text, out);
    return STENO_OK;
}

/* Folded lines are one. */
static void unfold(char *head) {
    for (char *p = head; (p = strstr(p, "\r\n")); p += 2)
        if (is_space(p[2])) p[0] = p[1] = ' ';
}

steno_err multipart_read_head(char *head, size_t n, multipart_head *out) {
    *out = (multipart_head){0};
    if (memchr(head, 0, n)) return err_fail(STENO_E_FORMAT, "a header of a form's part has a zero byte in it");
    unfold(head);
    for (char *line = head; *line;) {
        char *end = strstr(line, "\r\n");
        if (end) *end = 0;
        ERR_TRY(on_line(line, out));
        if (!end) break;
        line = end + 2;
    }
    if (!out->name[0]) return err_fail(STENO_E_FORMAT, "a part of the form has no Content-Disposition");
    return STENO_OK;
}
