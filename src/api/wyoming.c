/* wyoming.c: Wyoming on a wire: commands in, transcripts out. See wyoming.h.
 *
 * A connection carries any number of requests one after the other. A request is `transcribe` (which may be left out),
 * `audio-start`, `audio-chunk`s, `audio-stop`; its answer is every final as a `transcript-chunk` when it is known, and the whole
 * text as `transcript`. What makes no sense is answered by `error`, and the connection ends: a client that waits for a
 * transcript would wait for ever.
 */
#include "api/wyoming.h"

#include "api/wire.h"
#include "api/wyoming_event.h"
#include "api/wyoming_frame.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

#define WYOMING_AHEAD_MS 60000 /* how far audio may come ahead of time */

typedef enum wyoming_stage {
    WYOMING_READY,    /* no audio is under way */
    WYOMING_TALKING,  /* between audio-start and audio-stop */
    WYOMING_FINISHING /* the transcript is due */
} wyoming_stage;

typedef struct wyoming {
    wyoming_reader reader;
    wyoming_stage stage;
    pcm_format format;
    bool taking;       /* the payload under way is audio */
    bool streaming;    /* transcript-start was said */
    bool over;         /* an error was said: nothing counts any more */
    wyoming_text text; /* of the finals so far */
    char warning[WYOMING_WARNING_BYTES_MAX];
} wyoming;

/* ---- said ------------------------------------------------------------------------------------------------------- */

static void say(wire *w, const char *type, json_t *data, bool has_data) {
    size_t n;
    char *bytes = data || !has_data ? wyoming_write(type, data, &n) : NULL;
    if (bytes)
        wire_say_bytes(w, OUTBOX_KEEP, 0, bytes, n);
    else
        wire_close(w, 1011, "out of memory");
    mem_free(bytes);
}

static void fail(wire *w, const char *code, const char *text) {
    wyoming *y = wire_state(w);
    say(w, "error", wyoming_error(code, text), true);
    wire_close(w, 1008, "");
    y->over = true;
}

static const char *code_of(steno_err e) {
    switch (e) {
    case STENO_E_LIMIT:
        return "limit";
    case STENO_E_AGAIN:
        return "overloaded";
    case STENO_E_UNSUPPORTED:
        return "unsupported";
    case STENO_E_FORMAT:
        return "bad-event";
    case STENO_E_INVALID:
        return "bad-value";
    default:
        return "failed";
    }
}

static void fail_with(wire *w, steno_err e) {
    fail(w, code_of(e), steno_error_detail());
}

/* ---- requests --------------------------------------------------------------------------------------------------- */

static void forget_request(wyoming *y) {
    wyoming_text_free(&y->text);
    y->streaming = false;
    y->stage = WYOMING_READY;
}

static void start(wire *w, wyoming *y, const pcm_format *format) {
    steno_err e = wire_open(w, 1, format, NULL);
    if (e != STENO_OK) {
        fail_with(w, e);
        return;
    }
    forget_request(y);
    y->format = *format;
    y->stage = WYOMING_TALKING;
}

static void on_start(wire *w, wyoming *y, const json_t *data) {
    pcm_format format;
    steno_err e = wyoming_format(data, &format);
    if (e != STENO_OK)
        fail_with(w, e);
    else if (y->stage == WYOMING_READY)
        start(w, y, &format);
    else
        fail(w, "bad-order", "audio-start: the audio before has not ended, or its transcript is not known yet");
}

/* Some clients leave audio-start out; every chunk tells its format. */
static void on_chunk(wire *w, wyoming *y, const json_t *data, size_t payload_bytes) {
    pcm_format format;
    steno_err e = wyoming_format(data, &format);
    if (e != STENO_OK) {
        fail_with(w, e);
        return;
    }
    if (y->stage == WYOMING_READY) start(w, y, &format);
    if (y->over) return;
    if (y->stage == WYOMING_FINISHING)
        fail(w, "bad-order", "audio-chunk: it comes after audio-stop");
    else if (format.rate_hz != y->format.rate_hz || format.channels != y->format.channels)
        fail(w, "bad-value", "audio-chunk: its format is not audio-start's");
    y->taking = payload_bytes > 0;
}

static void on_stop(wire *w, wyoming *y) {
    if (y->stage != WYOMING_TALKING) {
        fail(w, "bad-order", "audio-stop: no audio has begun");
        return;
    }
    y->stage = WYOMING_FINISHING;
    wire_finish(w);
}

static void on_transcribe(wire *w, wyoming *y, const json_t *data) {
    steno_err e = wyoming_transcribe(data, wire_model(w), wire_language(w), y->warning);
    if (e != STENO_OK) fail_with(w, e);
}

/* Requests that somebody would wait for an answer to. Other events that are not for us are told as they happen ("played",
 * "voice-started"), and the protocol wants them passed over. */
static bool wants_more(const char *type) {
    static const char *const others[] = {"synthesize", "synthesize-start", "detect",
                                         "recognize",  "run-pipeline",     "run-satellite"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (strcmp(type, others[i]) == 0) return true;
    }
    return false;
}

static void on_request(wire *w, wyoming *y, const wyoming_item *item) {
    const char *type = item->type;
    y->taking = false;
    if (strcmp(type, "audio-chunk") == 0)
        on_chunk(w, y, item->data, item->payload_bytes);
    else if (strcmp(type, "audio-start") == 0)
        on_start(w, y, item->data);
    else if (strcmp(type, "audio-stop") == 0)
        on_stop(w, y);
    else if (strcmp(type, "transcribe") == 0)
        on_transcribe(w, y, item->data);
    else if (strcmp(type, "describe") == 0)
        say(w, "info", wyoming_info(wire_model(w), wire_language(w)), true);
    else if (strcmp(type, "ping") == 0)
        say(w, "pong", wyoming_pong(item->data), true);
    else if (wants_more(type))
        fail(w, "unsupported", "this server transcribes and does nothing else: see its info");
}

static void on_binary(wire *w, void *state, const unsigned char *bytes, size_t n, bool first, bool last) {
    wyoming *y = state;
    wyoming_item item = {.kind = WYOMING_NOTHING};
    int64_t now_ms = net_now_ms();
    steno_err e;
    (void)first;
    (void)last;
    while ((e = wyoming_read(&y->reader, &bytes, &n, now_ms, &item)) == STENO_OK && item.kind != WYOMING_NOTHING) {
        if (item.kind == WYOMING_EVENT)
            on_request(w, y, &item);
        else if (y->taking)
            e = wire_audio(w, 0, item.bytes, item.n);
        if (e != STENO_OK || y->over) break;
    }
    if (e != STENO_OK) fail_with(w, e);
}

/* ---- the engine ------------------------------------------------------------------------------------------------- */

static void on_final(wire *w, wyoming *y, const char *text) {
    const char *chunk;
    if (!*text) return;
    steno_err e = wyoming_text_add(&y->text, text, &chunk);
    if (e != STENO_OK) {
        fail_with(w, e);
        return;
    }
    if (!y->streaming) say(w, "transcript-start", json_pack("{s:s}", "language", wire_language(w)), true);
    y->streaming = true;
    say(w, "transcript-chunk", json_pack("{s:s}", "text", chunk), true);
}

/* The voices go, so that a connection that stays is as idle as it looks. */
static void on_done(wire *w, wyoming *y) {
    if (!y->streaming) say(w, "transcript-start", json_pack("{s:s}", "language", wire_language(w)), true);
    say(w, "transcript", wyoming_transcript(&y->text, wire_language(w), y->warning), true);
    say(w, "transcript-stop", NULL, false);
    y->warning[0] = 0;
    forget_request(y);
    (void)!wire_open(w, 0, &y->format, NULL);
}

static void on_event(wire *w, void *state, int channel, const released_event *e) {
    (void)channel;
    if (e->kind == STENO_EVENT_SEGMENT)
        on_final(w, state, e->segment.text);
    else if (e->kind == STENO_EVENT_DONE)
        on_done(w, state);
    else if (e->kind == STENO_EVENT_ERROR)
        fail(w, "failed", e->detail);
}

/* ---- connections ------------------------------------------------------------------------------------------------ */

static bool begin(wire *w, void *state, call *c) {
    (void)w;
    (void)state;
    (void)c;
    return true;
}

static void tick(wire *w, void *state, int64_t now_ms) {
    const wyoming *y = state;
    if (!y->over && wyoming_late(&y->reader, now_ms)) fail(w, "limit", "an event did not become whole in time");
}

static void end(wire *w, void *state) {
    wyoming *y = state;
    (void)w;
    wyoming_reader_free(&y->reader);
    wyoming_text_free(&y->text);
}

static const dialect wyoming_dialect = {.name = "wyoming",
                                        .state_bytes = sizeof(wyoming),
                                        .ahead_ms = WYOMING_AHEAD_MS,
                                        .begin = begin,
                                        .binary = on_binary,
                                        .event = on_event,
                                        .tick = tick,
                                        .end = end};

static const net_conn_handler *on_accept(void *ctx, const char *peer, void **user) {
    return wire_accept(ctx, &wyoming_dialect, peer, user);
}

steno_err wyoming_listen(service *v, const char *bind, int port, char address[80]) {
    return net_listen_raw(service_net(v), &(net_raw_config){.bind = bind, .port = port, .ctx = v, .accept = on_accept},
                          address);
}
