/* live_remote.c: `steno live --url`: a client of a server's /v1/stream (docs/protocol.md).
 *
 * One loop: the WebSocket's own, left every STEP_MS to look at the source and at requests to stop. Nothing is sent before
 * `ready`, and nothing is read from the source before what was read is sent, so a server that is slow slows the source.
 */
#include "api/params.h"
#include "cmd/live_int.h"
#include "net/ws_client.h"

#include <stdlib.h>
#include <string.h>

#define STEP_MS        10
#define GOODBYE_S      30 /* a server that does not answer `close` by then is left */
#define STATUS_NO_KEY  401
#define STATUS_LIMITED 429
#define STATUS_NO_KEY  401
#define STATUS_LIMITED 429
#define STATUS_BUSY    503
#define CODE_NORMAL    1000

typedef struct remote {
    live *l;
    ws_client *client;
    ws_conn *conn;
    bool ready, close_sent, closed, done;
    double close_sent_s;
    steno_err error;
    char detail[ERR_DETAIL_BYTES]; /* of `error`: written in handlers, said at the end */
} remote;

/* The first failure explains the others. */
static void fail(remote *r, steno_err e) {
    if (r->error != STENO_OK) return;
    r->error = e;
    snprintf(r->detail, sizeof r->detail, "%s", steno_error_detail());
}

/* ---- what the connection says ----------------------------------------------------------------------------------- */

static void on_opened(void *user) {
    (void)user; /* `ready` is what counts */
}

/* 16-bit samples of what is due. True when something was sent. */
static bool send_audio(remote *r) {
    live *l = r->l;
    unsigned char bytes[LIVE_CHUNK_SAMPLES * 2];
    int wait_ms;
    size_t n = live_due(l, feeder_clock_s(), &wait_ms);
    if (n == 0 || l->stops > 0) return false;
    for (size_t i = 0; i < n; i++) {
        float x = l->chunk[l->at + i] * 32768.0f;
        int value = (int)(x < 0 ? x - 0.5f : x + 0.5f);
        value = value > 32767 ? 32767 : value < -32768 ? -32768 : value;
        bytes[2 * i] = (unsigned char)(value & 255);
        bytes[2 * i + 1] = (unsigned char)(value >> 8 & 255);
    }
    if (ws_conn_send(r->conn, false, bytes, 2 * n) != STENO_OK) fail(r, STENO_E_IO);
    l->at += n;
    l->sent += n;
    if (live_fill(l) == STENO_OK && live_due(l, feeder_clock_s(), &wait_ms) > 0) ws_conn_want_write(r->conn);
    return true;
}

static void on_writable(void *user) {
    static const char goodbye[] = "{\"type\":\"close\"}";
    remote *r = user;
    if (!r->ready || r->close_sent || send_audio(r)) return;
    if (!r->l->ended && r->l->stops == 0) return;
    if (ws_conn_send(r->conn, true, goodbye, sizeof goodbye - 1) != STENO_OK) fail(r, STENO_E_IO);
    r->close_sent = true;
    r->close_sent_s = feeder_clock_s();
}

/* The event as it came, on one line. */
static void put_json(remote *r, const char *bytes, size_t n) {
    for (size_t i = 0; i < n; i++) putc(bytes[i] == '\n' || bytes[i] == '\r' ? ' ' : bytes[i], r->l->out);
    putc('\n', r->l->out);
    if (fflush(r->l->out) != 0 || ferror(r->l->out)) fail(r, err_fail(STENO_E_IO, "standard output is gone"));
}

static void on_message(void *user, bool text, const char *bytes, size_t n) {
    remote *r = user;
    live_event e;
    if (!text || r->error != STENO_OK) return;
    if (live_event_parse(bytes, n, &e) != STENO_OK) {
        fail(r, STENO_E_FORMAT);
        return;
    }
    if (e.kind == LIVE_READY) r->ready = true;
    if (e.kind == LIVE_CLOSED) r->closed = true;
    steno_err shown = STENO_OK;
    if (r->l->json)
        put_json(r, bytes, n);
    else
        shown = live_show(r->l, &e);
    if (shown != STENO_OK) fail(r, shown);
    if (e.kind == LIVE_ERROR && e.fatal) fail(r, err_fail(STENO_E_INTERNAL, "the server says: %s: %s", e.code, e.what));
    live_event_free(&e);
}

static void on_closed(void *user, const ws_end *end) {
    remote *r = user;
    r->done = true;
    r->conn = NULL;
    if (r->closed || (r->close_sent && end->code == CODE_NORMAL)) return;
    if (end->http_status == STATUS_BUSY || end->code == WS_CLIENT_CODE_MASKED)
        fail(r,
             err_fail(STENO_E_AGAIN, "the server is full; try again later")); /* 1013: 1012 comes only to who resumes */
    else if (!end->opened && end->http_status == STATUS_NO_KEY)
        fail(r,
             err_fail(STENO_E_INVALID, "the server wants a key that it knows: STENO_KEY=steno_… in the environment"));
    else if (!end->opened && end->http_status == STATUS_LIMITED)
        fail(r, err_fail(STENO_E_AGAIN, "the server says that this key has had enough for now"));
    else if (!end->opened && end->http_status)
        fail(r, err_fail(STENO_E_IO, "the server refused the stream: status %d", end->http_status));
    else if (!end->opened)
        fail(r, err_fail(STENO_E_IO, "cannot connect: %s", end->reason));
    else
        fail(r, err_fail(STENO_E_IO, "the server ended the connection: code %d%s%s", end->code,
                         end->reason[0] ? ": " : "", end->reason));
}

/* ---- the loop --------------------------------------------------------------------------------------------------- */

/* As a part of an address. False: no room. */
static bool put_escaped(char *url, size_t room, size_t *at, const char *text) {
    for (; *text; text++) {
        bool plain = (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') || (*text >= '0' && *text <= '9');
        int n = snprintf(url + *at, room - *at, plain ? "%c" : "%%%02X", (unsigned char)*text);
        if (n < 0 || (size_t)n >= room - *at) return false;
        *at += (size_t)n;
    }
    return true;
}

static steno_err add_speakers(const live *l, char *url, size_t room) {
    const steno_speakers_options *o = &l->speakers;
    size_t at = strlen(url);
    if (o->contract == STENO_SPEAKERS_OFF) return STENO_OK;
    int n = snprintf(url + at, room - at, "&speakers=%s&max_speakers=%d&hold_ms=%d", params_contract_name(o->contract),
                     o->max_speakers, o->hold_ms);
    bool fits = n > 0 && (size_t)n < room - at;
    at += fits ? (size_t)n : 0;
    for (int i = 0; fits && i < o->n_voices; i++) {
        n = snprintf(url + at, room - at, i ? "%%2C" : "&voices=");
        fits = n > 0 && (size_t)n < room - at;
        at += fits ? (size_t)n : 0;
        fits = fits && put_escaped(url, room, &at, l->voices[i].name);
    }
    return fits ? STENO_OK : err_fail(STENO_E_LIMIT, "the address is too long");
}

static steno_err add_redaction(const session_options *o, char *url, size_t room) {
    char types[320];
    size_t at = strlen(url);
    bool masks = o->policy.mode != REDACT_OFF;
    entity_print_set(o->policy.types, types, sizeof types);
    int n = snprintf(url + at, room - at, "%s%s%s%s", o->policy.itn ? "&itn=true" : "", masks ? "&redact=" : "",
                     masks ? policy_mode_name(o->policy.mode) : "", masks ? "&redact_types=" : "");
    bool fits = n >= 0 && (size_t)n < room - at;
    at += fits ? (size_t)n : 0;
    fits = fits && (!masks || put_escaped(url, room, &at, types));
    return fits ? STENO_OK : err_fail(STENO_E_LIMIT, "the address is too long");
}

static steno_err connect_to(remote *r) {
    static const ws_handler handler = {on_opened, on_writable, on_message, on_closed};
    const live *l = r->l;
    const steno_live_options *o = &l->options;
    char url[WS_CLIENT_URL_BYTES_MAX];
    int n = snprintf(
        url, sizeof url,
        "%s%cencoding=pcm_s16le&sample_rate=%d&endpoint_ms=%d&unfinished_ms=%d&max_utterance_s=%g&partial_ms=%d",
        l->url, strchr(l->url, '?') ? '&' : '?', STENO_SAMPLE_RATE_HZ, o->endpoint_ms, o->unfinished_ms,
        (double)o->max_utterance_s, o->partial_ms);
    if (n < 0 || (size_t)n >= sizeof url) return err_fail(STENO_E_LIMIT, "the address is too long");
    ERR_TRY(add_speakers(l, url, sizeof url));
    ERR_TRY(add_redaction(&l->session, url, sizeof url));
    ERR_TRY(ws_client_open(&handler, 1, strncmp(l->url, "wss:", 4) == 0, &r->client));
    const char *key = getenv("STENO_KEY"); /* not an option: those are for everybody to see */
    if (key && *key) ws_client_set_key(r->client, key);
    return ws_open(r->client, url, r, &r->conn);
}

/* Fills the chunk, and asks for a turn when there is something to say. */
static steno_err move(remote *r) {
    live *l = r->l;
    int wait_ms = 0;
    steno_err e = l->stops > 0 ? STENO_OK : live_fill(l);
    if (e != STENO_OK && e != STENO_E_AGAIN) return e;
    if (!r->conn || !r->ready || r->close_sent) return STENO_OK;
    if (l->stops > 0 || l->ended || live_due(l, feeder_clock_s(), &wait_ms) > 0) ws_conn_want_write(r->conn);
    return STENO_OK;
}

steno_err live_run_remote(live *l) {
    remote r = {.l = l};
    steno_err e = connect_to(&r);
    while (e == STENO_OK && !r.done && r.error == STENO_OK) {
        e = move(&r);
        if (e == STENO_OK) ws_client_step(r.client, STEP_MS * 1000);
        if (live_stopped(l)) e = err_fail(STENO_E_CANCELLED, "interrupted");
        if (r.close_sent && feeder_clock_s() - r.close_sent_s > GOODBYE_S)
            e = err_fail(STENO_E_IO, "the server does not answer 'close'");
    }
    ws_client_close(r.client);
    if (e == STENO_OK && r.error != STENO_OK) e = err_fail(r.error, "%s", r.detail);
    return e;
}
