/* wyoming_event.c: see wyoming_event.h. */
#include "api/wyoming_event.h"

#include "api/events.h"
#include "api/warning.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SAMPLE_BYTES 2
#define TEXT_FIRST   256

/* ---- asked for ------------------------------------------------------------------------------------------------------ */

static steno_err whole(const json_t *data, const char *name, int lowest, int highest, int *out) {
    const json_t *value = json_object_get(data, name);
    if (!json_is_integer(value) || json_integer_value(value) < lowest || json_integer_value(value) > highest)
        return lowest == highest ? err_fail(STENO_E_INVALID, "%s: want %d", name, lowest)
                                 : err_fail(STENO_E_INVALID, "%s: want %d to %d", name, lowest, highest);
    *out = (int)json_integer_value(value);
    return STENO_OK;
}

steno_err wyoming_format(const json_t *data, pcm_format *out) {
    int width;
    *out = (pcm_format){.encoding = PCM_S16LE};
    ERR_TRY(whole(data, "rate", PCM_MIN_HZ, PCM_MAX_HZ, &out->rate_hz));
    ERR_TRY(whole(data, "width", SAMPLE_BYTES, SAMPLE_BYTES, &width));
    return whole(data, "channels", 1, PCM_MAX_CHANNELS, &out->channels);
}

__attribute__((format(printf, 2, 3))) static void warn(char warning[WYOMING_WARNING_BYTES_MAX], const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    warning_add(warning, WYOMING_WARNING_BYTES_MAX, fmt, args);
    va_end(args);
}

/* "en", "EN", "en-US" and "en_GB" are all English. */
static bool speaks(const char *asked, const char *language) {
    size_t n = strcspn(asked, "-_");
    return n == strlen(language) && strncasecmp(asked, language, n) == 0;
}

steno_err wyoming_transcribe(const json_t *data, const char *model, const char *language,
                             char warning[WYOMING_WARNING_BYTES_MAX]) {
    const char *member;
    json_t *value;
    warning[0] = 0;
    json_object_foreach((json_t *)data, member, value) {
        const char *text = json_string_value(value);
        if (json_is_null(value)) continue;
        if (strcmp(member, "language") == 0) {
            if (!text || !speaks(text, language))
                return err_fail(STENO_E_UNSUPPORTED, "language: this server understands '%s' only", language);
        } else if (strcmp(member, "name") == 0) {
            if (!text || strcmp(text, model) != 0) warn(warning, "name: there is no such model, '%s' was used", model);
        } else {
            warn(warning, "%.40s: not used", member);
        }
    }
    return STENO_OK;
}

/* ---- said ----------------------------------------------------------------------------------------------------------- */

/* {"name", "description", "version", "installed", "attribution"} with more behind it. */
static json_t *artifact(const char *name, const char *description, const char *by, const char *url) {
    return json_pack("{s:s, s:s, s:s, s:b, s:{s:s, s:s}}", "name", name, "description", description, "version",
                     STENO_VERSION, "installed", 1, "attribution", "name", by, "url", url);
}

static json_t *model_info(const char *model, const char *language) {
    json_t *o = artifact(model, "Moonshine", "Useful Sensors", "https://github.com/usefulsensors/moonshine");
    if (o && json_object_set_new(o, "languages", json_pack("[s]", language)) == 0) return o;
    json_decref(o);
    return NULL;
}

/* Home Assistant tells by requires_external_vad whether it is to find the end of a command; it is: `audio-stop` ends ours. */
static json_t *program_info(const char *model, const char *language) {
    json_t *o = artifact("steno", "steno speech server", "steno", "");
    json_t *more =
        json_pack("{s:[o], s:b, s:b, s:b, s:b}", "models", model_info(model, language), "supports_transcript_streaming",
                  1, "requires_external_vad", 1, "prefers_auto_gain_enabled", 0, "prefers_noise_reduction_enabled", 0);
    bool complete = o && more && json_object_update(o, more) == 0;
    json_decref(more);
    if (complete) return o;
    json_decref(o);
    return NULL;
}

json_t *wyoming_info(const char *model, const char *language) {
    return json_pack("{s:[o], s:[], s:[], s:[], s:[], s:[], s:[]}", "asr", program_info(model, language), "tts",
                     "handle", "intent", "wake", "mic", "snd");
}

json_t *wyoming_error(const char *code, const char *text) {
    return json_pack("{s:o, s:s}", "text", events_string(text, strlen(text)), "code", code);
}

json_t *wyoming_pong(const json_t *ping) {
    const json_t *text = json_object_get(ping, "text");
    return json_is_string(text) ? json_pack("{s:O}", "text", text) : json_pack("{s:n}", "text");
}

/* ---- a transcript --------------------------------------------------------------------------------------------------- */

steno_err wyoming_text_add(wyoming_text *t, const char *text, const char **chunk) {
    size_t bytes = strlen(text), blank = t->n && bytes ? 1 : 0, room = t->room ? t->room : TEXT_FIRST;
    if (t->n + blank + bytes > WYOMING_TEXT_BYTES_MAX)
        return err_fail(STENO_E_LIMIT, "the transcript is longer than %d bytes", WYOMING_TEXT_BYTES_MAX);
    while (room < t->n + blank + bytes + 1) room *= 2;
    if (room != t->room) {
        char *more = mem_resize(t->text, t->room, room);
        if (!more) return err_fail(STENO_E_NOMEM, "no memory for a transcript");
        t->text = more;
        t->room = room;
    }
    *chunk = t->text + t->n;
    if (blank) t->text[t->n++] = ' ';
    memcpy(t->text + t->n, text, bytes + 1);
    t->n += bytes;
    return STENO_OK;
}

void wyoming_text_free(wyoming_text *t) {
    mem_free(t->text);
    *t = (wyoming_text){0};
}

json_t *wyoming_transcript(const wyoming_text *t, const char *language, const char *warning) {
    json_t *o = json_pack("{s:o, s:s}", "text", events_string(t->text ? t->text : "", t->n), "language", language);
    if (!o || !warning[0] || json_object_set_new(o, "warning", events_string(warning, strlen(warning))) == 0) return o;
    json_decref(o);
    return NULL;
}
