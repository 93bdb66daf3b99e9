/* net_reply.c: the heads of answers. See net_int.h. */
#include "net/net_int.h"

#include <stdio.h>
#include <string.h>

const char *net_reason_phrase(int status) {
    static const struct {
        int status;
        const char *phrase;
    } known[] = {{101, "Switching Protocols"},
                 {200, "OK"},
                 {201, "Created"},
                 {202, "Accepted"},
                 {204, "No Content"},
                 {206, "Partial Content"},
                 {301, "Moved Permanently"},
                 {302, "Found"},
                 {303, "See Other"},
                 {304, "Not Modified"},
                 {307, "Temporary Redirect"},
                 {308, "Permanent Redirect"},
                 {400, "Bad Request"},
                 {401, "Unauthorized"},
                 {402, "Payment Required"},
                 {403, "Forbidden"},
                 {404, "Not Found"},
                 {405, "Method Not Allowed"},
                 {406, "Not Acceptable"},
                 {408, "Request Timeout"},
                 {409, "Conflict"},
                 {410, "Gone"},
                 {411, "Length Required"},
                 {413, "Content Too Large"},
                 {414, "URI Too Long"},
                 {415, "Unsupported Media Type"},
                 {416, "Range Not Satisfiable"},
                 {417, "Expectation Failed"},
                 {422, "Unprocessable Content"},
                 {425, "Too Early"},
                 {426, "Upgrade Required"},
                 {429, "Too Many Requests"},
                 {431, "Request Header Fields Too Large"},
                 {500, "Internal Server Error"},
                 {501, "Not Implemented"},
                 {502, "Bad Gateway"},
                 {503, "Service Unavailable"},
                 {504, "Gateway Timeout"},
                 {505, "HTTP Version Not Supported"},
                 {507, "Insufficient Storage"}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (known[i].status == status) return known[i].phrase;
    }
    return "Unknown";
}

typedef struct writer {
    char *at, *end;
    bool full;
} writer;

__attribute__((format(printf, 2, 0))) static void line(writer *w, const char *format, const char *text) {
    size_t room = (size_t)(w->end - w->at);
    int n = snprintf(w->at, room, format, text); /* NOLINT: the formats are the constants below */
    if (n < 0 || (size_t)n >= room)
        w->full = true;
    else
        w->at += n;
}

size_t net_reply_head(char *out, size_t bytes, const net_reply *r, const char *framing, bool last) {
    writer w = {out, out + bytes, false};
    char number[32];
    snprintf(number, sizeof number, "%d ", r->status);
    line(&w, "HTTP/1.1 %s", number);
    line(&w, "%s\r\nserver: steno\r\n", net_reason_phrase(r->status));
    if (r->type && r->status != 304) line(&w, "content-type: %s\r\n", r->type);
    line(&w, "%s", framing);
    if (r->etag) line(&w, "etag: %s\r\n", r->etag);
    snprintf(number, sizeof number, "%d", r->retry_after_s);
    if (r->retry_after_s) line(&w, "retry-after: %s\r\n", number);
    if (r->headers) line(&w, "%s", r->headers);
    if (r->owned_headers) line(&w, "%s", r->owned_headers);
    snprintf(number, sizeof number, "%d", NET_KEEP_ALIVE_S); /* clients that know do not race with our closing */
    if (!last && r->status != 101) line(&w, "keep-alive: timeout=%s\r\n", number);
    line(&w, "%s\r\n", last ? "connection: close\r\n" : "");
    return w.full ? 0 : (size_t)(w.at - out);
}
