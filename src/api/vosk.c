/* vosk.c: vosk-server's protocol on a wire. See vosk.h; what is replied is vosk_replies.h's to say.
 *
 * Most of vosk's clients send a piece and wait for the reply before they send the next. With a microphone that keeps time by
 * itself. With a file only the reply does: it waits until the client is no more than VOSK_SPEED_MAX times as fast as speech, so
 * that partials and results come near the pieces they belong to. Who does not wait for replies gets them at once.
 */
#include "api/vosk.h"

#include "api/events.h"
#include "api/pace.h"
#include "api/service.h"
#include "api/vosk_json.h"
#include "api/vosk_replies.h"
#include "api/wire.h"
#include "base/mem.h"

#include <string.h>

#define VOSK_AHEAD_MS    60000 /* how far audio may come ahead of time */
#define VOSK_SPEED_MAX   4     /* of a client that waits for replies */
#define VOSK_SLACK_MS    100   /* a microphone's pieces need not come evenly */
#define VOSK_CATCH_UP_MS 10000
#define WAV_HEAD_BYTES   36 /* of a RIFF header, what tells the rate */
#define WAV_CHANNELS_AT  22
#define WAV_RATE_AT      24
#define WAV_BITS_AT      34

typedef struct vosk {
    vosk_replies replies;
    net_timer *timer; /* made when a reply first has to wait */
    pace pace;        /* of replies: audio counts a VOSK_SPEED_MAX-th */
    double paced_s;   /* audio that counts already */
    bool started;     /* audio has come */
    bool finishing;   /* `eof` has come: nothing counts any more */
} vosk;

/* ---- replies ---------------------------------------------------------------------------------------------------- */

/* Steals the object; NULL: no memory. */
static void say(wire *w, json_t *object) {
    size_t n;
    char *text = object ? vosk_json(object, &n) : NULL;
    json_decref(object);
    if (text)
        wire_say_bytes(w, OUTBOX_KEEP, 0, text, n);
    else
        wire_close(w, 1011, "out of memory");
    mem_free(text);
}

static void fail(wire *w, int code, const char *text, const char *reason) {
    say(w, json_pack("{s:o}", "error", events_string(text, strlen(text))));
    wire_close(w, code, reason);
}

static void on_timer(void *ctx);

/* A reply that is awaited may have to wait. False: there is no timer to be had. */
static bool put_off(wire *w, vosk *v, int64_t now_ms) {
    int wait_ms = v->finishing ? 0 : pace_wait_ms(&v->pace, now_ms);
    if (wait_ms <= 0 || !vosk_awaited(&v->replies)) return false;
    if (!v->timer) v->timer = net_timer_open(service_net(wire_service(w)), on_timer, w);
    if (!v->timer) return false;
    net_timer_set(v->timer, wait_ms);
    return true;
}

static void say_all(wire *w, vosk *v) {
    while (vosk_owed(&v->replies) > 0) {
        json_t *o = vosk_reply(&v->replies);
        bool made = o != NULL;
        say(w, o);
        if (!made) return;
    }
    if (v->replies.over) wire_close(w, v->finishing ? 1000 : 1001, v->finishing ? "" : "the server is going away");
}

static void answer(wire *w, vosk *v) {
    if (vosk_owed(&v->replies) > 0 && !put_off(w, v, net_now_ms())) say_all(w, v);
}

static void on_timer(void *ctx) {
    answer(ctx, wire_state(ctx));
}

/* ---- messages --------------------------------------------------------------------------------------------------- */

static steno_err open_voice(wire *w, const vosk *v) {
    pcm_format f = {.encoding = PCM_S16LE, .rate_hz = v->replies.options.rate_hz, .channels = 1};
    return wire_open(w, 1, &f, NULL);
}

static void fail_engine(wire *w, steno_err e) {
    bool full = e == STENO_E_LIMIT || e == STENO_E_AGAIN;
    fail(w, full ? 1013 : 1011, steno_error_detail(), full ? "no room for another stream" : "the stream cannot go on");
}

static void owe(wire *w, vosk *v, vosk_kind kind) {
    if (vosk_owe(&v->replies, kind) != STENO_OK) {
        fail(w, 1008, steno_error_detail(), "too many messages wait");
        return;
    }
    if (kind == VOSK_RESET) wire_finalize(w);
    if (kind == VOSK_EOF) {
        v->finishing = true;
        wire_finish(w);
    }
    answer(w, v);
}

/* A configuration before the first audio takes the place of the one that was let in with. */
static void on_configured(wire *w, vosk *v) {
    steno_err e = v->started ? STENO_OK : open_voice(w, v);
    if (e != STENO_OK) fail_engine(w, e);
}

static void on_text(wire *w, void *state, const char *text, size_t n) {
    vosk *v = state;
    vosk_kind kind;
    if (v->finishing) return;
    steno_err e = vosk_read(&v->replies, text, n, wire_model(w), v->started, &kind);
    if (e != STENO_OK)
        fail(w, e == STENO_E_FORMAT ? 1007 : 1008, steno_error_detail(), "a message that makes no sense");
    else if (kind == VOSK_CONFIG)
        on_configured(w, v);
    else
        owe(w, v, kind);
}

/* vosk's C++ server takes its two texts in a binary message, too; as audio they would be half samples. */
static bool is_text(const unsigned char *bytes, size_t n) {
    static const char eof[] = "{\"eof\" : 1}", reset[] = "{\"reset\" : 1}";
    return (n == sizeof eof - 1 && memcmp(bytes, eof, n) == 0) ||
           (n == sizeof reset - 1 && memcmp(bytes, reset, n) == 0);
}

/* Many clients send a WAV file as it is and never say its rate. */
static int wav_rate(const unsigned char *b, size_t n) {
    if (n < WAV_HEAD_BYTES || memcmp(b, "RIFF", 4) != 0 || memcmp(b + 8, "WAVEfmt ", 8) != 0) return 0;
    int hz = (int)(b[WAV_RATE_AT] | (unsigned)b[WAV_RATE_AT + 1] << 8 | (unsigned)b[WAV_RATE_AT + 2] << 16);
    bool usable = b[WAV_CHANNELS_AT] == 1 && b[WAV_BITS_AT] == 16 && hz >= PCM_MIN_HZ && hz <= PCM_MAX_HZ;
    return usable && b[WAV_RATE_AT + 3] == 0 ? hz : -1;
}

static steno_err begin_audio(wire *w, vosk *v, const unsigned char *bytes, size_t n) {
    int hz = wav_rate(bytes, n), had_hz = v->replies.options.rate_hz;
    v->started = true;
    if (hz < 0) vosk_warn(&v->replies, "the WAV header says that this is not 16-bit mono of 8000 to 48000 Hz");
    if (hz <= 0 || hz == had_hz) return STENO_OK;
    if (v->replies.options.rate_given) {
        vosk_warn(&v->replies, "sample_rate is %d, but the WAV header says %d", had_hz, hz);
        return STENO_OK;
    }
    v->replies.options.rate_hz = hz;
    return open_voice(w, v);
}

static void on_binary(wire *w, void *state, const unsigned char *bytes, size_t n, bool first, bool last) {
    vosk *v = state;
    steno_err e = STENO_OK;
    if (v->finishing) return;
    if (first && last && is_text(bytes, n)) {
        on_text(w, state, (const char *)bytes, n);
        return;
    }
    if (!v->started) e = begin_audio(w, v, bytes, n);
    if (e == STENO_OK) e = wire_audio(w, 0, bytes, n);
    if (e != STENO_OK) {
        fail_engine(w, e);
        return;
    }
    if (!last) return;
    double audio_s = wire_audio_s(w, 0);
    pace_take(&v->pace, (audio_s - v->paced_s) * 1000 / VOSK_SPEED_MAX, net_now_ms());
    v->paced_s = audio_s;
    owe(w, v, VOSK_AUDIO);
}

/* ---- the engine ------------------------------------------------------------------------------------------------- */

/* The server goes away: what was said and not asked for is said all the same. */
static void on_done(wire *w, vosk *v) {
    if (!v->finishing && v->replies.ended && vosk_owe(&v->replies, VOSK_EOF) == STENO_OK)
        v->replies.turns[v->replies.n_turns - 1].ready = true;
    say_all(w, v);
}

static void on_event(wire *w, void *state, int channel, const released_event *e) {
    vosk *v = state;
    (void)channel;
    if (e->kind == STENO_EVENT_ERROR) {
        fail(w, 1011, e->detail, "recognition failed");
        return;
    }
    steno_err failed = vosk_hear(&v->replies, e);
    if (failed != STENO_OK)
        fail(w, failed == STENO_E_LIMIT ? 1008 : 1011, steno_error_detail(), "results are not asked for");
    else if (e->kind == STENO_EVENT_DONE)
        on_done(w, v);
    else
        answer(w, v);
}

/* ---- connections ------------------------------------------------------------------------------------------------ */

static bool refuse(const call *c, int status, const char *code) {
    native_refuse(
        c->reply, c,
        &(call_refusal){
            .status = status, .code = code, .message = steno_error_detail(), .retry_after_s = status == 503 ? 2 : 0});
    return false;
}

/* The query may say what `config` says. */
static steno_err read_query(vosk *v, const call *c, const char *model) {
    for (int i = 0; i < c->request->n_args; i++) {
        char name[NET_ARG_BYTES_MAX];
        const char *arg = c->request->args[i];
        size_t n = strcspn(arg, "=");
        if (n >= sizeof name || n == 0) continue;
        memcpy(name, arg, n);
        name[n] = 0;
        json_t *value = json_string(arg[n] ? arg + n + 1 : "");
        steno_err e = vosk_option(&v->replies, name, value, model, false);
        json_decref(value);
        ERR_TRY(e);
    }
    return STENO_OK;
}

static bool begin(wire *w, void *state, call *c) {
    vosk *v = state;
    vosk_replies_init(&v->replies);
    pace_init(&v->pace, VOSK_SLACK_MS, VOSK_CATCH_UP_MS);
    if (read_query(v, c, wire_model(w)) != STENO_OK) return refuse(c, 400, "bad_parameter");
    steno_err e = open_voice(w, v);
    if (e == STENO_OK) return true;
    return refuse(c, 503, e == STENO_E_LIMIT ? "full" : e == STENO_E_AGAIN ? "overloaded" : "nomem");
}

static void end(wire *w, void *state) {
    vosk *v = state;
    (void)w;
    if (v->timer) net_timer_close(v->timer);
    vosk_replies_free(&v->replies);
}

static const dialect vosk_dialect = {.name = "vosk",
                                     .state_bytes = sizeof(vosk),
                                     .ahead_ms = VOSK_AHEAD_MS,
                                     .begin = begin,
                                     .text = on_text,
                                     .binary = on_binary,
                                     .event = on_event,
                                     .end = end};

const net_conn_handler *vosk_upgrade(call *c, void **user) {
    return wire_upgrade(c, &vosk_dialect, user);
}
