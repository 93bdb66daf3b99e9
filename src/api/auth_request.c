/* auth_request.c: what of a request concerns keys and pages: where a key may stand, which page asks, what a page needs to
 * be told. See auth_int.h. */
#include "api/auth_int.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TOKEN_ARG      "access_token="
#define OPENAI_KEY     "openai-insecure-api-key."
#define PREFLIGHT_S    "600"
#define METHODS        "GET, HEAD, POST, PUT, DELETE, OPTIONS"
#define HEADERS_ALWAYS "authorization, content-type"
/* What a page may read beside the few headers it always may. */
#define EXPOSED                                                                                                        \
    "retry-after, ratelimit, ratelimit-policy, www-authenticate, x-request-id, x-steno-warning, location, "            \
    "content-disposition, traceresponse"

/* ---- keys ------------------------------------------------------------------------------------------------------- */

static auth_given trimmed(const char *text, size_t n) {
    while (n > 0 && (*text == ' ' || *text == '\t')) text++, n--;
    while (n > 0 && (text[n - 1] == ' ' || text[n - 1] == '\t')) n--;
    return (auth_given){n ? text : NULL, n};
}

static auth_given from_header(const char *value) {
    static const char *const schemes[] = {"bearer", "token"};
    value += strspn(value, " \t");
    size_t n = strcspn(value, " \t");
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        if (n == strlen(schemes[i]) && strncasecmp(value, schemes[i], n) == 0)
            return trimmed(value + n, strlen(value + n));
    }
    return (auth_given){0}; /* Basic, Digest …: a proxy's, perhaps */
}

/* The next item of "a, b" and where the one after it is looked for. */
static auth_given next_protocol(const char **at) {
    while (**at) {
        size_t n = strcspn(*at, ",");
        auth_given item = trimmed(*at, n);
        *at += n + ((*at)[n] == ',');
        if (item.text) return item;
    }
    return (auth_given){0};
}

static bool is(auth_given item, const char *word) {
    return item.n == strlen(word) && memcmp(item.text, word, item.n) == 0;
}

static auth_given from_protocols(const char *list) {
    size_t prefix = sizeof OPENAI_KEY - 1;
    for (auth_given item; (item = next_protocol(&list)).text;) {
        if (is(item, "token") || is(item, "bearer")) return next_protocol(&list);
        if (item.n > prefix && memcmp(item.text, OPENAI_KEY, prefix) == 0)
            return (auth_given){item.text + prefix, item.n - prefix};
    }
    return (auth_given){0};
}

static bool is_token_arg(const char *arg) {
    return strncmp(arg, TOKEN_ARG, sizeof TOKEN_ARG - 1) == 0;
}

auth_given auth_given_key(const net_request *r) {
    auth_given key = from_header(r->authorization);
    if (!key.text) key = from_protocols(r->protocols);
    for (int i = 0; !key.text && i < r->n_args; i++) {
        if (is_token_arg(r->args[i]))
            key = trimmed(r->args[i] + sizeof TOKEN_ARG - 1, strlen(r->args[i]) + 1 - sizeof TOKEN_ARG);
    }
    return key;
}

/* Vendors' browsers offer the name of a protocol and a key; a browser whose offers are all passed over hangs up. */
const char *auth_protocol(const net_request *r) {
    static const char *const known[] = {"realtime", "token", "bearer"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        const char *at = r->protocols;
        for (auth_given item; (item = next_protocol(&at)).text;) {
            if (is(item, known[i])) return known[i];
        }
    }
    return NULL;
}

void auth_hide_key(net_request *copy) {
    const char *protocol = auth_protocol(copy);
    int kept = 0;
    copy->authorization = "";
    copy->protocols = protocol ? protocol : "";
    for (int i = 0; i < copy->n_args; i++) {
        if (!is_token_arg(copy->args[i])) copy->args[kept++] = copy->args[i];
    }
    copy->n_args = kept;
}

/* ---- pages ------------------------------------------------------------------------------------------------------ */

void auth_page_of(const net_request *r, char out[AUTH_ORIGIN_BYTES]) {
    out[0] = 0;
    if (r->origin[0] && !auth_origin_read(r->origin, strlen(r->origin), out)) snprintf(out, AUTH_ORIGIN_BYTES, "null");
}

bool auth_crosses_sites(const net_request *r) {
    char site[32];
    if (!r->head || !net_header(r, "sec-fetch-site", site, sizeof site)) return false;
    return strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0;
}

/* ---- headers ---------------------------------------------------------------------------------------------------- */

void auth_add_header(char headers[AUTH_HEADERS_BYTES], const char *fmt, ...) {
    size_t at = strlen(headers), room = AUTH_HEADERS_BYTES - at;
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(headers + at, room, fmt, args);
    va_end(args);
    if (n < 0 || (size_t)n + 2 >= room)
        headers[at] = 0;
    else
        memcpy(headers + at + n, "\r\n", 3);
}

void auth_add_cors(char headers[AUTH_HEADERS_BYTES], const char *origin) {
    if (!origin[0]) return;
    auth_add_header(headers, "access-control-allow-origin: %s", origin);
    auth_add_header(headers, "access-control-expose-headers: " EXPOSED);
    auth_add_header(headers, "vary: Origin");
}

void auth_put_headers(net_reply *reply, const char *headers) {
    size_t had = reply->owned_headers ? strlen(reply->owned_headers) : 0, more = strlen(headers);
    if (more == 0) return;
    char *both = mem_resize(reply->owned_headers, had ? had + 1 : 0, had + more + 1);
    if (!both) return;
    memcpy(both + had, headers, more + 1);
    reply->owned_headers = both;
}

/* ---- preflights -------------------------------------------------------------------------------------------------- */

/* Names of headers only: they go back into a header. */
static bool header_names(const char *text) {
    return text[0] &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_, ") == strlen(text);
}

void auth_add_preflight(char headers[AUTH_HEADERS_BYTES], const net_request *r, const char *origin) {
    char asked[400];
    auth_add_cors(headers, origin);
    auth_add_header(headers, "access-control-allow-methods: " METHODS);
    bool any = r->head && net_header(r, "access-control-request-headers", asked, sizeof asked) && header_names(asked);
    auth_add_header(headers, "access-control-allow-headers: %s", any ? asked : HEADERS_ALWAYS);
    auth_add_header(headers, "access-control-max-age: " PREFLIGHT_S);
}
