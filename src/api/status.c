/* status.c: what the server says over plain HTTP: how it is, and the files of its page. See service_int.h. */
#include "api/service_int.h"

#include "api/assets.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* The page may talk to this server and nobody else, and use the microphone. */
#define PAGE_HEADERS                                                                                                   \
    "cache-control: no-cache\r\n"                                                                                      \
    "content-security-policy: default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; "                 \
    "media-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"       \
    "permissions-policy: microphone=(self), camera=(), geolocation=()\r\n"                                             \
    "cross-origin-opener-policy: same-origin\r\n"                                                                      \
    "referrer-policy: no-referrer\r\n"                                                                                 \
    "x-content-type-options: nosniff\r\n"                                                                              \
    "x-frame-options: DENY\r\n"

/* ---- /v1/status ------------------------------------------------------------------------------------------------- */

static void put_integers(json_t *into, size_t n, const char *const names[], const uint64_t values[]) {
    for (size_t i = 0; i < n; i++) json_object_set_new(into, names[i], json_integer((json_int_t)values[i]));
}

#define COUNT(list) (sizeof(list) / sizeof(list)[0])

static json_t *engine_json(const engine_slot *slot) {
    steno_engine_stats s;
    steno_engine_get_stats(slot->engine, &s);
    static const char *const names[] = {"shards",
                                        "streams",
                                        "live",
                                        "opened",
                                        "refused",
                                        "ticks",
                                        "vad_frames",
                                        "gated_frames",
                                        "speech_frames",
                                        "encode_batches",
                                        "encode_utterances",
                                        "encode_rows",
                                        "decode_steps",
                                        "decode_rows",
                                        "partials",
                                        "partials_skipped",
                                        "finals",
                                        "finals_early",
                                        "draft_tokens",
                                        "draft_kept",
                                        "kv_pages",
                                        "kv_pages_free",
                                        "kv_pages_low",
                                        "audio_frames",
                                        "audio_frames_free",
                                        "segments",
                                        "segments_free",
                                        "waiting",
                                        "active"};
    const uint64_t values[] = {(uint64_t)s.shards,
                               (uint64_t)s.streams,
                               (uint64_t)s.live,
                               s.opened,
                               s.refused,
                               s.ticks,
                               s.vad_frames,
                               s.gated_frames,
                               s.speech_frames,
                               s.encode_batches,
                               s.encode_utterances,
                               s.encode_rows,
                               s.decode_steps,
                               s.decode_rows,
                               s.partials,
                               s.partials_skipped,
                               s.finals,
                               s.finals_early,
                               s.draft_tokens,
                               s.draft_kept,
                               (uint64_t)s.kv_pages,
                               (uint64_t)s.kv_pages_free,
                               (uint64_t)s.kv_pages_low,
                               (uint64_t)s.audio_frames,
                               (uint64_t)s.audio_frames_free,
                               (uint64_t)s.segments,
                               (uint64_t)s.segments_free,
                               (uint64_t)s.waiting,
                               (uint64_t)s.active};
    _Static_assert(COUNT(names) == COUNT(values), "a name for each");
    json_t *o = json_pack("{s:s, s:s, s:b, s:f, s:f, s:f, s:f}", "model", steno_model_name(slot->model), "language",
                          steno_model_language(slot->model), "overloaded", s.overloaded, "load", s.load, "stretch",
                          s.stretch, "busy_s", s.busy_s, "audio_s", s.audio_s);
    put_integers(o, COUNT(names), names, values);
    return o;
}

static const char *const refusals[REFUSED_KINDS] = {"parameters", "draining",        "streams",     "overload",
                                                    "speakers",   "unknown_session", "events_gone", "memory"};

const char *status_refusal_name(refusal r) {
    return refusals[r];
}

static json_t *refused_json(const service *v) {
    json_t *o = json_object();
    put_integers(o, REFUSED_KINDS, refusals, v->refused);
    return o;
}

static json_t *network_json(const service *v) {
    net_counts c;
    net_get_counts(v->net, &c);
    static const char *const names[] = {"connections", "websockets",     "accepted",   "refused",
                                        "requests",    "received_bytes", "sent_bytes", "pings_missed"};
    const uint64_t values[] = {(uint64_t)c.connections, (uint64_t)c.websockets, c.accepted,    c.refused, c.requests,
                               c.received_bytes,        c.sent_bytes,           c.pings_missed};
    json_t *o = json_object();
    put_integers(o, COUNT(names), names, values);
    return o;
}

static json_t *sessions_json(const service *v) {
    uint64_t coalesced = v->coalesced, stalled = 0, waiting = 0, unsent = 0;
    for (const session *s = v->first; s; s = s->next) {
        coalesced += s->out.coalesced;
        unsent += s->out.n_unsent;
        stalled += s->voice.stalled;
        waiting += !s->voice.over && !s->link;
    }
    static const char *const names[] = {
        "connected",    "waiting",     "ended",        "stalled", "opened",   "resumed", "expired",
        "slow_readers", "idle_closed", "bad_messages", "events",  "partials", "finals",  "partials_coalesced",
        "events_unsent"};
    const uint64_t values[] = {(uint64_t)v->connected,
                               waiting,
                               (uint64_t)v->ended,
                               stalled,
                               v->opened,
                               v->resumed,
                               v->expired,
                               v->slow_readers,
                               v->idle_closed,
                               v->bad_messages,
                               v->events,
                               v->partials,
                               v->finals,
                               coalesced,
                               unsent};
    _Static_assert(COUNT(names) == COUNT(values), "a name for each");
    json_t *o = json_object();
    put_integers(o, COUNT(names), names, values);
    return o;
}

static json_t *keys_json(const service *v) {
    auth_counts n;
    auth_get_counts(v->auth, &n);
    json_t *refused = json_object();
    for (int i = AUTH_OK + 1; i < AUTH_WHYS; i++)
        json_object_set_new(refused, auth_code((auth_why)i), json_integer((json_int_t)n.refused[i]));
    return json_pack("{s:i, s:i, s:I, s:I, s:o}", "keys", n.keys, "usable", n.usable, "admitted",
                     (json_int_t)n.admitted, "anonymous", (json_int_t)n.anonymous, "refused", refused);
}

void status_answer(call *c) {
    service *v = c->service;
    json_t *engines = json_array();
    for (const engine_slot *slot = v->slots; slot; slot = slot->next) json_array_append_new(engines, engine_json(slot));
    json_t *queue = v->jobs ? jobs_status(v->jobs) : NULL; /* no member */
    reply_json(c->reply, 200,
               json_pack("{s:s, s:f, s:b, s:I, s:o, s:o, s:o, s:o, s:o*, s:o}", "version", STENO_VERSION, "uptime_s",
                         (double)(net_now_ms() - v->started_ms) / 1000, "draining", v->draining, "reloads",
                         (json_int_t)v->reloads, "sessions", sessions_json(v), "refused", refused_json(v), "network",
                         network_json(v), "auth", keys_json(v), "jobs", queue, "engines", engines));
}

/* ---- health ----------------------------------------------------------------------------------------------------- */

void status_answer_health(call *c) {
    reply_json(c->reply, 200, json_pack("{s:b}", "ok", true));
}

void status_answer_ready(call *c) {
    steno_engine_stats s;
    steno_engine_get_stats(c->service->slots->engine, &s);
    if (c->service->draining)
        native_refuse(
            c->reply, c,
            &(call_refusal){.status = 503, .code = "draining", .message = "this server takes no new streams"});
    else if (s.overloaded)
        native_refuse(
            c->reply, c,
            &(call_refusal){.status = 503, .code = "overloaded", .message = "there is too much to do for new streams"});
    else
        reply_json(c->reply, 200, json_pack("{s:b}", "ready", true));
}

/* ---- the page --------------------------------------------------------------------------------------------------- */

static void answer_file(const asset *a, call *c) {
    static char etag[ASSET_ETAG_BYTES]; /* of this reply: its head is written before the next is made */
    asset_etag(a, etag);
    *c->reply = (net_reply){.status = 200,
                            .type = asset_type(a->path),
                            .etag = etag,
                            .headers = PAGE_HEADERS,
                            .body = a->bytes,
                            .bytes = (size_t)(a->end - a->bytes)};
    if (strstr(c->request->if_none_match, etag)) c->reply->status = 304;
}

static void answer_without_page(net_reply *reply) {
    static const char page[] = "<!doctype html><title>steno</title><p>steno is running; this build has no page.\n";
    *reply = (net_reply){.status = 200,
                         .type = "text/html; charset=utf-8",
                         .headers = PAGE_HEADERS,
                         .body = page,
                         .bytes = sizeof page - 1};
}

void status_answer_asset(call *c) {
    const asset *a = asset_find(c->request->path);
    if (a)
        answer_file(a, c);
    else if (strcmp(c->request->path, "/") == 0)
        answer_without_page(c->reply);
    else
        native_refuse(c->reply, c, &(call_refusal){.status = 404, .code = "not_found", .message = "no such page"});
}
