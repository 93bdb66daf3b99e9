/* net_head.c: see net_head.h. */
#include "net/net_head.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

size_t net_head_end(const unsigned char *bytes, size_t n, uint32_t *scanned) {
    size_t at = *scanned;
    for (;;) {
        const unsigned char *feed = at < n ? memchr(bytes + at, '\n', n - at) : NULL;
        if (!feed) {
            *scanned = (uint32_t)n;
            return 0;
        }
        at = (size_t)(feed - bytes);
        size_t next = at + 1 < n && bytes[at + 1] == '\r' ? at + 2 : at + 1;
        if (next >= n) {
            *scanned = (uint32_t)at;
            return 0;
        }
        if (bytes[next] == '\n') return next + 1;
        at++;
    }
}

/* ---- pieces ----------------------------------------------------------------------------------------------------- */

static bool is_token(unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool fails(net_head *h, int status, const char *why) {
    h->status = status;
    h->why = why;
    return false;
}

static int hex(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

typedef enum decoded { DECODED, DECODED_TOO_LONG, DECODED_WRONG } decoded;

/* %xx, and in a query '+', until the end of `text`. */
static decoded decode(const char *text, size_t n, bool query, char *out, size_t bytes) {
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        if (c == '%') {
            int high = i + 2 < n ? hex(text[i + 1]) : -1, low = i + 2 < n ? hex(text[i + 2]) : -1;
            if (high < 0 || low < 0 || (high | low) == 0) return DECODED_WRONG;
            c = (char)(high << 4 | low);
            i += 2;
        } else if (query && c == '+') {
            c = ' ';
        }
        if (used + 1 >= bytes) return DECODED_TOO_LONG;
        out[used++] = c;
    }
    out[used] = 0;
    return DECODED;
}

/* The next line without its end, or NULL. Ends it with a zero. */
static char *next_line(char **at, char *end) {
    char *line = *at, *feed = memchr(line, '\n', (size_t)(end - line));
    if (!feed || feed == line || feed[-1] != '\r') return NULL;
    feed[-1] = 0;
    *at = feed + 1;
    if (strlen(line) != (size_t)(feed - 1 - line)) return NULL; /* a zero byte */
    return line;
}

static bool is_plain(const char *text, bool blanks) {
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c == 0x7f || (*c < 0x20 && !(blanks && *c == '\t')) || (*c == ' ' && !blanks)) return false;
    }
    return true;
}

/* ---- the request line ------------------------------------------------------------------------------------------- */

static bool read_args(net_head *h, const char *query) {
    while (*query) {
        size_t n = strcspn(query, "&");
        if (n > 0 && h->r.n_args == NET_ARGS_MAX) {
            h->r.too_many_args = true;
            return true;
        }
        if (n > 0) {
            decoded d = decode(query, n, true, h->args[h->r.n_args], NET_ARG_BYTES_MAX);
            if (d == DECODED_WRONG) return fails(h, 400, "a parameter is not percent-encoded properly");
            if (d == DECODED_TOO_LONG) {
                h->r.too_many_args = true;
                return true;
            }
            h->r.args[h->r.n_args] = h->args[h->r.n_args];
            h->r.n_args++;
        }
        query += n + (query[n] == '&');
    }
    return true;
}

/* "http://host/path" is as good as "/path"; NULL: neither. */
static const char *origin_form(const char *target) {
    if (target[0] == '/') return target;
    if (strncasecmp(target, "http://", 7) != 0 && strncasecmp(target, "https://", 8) != 0) return NULL;
    const char *host = strstr(target, "//") + 2, *path = strpbrk(host, "/?#");
    if (path == host) return NULL;
    return path && path[0] == '/' ? path : path ? NULL : "/";
}

static bool read_target(net_head *h, const char *target) {
    if (strcmp(target, "*") == 0 && strcmp(h->r.method, "OPTIONS") == 0) {
        h->path[0] = '*';
        return true;
    }
    const char *path = origin_form(target);
    if (!path) return fails(h, 400, "the target of the request is no path");
    size_t n = strcspn(path, "?#");
    decoded d = decode(path, n, false, h->path, sizeof h->path);
    if (d == DECODED_WRONG) return fails(h, 400, "the path is not percent-encoded properly");
    if (d == DECODED_TOO_LONG) return fails(h, 414, "the path is too long");
    if (path[n] != '?') return true;
    char *query = (char *)path + n + 1; /* of the bytes that are ours to change */
    query[strcspn(query, "#")] = 0;
    return read_args(h, query);
}

static bool read_request_line(net_head *h, char *line) {
    char *method_end = strchr(line, ' ');
    char *target_end = method_end ? strchr(method_end + 1, ' ') : NULL;
    if (!target_end) return fails(h, 400, "the request line is not METHOD TARGET HTTP/1.1");
    *method_end = *target_end = 0;
    const char *target = method_end + 1, *version = target_end + 1;
    h->r.method = line;
    size_t n = strlen(line);
    if (n == 0 || n > NET_METHOD_BYTES_MAX) return fails(h, 400, "no such method");
    for (size_t i = 0; i < n; i++) {
        if (!is_token((unsigned char)line[i])) return fails(h, 400, "no such method");
    }
    if (strncmp(version, "HTTP/", 5) != 0) return fails(h, 400, "the request line is not METHOD TARGET HTTP/1.1");
    if (strcmp(version, "HTTP/1.1") != 0 && strcmp(version, "HTTP/1.0") != 0) return fails(h, 505, "want HTTP/1.1");
    h->http10 = version[7] == '0';
    if (!target[0] || !is_plain(target, false)) return fails(h, 400, "the target of the request is no path");
    return read_target(h, target);
}

/* ---- header lines ----------------------------------------------------------------------------------------------- */

static bool read_field(net_head *h, char *line) {
    char *colon = strchr(line, ':');
    if (!colon || colon == line) return fails(h, 400, "a header line has no name");
    for (const char *c = line; c < colon; c++) {
        if (!is_token((unsigned char)*c)) return fails(h, 400, "a header's name has a character it may not have");
    }
    *colon = 0;
    char *value = colon + 1 + strspn(colon + 1, " \t"), *end = value + strlen(value);
    while (end > value && (end[-1] == ' ' || end[-1] == '\t')) end--;
    *end = 0;
    if (!is_plain(value, true)) return fails(h, 400, "a header's value has a character it may not have");
    if (h->n_fields == NET_FIELDS_MAX) return fails(h, 431, "too many header lines");
    h->fields[h->n_fields++] = (net_field){line, value};
    return true;
}

static const char *find(const net_head *h, const char *name, int *times) {
    const char *found = NULL;
    int n = 0;
    for (int i = 0; i < h->n_fields; i++) {
        if (strcasecmp(h->fields[i].name, name) != 0) continue;
        if (n++ == 0) found = h->fields[i].value;
    }
    if (times) *times = n;
    return found;
}

static const char *text_of(const net_head *h, const char *name) {
    const char *found = find(h, name, NULL);
    return found ? found : "";
}

/* Whether a list of tokens, perhaps over several lines, holds this one. */
static bool lists(const net_head *h, const char *name, const char *token) {
    size_t n = strlen(token);
    for (int i = 0; i < h->n_fields; i++) {
        if (strcasecmp(h->fields[i].name, name) != 0) continue;
        for (const char *at = h->fields[i].value; *at;) {
            at += strspn(at, " \t,");
            size_t length = strcspn(at, ",");
            size_t bare = length;
            while (bare > 0 && (at[bare - 1] == ' ' || at[bare - 1] == '\t')) bare--;
            if (bare == n && strncasecmp(at, token, n) == 0) return true;
            at += length;
        }
    }
    return false;
}

/* Appends what one line offers, as "a, b". False: too long. */
static bool add_protocols(net_head *h, size_t *used, const char *at) {
    while (*(at += strspn(at, " \t,"))) {
        size_t length = strcspn(at, ","), n = length;
        while (n > 0 && (at[n - 1] == ' ' || at[n - 1] == '\t')) n--;
        if (*used + n + 2 > NET_PROTOCOLS_BYTES_MAX) return false;
        if (*used > 0) {
            memcpy(h->protocols + *used, ", ", 2);
            *used += 2;
        }
        memcpy(h->protocols + *used, at, n);
        *used += n;
        h->protocols[*used] = 0;
        at += length;
    }
    return true;
}

static bool join_protocols(net_head *h) {
    size_t used = 0;
    for (int i = 0; i < h->n_fields; i++) {
        if (strcasecmp(h->fields[i].name, "sec-websocket-protocol") == 0 &&
            !add_protocols(h, &used, h->fields[i].value))
            return fails(h, 400, "Sec-WebSocket-Protocol is too long");
    }
    return true;
}

/* ---- what they mean together ------------------------------------------------------------------------------------ */

static bool read_length(net_head *h) {
    int lengths, codings;
    const char *length = find(h, "content-length", &lengths), *coding = find(h, "transfer-encoding", &codings);
    if (lengths > 1 || codings > 1 || (length && coding))
        return fails(h, 400, "the length of the body is said more than once");
    if (coding) {
        if (h->http10 || strcasecmp(coding, "chunked") != 0)
            return fails(h, 501, "want Transfer-Encoding: chunked, or none");
        h->chunked = true;
        h->r.content_length = -1;
    }
    if (!length) return true;
    int64_t value = 0;
    for (const char *c = length; *c; c++) {
        if (*c < '0' || *c > '9') return fails(h, 400, "Content-Length is no number");
        value = value * 10 + (*c - '0');
        if (value > NET_BODY_BYTES_MAX) return fails(h, 413, "Content-Length is too large");
    }
    if (!length[0]) return fails(h, 400, "Content-Length is no number");
    h->r.content_length = value;
    return true;
}

static bool read_expectation(net_head *h) {
    const char *expect = find(h, "expect", NULL);
    if (!expect) return true;
    if (strcasecmp(expect, "100-continue") != 0) return fails(h, 417, "no such expectation");
    h->expects_continue = !h->http10 && h->r.content_length != 0;
    return true;
}

/* 16 bytes in base64. */
static bool is_key(const char *key) {
    if (strlen(key) != 24 || strcmp(key + 22, "==") != 0) return false;
    for (int i = 0; i < 22; i++) {
        unsigned char c = (unsigned char)key[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '+' || c == '/'))
            return false;
    }
    return true;
}

/* Other protocols to change to (h2c) are not spoken, and a client may be answered without. */
static bool read_upgrade(net_head *h) {
    if (h->http10 || !lists(h, "connection", "upgrade") || !lists(h, "upgrade", "websocket")) return true;
    if (strcmp(h->r.method, "GET") != 0) return fails(h, 400, "a WebSocket is asked for by GET");
    if (h->r.content_length != 0) return fails(h, 400, "who asks for a WebSocket sends no body");
    if (strcmp(text_of(h, "sec-websocket-version"), "13") != 0) return fails(h, 426, "want Sec-WebSocket-Version: 13");
    h->websocket_key = text_of(h, "sec-websocket-key");
    if (!is_key(h->websocket_key)) return fails(h, 400, "Sec-WebSocket-Key is not 16 bytes in base64");
    h->websocket = h->r.upgrades = true;
    return join_protocols(h);
}

static bool read_meaning(net_head *h) {
    int hosts;
    h->r.host = find(h, "host", &hosts);
    if (hosts > 1 || (hosts == 0 && !h->http10)) return fails(h, 400, "want one Host header");
    if (!h->r.host) h->r.host = "";
    h->r.if_none_match = text_of(h, "if-none-match");
    h->r.origin = text_of(h, "origin");
    h->r.authorization = text_of(h, "authorization");
    h->r.content_type = text_of(h, "content-type");
    h->r.request_id = text_of(h, "x-request-id");
    h->keep_alive = !h->http10 && !lists(h, "connection", "close");
    return read_length(h) && read_expectation(h) && read_upgrade(h);
}

static void clear(net_head *h) {
    const char *none = "";
    h->r = (net_request){.method = none,
                         .path = h->path,
                         .if_none_match = none,
                         .host = none,
                         .origin = none,
                         .authorization = none,
                         .content_type = none,
                         .protocols = h->protocols,
                         .request_id = none,
                         .peer = none,
                         .head = h};
    h->http10 = h->chunked = h->keep_alive = h->expects_continue = h->websocket = false;
    h->websocket_key = h->why = none;
    h->status = h->n_fields = 0;
    h->path[0] = h->protocols[0] = 0;
}

void net_head_parse(net_head *h, char *bytes, size_t n) {
    char *at = bytes, *end = bytes + n, *line;
    clear(h);
    line = next_line(&at, end);
    if (!line) {
        fails(h, 400, "the request line does not end with CR LF");
        return;
    }
    if (!read_request_line(h, line)) return;
    for (;;) {
        line = next_line(&at, end);
        if (!line) {
            fails(h, 400, "a header line does not end with CR LF");
            return;
        }
        if (!line[0]) break;
        if (!read_field(h, line)) return;
    }
    read_meaning(h);
}

bool net_header_joined(const net_request *r, const char *name, char *out, size_t bytes) {
    const net_head *h = r->head;
    size_t used = 0;
    bool any = false;
    out[0] = 0;
    for (int i = 0; i < h->n_fields; i++) {
        if (strcasecmp(h->fields[i].name, name) != 0) continue;
        int n = snprintf(out + used, bytes - used, "%s%s", any ? ", " : "", h->fields[i].value);
        used = n < 0 || (size_t)n >= bytes - used ? bytes - 1 : used + (size_t)n;
        any = true;
    }
    return any;
}

bool net_header(const net_request *r, const char *name, char *out, size_t bytes) {
    const char *found = find(r->head, name, NULL);
    if (!found) return false;
    size_t n = strnlen(found, bytes - 1);
    memcpy(out, found, n);
    out[n] = 0;
    return true;
}
