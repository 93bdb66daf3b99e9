/* funasr_message.c: see funasr_message.h. */
#include "api/funasr_message.h"

#include "api/events.h"
#include "api/warning.h"
#include "audio/pcm.h"
#include "base/mem.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void funasr_init(funasr_options *o) {
    *o = (funasr_options){.rate_hz = FUNASR_DEFAULT_HZ, .wav_name = "demo"};
}

/* ---- asked for ----------------------------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void warn(funasr_options *o, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    warning_add(o->warning, sizeof o->warning, fmt, args);
    va_end(args);
}

static steno_err set_mode(funasr_options *o, const json_t *value) {
    static const char *const names[] = {"2pass", "online", "offline"};
    const char *wanted = json_string_value(value);
    for (int i = 0; wanted && i < 3; i++) {
        if (strcmp(wanted, names[i]) != 0) continue;
        o->mode = (funasr_mode)i;
        return STENO_OK;
    }
    return err_fail(STENO_E_INVALID, "mode: want 2pass, online or offline");
}

static steno_err set_rate(funasr_options *o, const json_t *value, bool started) {
    double hz = json_number_value(value);
    if (!json_is_number(value) || hz < PCM_MIN_HZ || hz > PCM_MAX_HZ || hz != floor(hz))
        return err_fail(STENO_E_INVALID, "audio_fs: want a whole number from %d to %d", PCM_MIN_HZ, PCM_MAX_HZ);
    if (started && (int)hz != o->rate_hz)
        warn(o, "audio_fs: audio has begun, it stays %d", o->rate_hz);
    else
        o->rate_hz = (int)hz;
    return STENO_OK;
}

static steno_err set_format(const json_t *value) {
    const char *wanted = json_string_value(value);
    if (wanted && (strcmp(wanted, "pcm") == 0 || strcmp(wanted, "PCM") == 0)) return STENO_OK;
    return err_fail(STENO_E_INVALID, "wav_format: only pcm comes over this protocol; send other files to /v1/listen");
}

static steno_err set_speaking(funasr_options *o, const json_t *value) {
    if (!json_is_boolean(value)) return err_fail(STENO_E_INVALID, "is_speaking: want true or false");
    o->ends = json_is_false(value);
    return STENO_OK;
}

static bool empty(const json_t *value) {
    return json_is_null(value) || (json_is_string(value) && json_string_length(value) == 0);
}

/* Clients of the original send these with every stream, tuned for its models. */
static bool is_tuning(const char *name) {
    static const char *const names[] = {"chunk_size", "chunk_interval", "encoder_chunk_look_back",
                                        "decoder_chunk_look_back"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i]) == 0) return true;
    }
    return false;
}

static steno_err set(funasr_options *o, const char *name, const json_t *value, bool started) {
    if (strcmp(name, "mode") == 0) return set_mode(o, value);
    if (strcmp(name, "audio_fs") == 0) return set_rate(o, value, started);
    if (strcmp(name, "wav_format") == 0) return set_format(value);
    if (strcmp(name, "is_speaking") == 0) return set_speaking(o, value);
    if (strcmp(name, "is_end") == 0)
        o->is_end = json_is_true(value);
    else if (strcmp(name, "wav_name") == 0)
        snprintf(o->wav_name, sizeof o->wav_name, "%s", json_is_string(value) ? json_string_value(value) : "demo");
    else if (strcmp(name, "hotwords") == 0 || strcmp(name, "hotword") == 0) {
        if (!empty(value)) warn(o, "%s: not used", name);
    } else if (strcmp(name, "itn") == 0) {
        o->redact.has_itn = true;
        o->redact.itn = json_is_true(value);
        if (json_is_false(value)) warn(o, "itn: numbers are always as the model writes them");
    } else
        warn(o, is_tuning(name) ? "%.40s: not used" : "%.40s: there is no such option", name);
    return STENO_OK;
}

steno_err funasr_read(funasr_options *o, const char *text, size_t n, bool started) {
    json_error_t why;
    const char *name;
    json_t *value, *message = json_loadb(text, n, 0, &why);
    funasr_options next = *o;
    steno_err e = STENO_OK;
    if (!message) return err_fail(STENO_E_FORMAT, "a text message is not JSON: %s", why.text);
    if (!json_is_object(message)) e = err_fail(STENO_E_FORMAT, "a text message is not an object");
    next.ends = next.is_end = false;
    json_object_foreach(message, name, value) {
        if (e == STENO_OK) e = set(&next, name, value, started);
    }
    json_decref(message);
    if (e == STENO_OK) *o = next;
    return e;
}

/* ---- results -------------------------------------------------------------------------------------------------------- */

const char *funasr_new(funasr_shown *s, uint32_t id, const char *text, size_t n, size_t *more) {
    if (s->id != id) *s = (funasr_shown){.id = id};
    size_t from = s->bytes < n ? s->bytes : n;
    while (from < n && ((unsigned char)text[from] & 0xc0) == 0x80) from++; /* the final may be cut elsewhere */
    *more = n - from;
    if (n > s->bytes) s->bytes = n;
    return text + from;
}

static json_t *result(funasr_options *o, const char *mode, json_t *text, bool last) {
    json_t *r = json_pack("{s:s, s:o, s:o, s:b}", "mode", mode, "wav_name",
                          events_string(o->wav_name, strlen(o->wav_name)), "text", text, "is_final", last);
    bool complete = r && (!last || !o->is_end || json_object_set_new(r, "is_end", json_true()) == 0);
    if (complete && o->warning[0])
        complete = json_object_set_new(r, "warning", events_string(o->warning, strlen(o->warning))) == 0;
    if (complete) {
        o->warning[0] = 0;
        return r;
    }
    json_decref(r);
    return NULL;
}

json_t *funasr_online(funasr_options *o, const char *text, size_t n, bool apart, bool last) {
    json_t *t = apart ? json_sprintf(" %.*s", (int)n, text) : events_string(text, n);
    return result(o, o->mode == FUNASR_2PASS ? "2pass-online" : "online", t, last);
}

static json_int_t milliseconds(double s) {
    return s > 0 ? (json_int_t)llround(s * 1000) : 0;
}

static json_t *times_of(const released_segment *s, double base_s) {
    json_t *list = json_array();
    for (uint32_t i = 0; list && i < s->n_words; i++) {
        json_t *pair =
            json_pack("[I, I]", milliseconds(s->words[i].start_s - base_s), milliseconds(s->words[i].end_s - base_s));
        if (pair && json_array_append_new(list, pair) == 0) continue;
        json_decref(list);
        return NULL;
    }
    return list;
}

/* An utterance is one sentence of theirs: its text without the mark at its end, and the mark. */
static json_t *sentences_of(const released_segment *s, double base_s, json_t *times) {
    size_t n = strlen(s->text), mark = n && strchr(".,!?;:", s->text[n - 1]) ? 1 : 0;
    return json_pack("[{s:o, s:o, s:I, s:I, s:O}]", "text_seg", events_string(s->text, n - mark), "punc",
                     events_string(s->text + n - mark, mark), "start", milliseconds(s->start_s - base_s), "end",
                     milliseconds(s->end_s - base_s), "ts_list", times);
}

/* The list of times stands in the result as a text. */
static bool add_times(json_t *r, const released_segment *s, double base_s) {
    json_t *times = times_of(s, base_s);
    char *text = times ? json_dumps(times, JSON_COMPACT) : NULL;
    bool added = text && json_object_set_new(r, "timestamp", json_string(text)) == 0 &&
                 json_object_set_new(r, "stamp_sents", sentences_of(s, base_s, times)) == 0;
    free(text);
    json_decref(times);
    return added;
}

json_t *funasr_offline(funasr_options *o, const released_segment *s, double base_s, bool last) {
    const char *text = s ? s->text : "";
    json_t *r =
        result(o, o->mode == FUNASR_2PASS ? "2pass-offline" : "offline", events_string(text, strlen(text)), last);
    if (!r || !s || s->n_words == 0 || add_times(r, s, base_s)) return r;
    json_decref(r);
    return NULL;
}
