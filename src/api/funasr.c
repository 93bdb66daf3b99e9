/* funasr.c: FunASR's protocol on a wire. See funasr.h.
 *
 * A connection carries recordings one after the other, each to its `is_speaking: false`. The next may begin before the results of the
 * one before are known: what is said of it meanwhile is kept until then. One voice hears them all, since ending one would mean
 * not to listen until it has ended. In 2pass and online what has settled of a partial is said at once, and the client adds it to what
 * it shows; finals of 2pass replace that. In offline a result waits for the next one or the end, since the last one of a recording says so.
 */
#include "api/funasr.h"

#include "api/events.h"
#include "api/funasr_message.h"
#include "api/wire.h"

#include <string.h>

#define FUNASR_OFFERS_BYTES 256   /* of sub-protocols that are looked at */
#define FUNASR_AHEAD_MS     60000 /* how far audio may come ahead of time */
#define FUNASR_TAIL_MS      40 /* of silence behind a recording: the engine ends utterances at whole frames of 32 ms */
#define FUNASR_ENDED_MAX    2 /* a second end is not taken by the engine, and nothing is read, before the first is done */
#define FUNASR_TAIL_BYTES   (PCM_MAX_HZ / 1000 * FUNASR_TAIL_MS * 2)

/* One recording of a connection. */
typedef struct funasr_recording {
    funasr_options options;
    double base_s; /* where it begins in all that was heard */
} funasr_recording;

typedef struct funasr {
    funasr_recording of[FUNASR_ENDED_MAX + 1]; /* [0]: results are of it; [ended]: messages and audio are */
    int ended;                                 /* so many have ended whose last result is not known yet */
    funasr_shown shown;
    bool said;       /* something of the recording was shown */
    json_t *waiting; /* offline: the newest result, until it is known whether it is the last */
    bool started;    /* audio has come */
} funasr;

static void fail(wire *w, int code, const char *reason) {
    const char *text = steno_error_detail();
    wire_say(w, OUTBOX_KEEP, 0, json_pack("{s:o}", "error", events_string(text, strlen(text))));
    wire_close(w, code, reason);
}

static void fail_engine(wire *w, steno_err e) {
    bool full = e == STENO_E_LIMIT || e == STENO_E_AGAIN;
    fail(w, full ? 1013 : 1011, full ? "no room for another stream" : "the stream cannot go on");
}

/* No recording is under way. */
static steno_err open_voice(wire *w, funasr *f) {
    pcm_format format = {.encoding = PCM_S16LE, .rate_hz = f->of[0].options.rate_hz, .channels = 1};
    f->of[0].base_s = 0;
    f->started = false;
    return wire_open(w, 1, &format, NULL);
}

/* ---- messages --------------------------------------------------------------------------------------------------- */

static void finish(wire *w, funasr *f) {
    static const unsigned char tail[FUNASR_TAIL_BYTES];
    funasr_recording *r = &f->of[f->ended];
    if (f->ended == FUNASR_ENDED_MAX) {
        (void)!err_fail(STENO_E_LIMIT, "more than %d recordings wait for their results", FUNASR_ENDED_MAX);
        fail(w, 1008, "too many recordings");
        return;
    }
    size_t bytes = (size_t)r->options.rate_hz / 1000 * FUNASR_TAIL_MS * 2;
    steno_err e = f->started ? wire_audio(w, 0, tail, bytes) : STENO_OK;
    if (e != STENO_OK) {
        fail_engine(w, e);
        return;
    }
    r[1] = (funasr_recording){.options = r->options, .base_s = wire_audio_s(w, 0)};
    r[1].options.ends = r[1].options.is_end = false;
    r[1].options.warning[0] = 0;
    f->ended++;
    wire_finalize(w);
}

/* Another rate needs another voice, which can be had between recordings. */
static void on_text(wire *w, void *state, const char *text, size_t n) {
    funasr *f = state;
    funasr_recording *r = &f->of[f->ended];
    int had_hz = r->options.rate_hz;
    bool under_way = f->ended > 0 || wire_audio_s(w, 0) > r->base_s;
    steno_err e = funasr_read(&r->options, text, n, under_way);
    if (e != STENO_OK) {
        fail(w, e == STENO_E_FORMAT ? 1007 : 1008, "a message that makes no sense");
        return;
    }
    wire_redact(w, &r->options.redact);
    if (r->options.rate_hz != had_hz) e = open_voice(w, f);
    if (e != STENO_OK)
        fail_engine(w, e);
    else if (r->options.ends)
        finish(w, f);
}

static void on_binary(wire *w, void *state, const unsigned char *bytes, size_t n, bool first, bool last) {
    funasr *f = state;
    (void)first;
    (void)last;
    f->started = true;
    steno_err e = wire_audio(w, 0, bytes, n);
    if (e != STENO_OK) fail_engine(w, e);
}

/* ---- the engine ------------------------------------------------------------------------------------------------- */

static void say(wire *w, json_t *o) {
    wire_say(w, OUTBOX_KEEP, 0, o);
}

static void say_new(wire *w, funasr *f, const released_segment *s, size_t n) {
    size_t more;
    const char *text = funasr_new(&f->shown, s->id, s->text, n, &more);
    if (!more || f->of[0].options.mode == FUNASR_OFFLINE) return;
    say(w, funasr_online(&f->of[0].options, text, more,
                         f->said && f->of[0].options.mode == FUNASR_ONLINE && text == s->text, false));
    f->said = true;
}

static void say_waiting(wire *w, funasr *f) {
    json_t *o = f->waiting;
    f->waiting = NULL;
    if (o) say(w, o);
}

static void on_final(wire *w, funasr *f, const released_segment *s) {
    if (f->of[0].options.mode == FUNASR_ONLINE) {
        say_new(w, f, s, strlen(s->text));
        return;
    }
    if (!*s->text && f->of[0].options.mode == FUNASR_OFFLINE) return;
    json_t *o = funasr_offline(&f->of[0].options, s, f->of[0].base_s, false);
    if (f->of[0].options.mode == FUNASR_2PASS || !o) {
        say(w, o);
        return;
    }
    say_waiting(w, f);
    f->waiting = o;
}

static bool make_last(const funasr *f, json_t *o) {
    return json_object_set_new(o, "is_final", json_true()) == 0 &&
           (!f->of[0].options.is_end || json_object_set_new(o, "is_end", json_true()) == 0);
}

/* The end of a recording: what was told of the next one counts from now on. */
static void on_end(wire *w, funasr *f) {
    json_t *o = f->waiting;
    f->waiting = NULL;
    if (o && !make_last(f, o)) {
        json_decref(o);
        o = NULL;
    } else if (!o) {
        o = f->of[0].options.mode == FUNASR_ONLINE ? funasr_online(&f->of[0].options, "", 0, false, true)
                                                   : funasr_offline(&f->of[0].options, NULL, f->of[0].base_s, true);
    }
    say(w, o);
    f->said = false;
    if (f->ended == 0) return; /* the server goes away */
    memmove(f->of, f->of + 1, sizeof f->of - sizeof *f->of);
    f->ended--;
}

static void on_event(wire *w, void *state, int channel, const released_event *e) {
    funasr *f = state;
    (void)channel;
    if (e->kind == STENO_EVENT_PARTIAL)
        say_new(w, f, &e->segment, e->segment.stable_bytes);
    else if (e->kind == STENO_EVENT_SEGMENT)
        on_final(w, f, &e->segment);
    else if (e->kind == STENO_EVENT_FINALIZED || (e->kind == STENO_EVENT_DONE && f->started))
        on_end(w, f);
    else if (e->kind == STENO_EVENT_ERROR) {
        (void)!err_fail(e->error, "%s", e->detail);
        fail(w, 1011, "recognition failed");
    }
}

/* ---- connections ------------------------------------------------------------------------------------------------ */

/* FunASR's own client offers the sub-protocol "binary" and some libraries want it back. */
static bool offers_binary(const net_request *r) {
    char offers[FUNASR_OFFERS_BYTES] = "";
    (void)net_header(r, "sec-websocket-protocol", offers, sizeof offers);
    for (const char *at = offers; *at;) {
        at += strspn(at, ", \t");
        size_t n = strcspn(at, ", \t");
        if (n == strlen("binary") && strncmp(at, "binary", n) == 0) return true;
        at += n;
    }
    return false;
}

static bool begin(wire *w, void *state, call *c) {
    funasr *f = state;
    funasr_init(&f->of[0].options);
    steno_err e = open_voice(w, f);
    if (e == STENO_OK) {
        if (offers_binary(c->request)) c->reply->protocol = "binary";
        return true;
    }
    native_refuse(c->reply, c,
                  &(call_refusal){.status = 503,
                                  .code = e == STENO_E_LIMIT   ? "full"
                                          : e == STENO_E_AGAIN ? "overloaded"
                                                               : "nomem",
                                  .message = steno_error_detail(),
                                  .retry_after_s = 2});
    return false;
}

static void end(wire *w, void *state) {
    funasr *f = state;
    (void)w;
    json_decref(f->waiting);
}

static const dialect funasr_dialect = {.name = "funasr",
                                       .state_bytes = sizeof(funasr),
                                       .ahead_ms = FUNASR_AHEAD_MS,
                                       .begin = begin,
                                       .text = on_text,
                                       .binary = on_binary,
                                       .event = on_event,
                                       .end = end};

const net_conn_handler *funasr_upgrade(call *c, void **user) {
    return wire_upgrade(c, &funasr_dialect, user);
}
