/* openai.c: errors, warnings and names of models of OpenAI's dialect. See openai_int.h. */
#include "api/openai_int.h"

#include "api/events.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- errors ----------------------------------------------------------------------------------------------------- */

static const char bad_request[] = "invalid_request_error", our_fault[] = "server_error";

json_t *openai_string(const char *text) {
    return events_string(text, strlen(text));
}

bool openai_fail(openai_failure *f, const char *code, const char *param, const char *fmt, ...) {
    va_list list;
    va_start(list, fmt);
    *f = (openai_failure){.status = 400, .type = bad_request, .code = code, .param = param};
    vsnprintf(f->message, sizeof f->message, fmt, list);
    va_end(list);
    return false;
}

json_t *openai_error(const openai_failure *f) {
    return json_pack("{s:o, s:s, s:s?, s:s?}", "message", openai_string(f->message), "type", f->type, "param", f->param,
                     "code", f->code);
}

void openai_reply_failure(net_reply *reply, const openai_failure *f) {
    reply_json(reply, f->status, json_pack("{s:o}", "error", openai_error(f)));
}

void openai_failure_of(openai_failure *f, steno_err e, const char *detail) {
    bool busy = e == STENO_E_AGAIN || e == STENO_E_NOMEM;
    switch (e) {
    case STENO_E_FORMAT:
    case STENO_E_UNSUPPORTED:
    case STENO_E_INVALID:
        openai_fail(f, "invalid_value", "file", "The audio file could not be decoded: %s", detail);
        return;
    case STENO_E_LIMIT:
        openai_fail(f, "file_too_large", "file", "The audio file is too long: %s", detail);
        f->status = 413;
        return;
    default:
        openai_fail(f, busy ? "overloaded" : "internal_error", NULL, "%s",
                    busy ? "The server has no room for this request now." : "The server failed on this request.");
        f->status = busy ? 503 : 500;
        f->type = our_fault;
        return;
    }
}

/* A key that is wrong and a key that is not there have the same code; limits have their own. */
static const char *code_of(const call_refusal *why) {
    switch (why->status) {
    case 401:
        return "invalid_api_key";
    case 429:
        return "rate_limit_exceeded";
    default:
        return why->code;
    }
}

void openai_failure_of_refusal(openai_failure *f, const call_refusal *why) {
    openai_fail(f, code_of(why), NULL, "%s", why->message);
    f->status = why->status;
    if (why->status == 429) f->type = "requests";
    if (why->status >= 500) f->type = our_fault;
}

void openai_refuse(net_reply *reply, const call *c, const call_refusal *why) {
    openai_failure f;
    (void)c;
    openai_failure_of_refusal(&f, why);
    openai_reply_failure(reply, &f);
    reply->retry_after_s = why->retry_after_s;
}

/* ---- warnings --------------------------------------------------------------------------------------------------- */

void openai_note(openai_notes *notes, const char *fmt, ...) {
    char text[OPENAI_MESSAGE_BYTES];
    va_list list;
    va_start(list, fmt);
    int n = vsnprintf(text, sizeof text, fmt, list);
    va_end(list);
    if (n < 0) return;
    size_t length = strlen(text), gap = notes->n ? 2 : 0;
    if (notes->n + gap + length >= sizeof notes->text) {
        notes->left_out++;
        return;
    }
    memcpy(notes->text + notes->n, "; ", gap);
    for (size_t i = 0; i < length; i++)
        if (text[i] < ' ' || text[i] > '~' || text[i] == ';') text[i] = '?';
    memcpy(notes->text + notes->n + gap, text, length + 1);
    notes->n += gap + length;
    notes->count++;
}

json_t *openai_notes_json(const openai_notes *notes) {
    if (!notes->count) return NULL;
    json_t *list = json_array();
    for (const char *at = notes->text; list && *at;) {
        const char *end = strstr(at, "; ");
        size_t n = end ? (size_t)(end - at) : strlen(at);
        json_array_append_new(list, json_stringn(at, n));
        at += end ? n + 2 : n;
    }
    return list;
}

/* ---- models ----------------------------------------------------------------------------------------------------- */

static const char *const gpt[] = {"gpt-4o-transcribe", "gpt-4o-mini-transcribe",    "gpt-4o-mini-transcribe-2025-12-15",
                                  "gpt-transcribe",    "gpt-4o-transcribe-diarize", NULL};
static const char *const gpt_realtime[] = {"gpt-live-transcribe", "gpt-realtime-whisper", NULL};

static bool is_one_of(const char *name, const char *const *list) {
    for (; *list; list++)
        if (strcmp(name, *list) == 0) return true;
    return false;
}

static bool is_own(const char *name, const char *own) {
    static const char family[] = "moonshine-";
    if (strncmp(name, family, sizeof family - 1) == 0) name += sizeof family - 1;
    return strcmp(name, own) == 0;
}

openai_model_kind openai_model_of(const char *name, const char *own, bool realtime) {
    if (strcmp(name, "whisper-1") == 0) return OPENAI_MODEL_WHISPER;
    if (is_one_of(name, gpt) || (realtime && is_one_of(name, gpt_realtime))) return OPENAI_MODEL_GPT;
    if (strcmp(name, "steno") == 0 || is_own(name, own)) return OPENAI_MODEL_OWN;
    return OPENAI_MODEL_UNKNOWN;
}

static const char *const languages[][2] = {
    {"en", "english"}, {"es", "spanish"}, {"ar", "arabic"},    {"ja", "japanese"},
    {"ko", "korean"},  {"zh", "chinese"}, {"uk", "ukrainian"}, {"vi", "vietnamese"},
    {"de", "german"},  {"fr", "french"},  {"it", "italian"},   {"pt", "portuguese"},
};

const char *openai_language_name(const char *language) {
    for (size_t i = 0; i < sizeof languages / sizeof *languages; i++)
        if (strcmp(language, languages[i][0]) == 0) return languages[i][1];
    return language;
}

bool openai_speaks(const char *tag, const char *language) {
    size_t n = strlen(language);
    if (strncasecmp(tag, language, n) == 0 && (tag[n] == 0 || tag[n] == '-' || tag[n] == '_')) return true;
    return strcasecmp(tag, openai_language_name(language)) == 0;
}
