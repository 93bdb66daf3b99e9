/* deepgram_live.c: Deepgram's live protocol on a wire. See deepgram.h. */
#include "api/deepgram_int.h"
#include "api/deepgram_turn.h"
#include "api/deepgram_wav.h"
#include "api/diarize.h"
#include "api/wire.h"

#include <string.h>

#define AHEAD_MS       0 /* as configured */
#define FRAME_BYTES    (4 * DEEPGRAM_CHANNELS_MAX)
#define NOT_AUDIO      "DATA-0000: the payload cannot be decoded as audio"
#define NOTHING_CAME   "NET-0001: no audio data or text message came within 10 s"
#define NO_STREAM      "NET-0000: the server takes no more streams now"
#define NOT_RECOGNISED "NET-0000: recognition failed"

_Static_assert(DEEPGRAM_CHANNELS_MAX <= WIRE_CHANNELS_MAX, "a voice a channel");
_Static_assert(DEEPGRAM_CHANNELS_MAX <= 8, "message numbers have three bits for the channel");

typedef struct live {
    deepgram_query query;
    deepgram_about about;
    bool ready;        /* the format is known, voices are open */
    pcm_format format; /* of the stream, all channels */
    deepgram_wav wav;  /* without an encoding */
    unsigned char carry[FRAME_BYTES];
    unsigned n_carry; /* the front of a sample of all channels */
    deepgram_turn turns[DEEPGRAM_CHANNELS_MAX];
    EVP_MD_CTX *sum;
    int64_t created_ms;
    bool finishing; /* CloseStream came */
} live;

/* ---- the beginning ---------------------------------------------------------------------------------------------- */

static steno_err open_voices(wire *w, live *l) {
    steno_live_options options;
    steno_speakers_options speakers;
    pcm_format one = l->format;
    int n = l->query.multichannel ? l->format.channels : 1;
    deepgram_query_live(&l->query, wire_defaults(w), &options);
    wire_redact(w, &l->query.redact);
    if (l->query.multichannel) one.channels = 1;
    steno_speakers_options_init(&speakers);
    speakers.contract = STENO_SPEAKERS_DELAYED; /* what is final stays, and cannot be said again … */
    speakers.hold_ms = 0;                       /* … so its labels come with it */
    ERR_TRY(wire_open_speakers(w, n, &one, &options, l->query.diarize ? &speakers : NULL));
    l->about.channels = n;
    l->ready = true;
    return STENO_OK;
}

/* Browsers give their key as a sub-protocol and go on only if it is accepted. */
static const char *offered(const char *protocols) {
    static const char *const names[] = {"token", "bearer"};
    size_t n = strcspn(protocols, ", ");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strlen(names[i]) == n && memcmp(protocols, names[i], n) == 0) return names[i];
    }
    return NULL;
}

static bool refuse_busy(const call *c, steno_err e) {
    call_refusal why = {.status = 503, .code = steno_err_name(e), .message = steno_error_detail(), .retry_after_s = 2};
    deepgram_refuse(c->reply, c, &why);
    return false;
}

static bool begin(wire *w, void *state, call *c) {
    live *l = state;
    l->about = (deepgram_about){.request_id = wire_id(w), .model = wire_model(w), .query = &l->query, .channels = 1};
    l->created_ms = deepgram_calendar_ms();
    if (!deepgram_read_query(c, DEEPGRAM_LIVE, wire_model(w), wire_language(w), &l->query)) return false;
    if (l->query.diarize && !diarize_served(wire_service(w)) && deepgram_query_no_speakers(&l->query) != STENO_OK)
        return refuse_busy(c, STENO_E_NOMEM);
    l->format = l->query.audio;
    steno_err e = l->query.raw ? open_voices(w, l) : STENO_OK;
    if (e == STENO_OK && !(l->sum = deepgram_sum_start())) e = err_fail(STENO_E_NOMEM, "no memory for a stream");
    if (e != STENO_OK) return refuse_busy(c, e);
    deepgram_headers(c->reply, wire_id(w), &l->query);
    if (!c->reply->protocol) c->reply->protocol = offered(c->request->protocols);
    return true;
}

static void end(wire *w, void *state) {
    live *l = state;
    (void)w;
    deepgram_query_free(&l->query);
    EVP_MD_CTX_free(l->sum);
}

/* ---- the end ---------------------------------------------------------------------------------------------------- */

static void say_error(wire *w, const char *variant, const char *description) {
    wire_say(w, OUTBOX_KEEP, 0,
             json_pack("{s:s, s:s, s:s, s:s}", "type", "Error", "variant", variant, "description", description,
                       "message", description));
}

/* `reason` begins with Deepgram's name for it. */
static void fail(wire *w, int code, const char *reason) {
    char variant[16] = "";
    memcpy(variant, reason, strcspn(reason, ":"));
    say_error(w, variant, steno_error_detail());
    wire_close(w, code, reason);
}

static double audio_s(const wire *w) {
    double longest = 0;
    for (int i = 0; i < wire_channels(w); i++) longest = wire_audio_s(w, i) > longest ? wire_audio_s(w, i) : longest;
    return longest;
}

static void say_metadata(wire *w, live *l) {
    char sum[DEEPGRAM_SHA256_BYTES];
    deepgram_sum_end(l->sum, sum);
    l->sum = NULL;
    json_t *o = deepgram_metadata(&l->about, sum, l->created_ms, audio_s(w));
    if (o && json_object_set_new(o, "type", json_string("Metadata")) != 0) {
        json_decref(o);
        o = NULL;
    }
    wire_say(w, OUTBOX_KEEP, 0, o);
}

/* The last words are out. Whoever did not ask for the end is told why by the wire. */
static void finished(wire *w, live *l) {
    if (!l->sum) return;
    say_metadata(w, l);
    if (l->finishing) wire_close(w, 1000, "");
}

static void close_stream(wire *w, live *l) {
    if (l->finishing) return;
    l->finishing = true;
    if (wire_done(w))
        finished(w, l);
    else
        wire_finish(w);
}

/* ---- words ------------------------------------------------------------------------------------------------------ */

static uint32_t message_of(const released_event *e, int channel) {
    return (e->segment.id + 1) << 3 | (uint32_t)channel;
}

static void say_utterance_end(wire *w, live *l, int channel) {
    deepgram_turn *t = &l->turns[channel];
    if (deepgram_turn_ended(t, &l->about, wire_audio_s(w, channel)))
        wire_say(w, OUTBOX_KEEP, 0, deepgram_turn_end(t, &l->about, channel));
}

static void on_speech(wire *w, live *l, int channel, const released_event *e) {
    json_t *o = deepgram_turn_speech(&l->turns[channel], &l->about, channel, e);
    if (l->query.vad_events)
        wire_say(w, OUTBOX_KEEP, 0, o);
    else
        json_decref(o);
}

static void on_done(wire *w, live *l, int channel) {
    deepgram_turn *t = &l->turns[channel];
    if (deepgram_turn_open_ended(t, &l->about))
        wire_say(w, OUTBOX_KEEP, 0, deepgram_turn_close(t, &l->about, channel, wire_audio_s(w, channel)));
    if (wire_done(w)) finished(w, l);
}

static void event(wire *w, void *state, int channel, const released_event *e) {
    live *l = state;
    deepgram_turn *t = &l->turns[channel];
    switch (e->kind) {
    case STENO_EVENT_SPEECH:
        on_speech(w, l, channel, e);
        break;
    case STENO_EVENT_PARTIAL:
        wire_say(w, OUTBOX_PARTIAL, message_of(e, channel), deepgram_turn_words(t, &l->about, channel, e));
        break;
    case STENO_EVENT_SEGMENT:
        wire_say(w, OUTBOX_FINAL, message_of(e, channel), deepgram_turn_words(t, &l->about, channel, e));
        say_utterance_end(w, l, channel);
        break;
    case STENO_EVENT_FINALIZED:
        if (deepgram_turn_finalized(t))
            wire_say(w, OUTBOX_KEEP, 0, deepgram_turn_finalize(t, &l->about, channel, wire_audio_s(w, channel)));
        break;
    case STENO_EVENT_DONE:
        on_done(w, l, channel);
        break;
    case STENO_EVENT_ERROR:
        say_error(w, "NET-0000", e->detail);
        wire_close(w, 1011, NOT_RECOGNISED);
        break;
    default:
        break;
    }
}

/* ---- audio ------------------------------------------------------------------------------------------------------ */

static size_t sample_bytes(const pcm_format *f) {
    return f->encoding == PCM_F32LE ? 4 : f->encoding == PCM_S16LE ? 2 : 1;
}

/* One channel of n whole frames. */
static steno_err take_channel(wire *w, const live *l, int channel, const unsigned char *frames, size_t n) {
    unsigned char one[NET_READ_BYTES + FRAME_BYTES];
    size_t sample = sample_bytes(&l->format), frame = sample * (size_t)l->format.channels;
    for (size_t i = 0; i < n; i++) memcpy(one + i * sample, frames + i * frame + (size_t)channel * sample, sample);
    return wire_audio(w, channel, one, n * sample);
}

/* n <= NET_READ_BYTES bytes of all channels. */
static steno_err take_samples(wire *w, live *l, const unsigned char *bytes, size_t n) {
    unsigned char all[NET_READ_BYTES + FRAME_BYTES];
    if (wire_channels(w) == 1) return wire_audio(w, 0, bytes, n);
    size_t frame = sample_bytes(&l->format) * (size_t)l->format.channels;
    memcpy(all, l->carry, l->n_carry);
    memcpy(all + l->n_carry, bytes, n);
    n += l->n_carry;
    l->n_carry = (unsigned)(n % frame);
    memcpy(l->carry, all + n - l->n_carry, l->n_carry);
    for (int i = 0; i < wire_channels(w); i++) ERR_TRY(take_channel(w, l, i, all, n / frame));
    return STENO_OK;
}

static steno_err open_wav(wire *w, live *l) {
    l->format = l->wav.format;
    if (!l->query.multichannel && l->format.channels > PCM_MAX_CHANNELS)
        return err_fail(STENO_E_UNSUPPORTED, "a WAV file of %d channels, without multichannel=true",
                        l->format.channels);
    return open_voices(w, l);
}

static steno_err take_wav(wire *w, live *l, const unsigned char *bytes, size_t n) {
    while (n) {
        size_t used, n_audio;
        const unsigned char *audio;
        ERR_TRY(deepgram_wav_push(&l->wav, bytes, n, &used, &audio, &n_audio));
        if (n_audio && !l->ready) ERR_TRY(open_wav(w, l));
        if (n_audio) ERR_TRY(take_samples(w, l, audio, n_audio));
        bytes += used;
        n -= used;
    }
    return STENO_OK;
}

static void refuse_audio(wire *w, steno_err e) {
    bool busy = e == STENO_E_LIMIT || e == STENO_E_AGAIN || e == STENO_E_NOMEM;
    if (busy)
        fail(w, 1011, NO_STREAM);
    else
        fail(w, 1008, NOT_AUDIO);
}

static void binary(wire *w, void *state, const unsigned char *bytes, size_t n, bool first, bool last) {
    live *l = state;
    if (l->finishing || !l->sum) return;
    if (n == 0) {
        if (first && last) close_stream(w, l); /* an empty message is Deepgram's older CloseStream */
        return;
    }
    EVP_DigestUpdate(l->sum, bytes, n);
    steno_err e = l->query.raw ? take_samples(w, l, bytes, n) : take_wav(w, l, bytes, n);
    if (e != STENO_OK) {
        refuse_audio(w, e);
        return;
    }
    for (int i = 0; i < wire_channels(w); i++) say_utterance_end(w, l, i);
}

/* ---- controls --------------------------------------------------------------------------------------------------- */

/* Of all channels, though one may be named: what the others have buffered comes a little earlier. */
static void finalize(wire *w, live *l) {
    if (l->ready)
        wire_finalize(w);
    else
        wire_say(w, OUTBOX_KEEP, 0, deepgram_turn_finalize(&l->turns[0], &l->about, 0, 0));
}

static void control(wire *w, live *l, const json_t *o) {
    const char *type = json_string_value(json_object_get(o, "type"));
    if (!type)
        say_error(w, "UnparsableClientMessage", "a text message is an object with a 'type'");
    else if (strcmp(type, "CloseStream") == 0)
        close_stream(w, l);
    else if (strcmp(type, "Finalize") == 0)
        finalize(w, l);
    else if (strcmp(type, "Configure") == 0)
        say_error(w, "UnparsableClientMessage", "Configure: a stream stays as its query says");
    else if (strcmp(type, "KeepAlive") != 0)
        say_error(w, "UnparsableClientMessage", "type: want KeepAlive, Finalize or CloseStream");
}

static void text(wire *w, void *state, const char *bytes, size_t n) {
    live *l = state;
    if (l->finishing) return;
    json_t *o = json_loadb(bytes, n, 0, NULL);
    control(w, l, o);
    json_decref(o);
}

static void tick(wire *w, void *state, int64_t now_ms) {
    const live *l = state;
    if (l->finishing || now_ms - wire_heard_ms(w) < DEEPGRAM_SILENCE_MS) return;
    (void)err_fail(STENO_E_CANCELLED, "no audio data or text message came within %d s", DEEPGRAM_SILENCE_MS / 1000);
    fail(w, 1011, NOTHING_CAME);
}

static const dialect deepgram = {.name = "deepgram",
                                 .state_bytes = sizeof(live),
                                 .ahead_ms = AHEAD_MS,
                                 .begin = begin,
                                 .text = text,
                                 .binary = binary,
                                 .event = event,
                                 .tick = tick,
                                 .end = end};

const net_conn_handler *deepgram_upgrade(call *c, void **user) {
    return wire_upgrade(c, &deepgram, user);
}
