/* fuzz_auth.c: any bytes as what a request says of itself, a line each: Authorization, sub-protocols, a query parameter, Origin,
 * Host, address. A server without keys lets in its own pages only; one with a key that key only; and no byte of a client
 * becomes a header line of ours.
 */
#include "api/auth_int.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) abort();                                                                                     \
    } while (0)

#define KEY   "steno_abcdefgh_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG3GgSt3"
#define LINES 6

static int64_t tick(void *ctx) {
    return ++*(int64_t *)ctx;
}

static auth *make_auth(bool keyed) {
    static int64_t now = 1000;
    auth_config config = {.allowed_origins = "", .loopback = true};
    auth_clock clock = {tick, tick, &now};
    keys_table *t = NULL;
    auth *a;
    if (keyed) {
        keys_text key;
        t = mem_alloc(1, sizeof *t);
        CHECK(t && keys_read(KEY, sizeof KEY - 1, &key) == KEYS_FORM_GOOD);
        t->records = mem_alloc(1, sizeof *t->records);
        CHECK(t->records);
        t->n = 1;
        memcpy(t->records->id, key.id, sizeof key.id);
        memcpy(t->records->hash, key.hash, sizeof key.hash);
        t->records->requests_per_minute = 100;
        CHECK((t->records->origins = mem_strdup("")));
    }
    CHECK(auth_open(&config, NULL, t, &clock, &a) == STENO_OK);
    return a;
}

/* "name: value" and nothing else, each ended as lines of a head are. */
static void check_headers(const char *headers) {
    while (*headers) {
        size_t n = strcspn(headers, "\r\n"), name = strspn(headers, "abcdefghijklmnopqrstuvwxyz-");
        CHECK(headers[n] == '\r' && headers[n + 1] == '\n');
        CHECK(name > 0 && headers[name] == ':' && headers[name + 1] == ' ');
        headers += n + 2;
    }
}

static bool admitted(auth *a, const net_request *r, const char **owner) {
    static char id[KEYS_ID_CHARS + 1];
    auth_pass *pass;
    auth_refusal why;
    bool ok = auth_admit(a, r, AUTH_LIVE_STREAM, &pass, &why);
    CHECK(ok == (pass != NULL) && ok == (why.status == 0));
    check_headers(ok ? auth_headers(pass) : why.headers);
    if (ok) memcpy(id, auth_owner(pass), strlen(auth_owner(pass)) + 1);
    *owner = id;
    auth_leave(pass);
    return ok;
}

/* Without keys: no page but the own one, by no name but a safe one. */
static void check_keyless(const net_request *r) {
    static auth *a;
    char page[AUTH_ORIGIN_BYTES], again[AUTH_ORIGIN_BYTES];
    const char *owner;
    if (!a) a = make_auth(false);
    auth_page_of(r, page);
    if (page[0] && strcmp(page, "null") != 0)
        CHECK(auth_origin_read(page, strlen(page), again) && strcmp(page, again) == 0);
    if (!admitted(a, r, &owner)) return;
    CHECK(owner[0] == 0 && auth_host_safe(r->host, true, ""));
    CHECK(r->origin[0] == 0 || auth_origin_own(page, r->host, r->tls));
}

static void check_keyed(const net_request *r) {
    static auth *a;
    const char *owner;
    auth_given given = auth_given_key(r);
    bool right = given.text && given.n == sizeof KEY - 1 && memcmp(given.text, KEY, given.n) == 0;
    if (!a) a = make_auth(true);
    if (admitted(a, r, &owner)) CHECK(right && strcmp(owner, "abcdefgh") == 0);
}

static void check_hidden(const net_request *r) {
    net_request copy = *r;
    const char *protocol = auth_protocol(r);
    auth_hide_key(&copy);
    CHECK(!auth_given_key(&copy).text);
    CHECK(protocol ? strcmp(copy.protocols, protocol) == 0 : copy.protocols[0] == 0);
}

static void check_preflight(const net_request *r) {
    static auth *a;
    net_reply reply = {0};
    if (!a) a = make_auth(true);
    auth_preflight(a, r, &reply);
    CHECK(reply.status == 204 || reply.status == 403);
    if (reply.owned_headers) check_headers(reply.owned_headers);
    mem_free(reply.owned_headers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1), *line[LINES];
    CHECK(text);
    memcpy(text, data, size);
    text[size] = 0;
    char *at = text;
    for (int i = 0; i < LINES; i++) {
        line[i] = at;
        at += strcspn(at, "\n");
        if (*at) *at++ = 0;
    }
    net_request r = {.method = "GET",
                     .path = "/v1/stream",
                     .args = {line[2]},
                     .n_args = line[2][0] != 0,
                     .if_none_match = "",
                     .content_type = "",
                     .request_id = "",
                     .authorization = line[0],
                     .protocols = line[1],
                     .origin = line[3],
                     .host = line[4],
                     .peer = line[5],
                     .tls = size % 2};
    check_keyless(&r);
    check_keyed(&r);
    check_hidden(&r);
    check_preflight(&r);
    free(text);
    return 0;
}
