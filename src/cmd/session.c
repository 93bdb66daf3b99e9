/* session.c: see session.h. */
#include "cmd/session.h"

#include "cmd/cli.h"
#include "listen/segmenter.h"
#include "models/moonshine.h"
#include "privacy/find.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAX_THREADS 256
#define MAX_BATCH   MOONSHINE_MAX_BATCH
#define MIN_STREAMS 36

void session_help(void) {
    printf(
        "Recognition:\n"
        "  --model NAME           tiny (default) or base\n"
        "  --precision KIND       int8 (default) or fp32\n"
        "  --models-dir DIR       where the converted models are (default: $STENO_MODELS, else build/models, models\n"
        "                         beside the program, /usr/share/steno/models: the first that has them)\n"
        "  --threads N            compute threads, each with its own share of the work (default: one a core)\n"
        "  --max-batch N          segments decoded together on a thread (default 24)\n"
        "  --channels mix|split   all channels as one (default), or each channel by itself\n"
        "\nVoice activity:\n"
        "  --vad on|off           skip what is not speech (default on)\n"
        "  --vad-threshold P      speech starts at this probability (default 0.5)\n"
        "  --vad-neg-threshold P  and lasts down to this one (default: the threshold less 0.15)\n"
        "  --vad-min-speech-ms N  drop shorter bursts (default 96)\n"
        "  --vad-min-silence-ms N a pause this long ends a long segment (default 400)\n"
        "  --vad-join-ms N        and one this long a short segment (default 2000; 0: no joining)\n"
        "  --vad-pad-ms N         sound kept before and after speech (default 300)\n"
        "  --max-segment-s S      cut longer speech at its best pause (default 20)\n");
}

void session_privacy_help(void) {
    printf(
        "Personal data:\n"
        "  --redact HOW           mask: [PHONE] stands in its place; redact: 138****5678; tag: json says where it is;\n"
        "                         off (default)\n"
        "  --redact-types LIST    what is looked for: default, all, pci, numbers, names, or kinds: phone, card,\n"
        "                         person … (steno-redact(1) has them all)\n"
        "  --redact-rules FILE    rules and allow-lists of your own\n"
        "  --itn                  write spoken numbers, dates and amounts in digits\n");
}

void session_options_init(session_options *o) {
    *o = (session_options){.model = {.name = "tiny", .precision = "int8"}, .channels = MEDIA_MIX};
    steno_engine_config_init(&o->engine);
    steno_vad_options_init(&o->vad);
    steno_speakers_options_init(&o->speakers);
    policy_init(&o->policy);
}

/* What an option takes: a number in a range, or one of some words. */
typedef struct range {
    double lowest, highest;
    int *whole;
    float *real;
    const char *words;
} range;

static range wholes(double lowest, double highest, int *out) {
    return (range){.lowest = lowest, .highest = highest, .whole = out};
}

static range reals(double lowest, double highest, float *out) {
    return (range){.lowest = lowest, .highest = highest, .real = out};
}

static range range_of(session_options *o, int code) {
    steno_vad_options *vad = &o->vad;
    switch (code) {
    case SESSION_MODEL:
        return (range){.words = "tiny or base"};
    case SESSION_PRECISION:
        return (range){.words = "int8 or fp32"};
    case SESSION_MODELS_DIR:
        return (range){.words = "the name of a folder"};
    case SESSION_CHANNELS:
        return (range){.words = "mix or split"};
    case SESSION_VAD:
        return (range){.words = "on or off"};
    case SESSION_THREADS:
        return wholes(1, MAX_THREADS, &o->engine.shards);
    case SESSION_MAX_BATCH:
        return wholes(1, MAX_BATCH, &o->engine.max_batch);
    case SESSION_VAD_THRESHOLD:
        return reals(0, 1, &vad->threshold);
    case SESSION_VAD_NEG_THRESHOLD:
        return reals(0, 1, &vad->neg_threshold);
    case SESSION_VAD_MIN_SPEECH_MS:
        return wholes(0, SEGMENTER_MAX_SPEECH_MS, &vad->min_speech_ms);
    case SESSION_VAD_MIN_SILENCE_MS:
        return wholes(1, SEGMENTER_MAX_PAUSE_MS, &vad->min_silence_ms);
    case SESSION_VAD_JOIN_MS:
        return wholes(0, SEGMENTER_MAX_JOIN_MS, &vad->join_ms);
    case SESSION_VAD_PAD_MS:
        return wholes(0, SEGMENTER_MAX_PAD_MS, &vad->pad_ms);
    default:
        return reals(SEGMENTER_MIN_SEGMENT_S, SEGMENTER_MAX_SEGMENT_S, &vad->max_segment_s);
    }
}

static bool one_of(const char *value, const char *a, const char *b) {
    return strcmp(value, a) == 0 || strcmp(value, b) == 0;
}

/* True when the value is one the option takes. */
static bool take_word(session_options *o, int code, const char *value) {
    switch (code) {
    case SESSION_MODEL:
        o->model.name = value;
        return one_of(value, "tiny", "base");
    case SESSION_PRECISION:
        o->model.precision = value;
        return one_of(value, "int8", "fp32");
    case SESSION_MODELS_DIR:
        o->model.dir = value;
        return value[0] != 0;
    case SESSION_CHANNELS:
        o->channels = strcmp(value, "split") == 0 ? MEDIA_SPLIT : MEDIA_MIX;
        return one_of(value, "mix", "split");
    default:
        return cli_switch(value, &o->vad.enabled);
    }
}

static int take_privacy(session_options *o, const char *command, int code, const char *value) {
    steno_err e = STENO_OK;
    switch (code) {
    case SESSION_REDACT:
        e = policy_parse_mode(value, strlen(value), &o->policy.mode);
        break;
    case SESSION_REDACT_TYPES:
        e = entity_parse_set(value, strlen(value), &o->policy.types);
        break;
    case SESSION_REDACT_RULES:
        o->redact_rules = value;
        break;
    default:
        o->policy.itn = true;
    }
    if (e == STENO_OK) return 0;
    return cli_usage(command, "--%s: %s", code == SESSION_REDACT ? "redact" : "redact-types", steno_error_detail());
}

int session_option(session_options *o, const char *command, int code, const char *value) {
    static const struct option names[] = {SESSION_LONG_OPTIONS};
    if (code < SESSION_MODEL || code >= SESSION_OPTION_LAST) return -1;
    if (code >= SESSION_REDACT) return take_privacy(o, command, code, value);
    const char *name = names[code - SESSION_MODEL].name;
    range r = range_of(o, code);
    if (r.words) {
        if (take_word(o, code, value)) return 0;
        return cli_usage(command, "--%s cannot be '%s': want %s", name, value, r.words);
    }
    if (code == SESSION_VAD_NEG_THRESHOLD) o->neg_threshold_given = true;
    if (r.whole ? cli_int(value, (int)r.lowest, (int)r.highest, r.whole)
                : cli_float(value, r.lowest, r.highest, r.real))
        return 0;
    return cli_usage(command, "--%s cannot be '%s': want a%s number from %g to %g", name, value,
                     r.whole ? " whole" : "", r.lowest, r.highest);
}

int session_options_check(session_options *o, const char *command) {
    segmenter trial;
    if (o->engine.shards == 0) {
        long cores = sysconf(_SC_NPROCESSORS_ONLN);
        o->engine.shards = cores < 1 ? 1 : cores > MAX_THREADS ? MAX_THREADS : (int)cores;
    }
    if (!o->neg_threshold_given) {
        o->vad.neg_threshold = o->vad.threshold - 0.15f;
        if (o->vad.neg_threshold < 0.01f) o->vad.neg_threshold = 0.01f;
    }
    if (segmenter_init(&trial, &o->vad) != STENO_OK) return cli_usage(command, "%s", steno_error_detail());
    return 0;
}

steno_err session_open_privacy(const session_options *o, privacy **out) {
    *out = NULL;
    if (o->policy.mode == REDACT_OFF) return STENO_OK;
    return privacy_open(&(privacy_options){.rules_path = o->redact_rules}, out);
}

steno_err session_open(session *s, const session_options *o) {
    *s = (session){0};
    steno_engine_config config = o->engine;
    int enough = 5 * config.max_batch * config.shards / 4; /* a batch in work, and some waiting */
    config.max_streams = enough > MIN_STREAMS ? enough : MIN_STREAMS;
    steno_model_options model = o->model;
    model.no_voices = o->speakers.contract == STENO_SPEAKERS_OFF;
    if (!model.no_voices) config.max_speaker_streams = config.max_streams;
    steno_err e = media_host_start(NULL, &s->host);
    if (e == STENO_OK) e = session_open_privacy(o, &s->privacy);
    if (e == STENO_OK) e = steno_model_open(&model, &s->model);
    if (e == STENO_OK) e = steno_engine_open(s->model, &config, &s->engine);
    if (e != STENO_OK) {
        session_close(s);
        return e;
    }
    s->feed = (feeder_config){.host = s->host,
                              .engine = s->engine,
                              .vad = o->vad,
                              .channels = o->channels,
                              .speakers = o->speakers,
                              .privacy = s->privacy,
                              .policy = o->policy,
                              .max_decoders = 2 + 2 * config.shards,
                              .max_streams = config.max_streams,
                              .stop_fd = -1};
    media_limits_init(&s->feed.limits);
    return STENO_OK;
}

void session_close(session *s) {
    if (s->engine) steno_engine_close(s->engine);
    if (s->model) steno_model_close(s->model);
    privacy_close(s->privacy);
    if (s->host) media_host_stop(s->host);
    *s = (session){0};
}
