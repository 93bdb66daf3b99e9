/* openai_form.c: the fields of a transcription's form -> options, warnings, or what is wrong. See openai_int.h. */
#include "api/openai_int.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PAD_MS     5000
#define MAX_SILENCE_MS 5000
#define MIN_THRESHOLD  0.02 /* 0 would take everything for speech */

const char *const openai_spooled_fields[] = {"known_speaker_references", "known_speaker_references[]", NULL};

typedef struct form {
    openai_options *out;
    openai_failure *why;
    const char *own_model, *language;
    bool has_model, words, segments;
    unsigned noted; /* what was said once already */
} form;

/* What is accepted without effect is said once, however often it is given. */
enum { NOTE_PROMPT = 1, NOTE_TEMPERATURE = 2, NOTE_KEYWORDS = 4, NOTE_LANGUAGES = 16 };

static bool first_time(form *f, unsigned what) {
    bool first = !(f->noted & what);
    f->noted |= what;
    return first;
}

static bool read_number(form *f, const char *param, const char *value, double low, double high, double *out) {
    char *end;
    errno = 0;
    double x = strtod(value, &end);
    if (value[0] && !*end && errno == 0 && isfinite(x) && x >= low && x <= high) {
        *out = x;
        return true;
    }
    return openai_fail(f->why, "invalid_value", param, "Invalid value for '%s': want a number from %g to %g.", param,
                       low, high);
}

/* ---- one function a field --------------------------------------------------------------------------------------- */

static bool on_model(form *f, const char *value) {
    f->has_model = true;
    f->out->model = openai_model_of(value, f->own_model, false);
    if (f->out->model != OPENAI_MODEL_UNKNOWN) return true;
    openai_fail(f->why, "model_not_found", "model", "The model '%s' does not exist or you do not have access to it.",
                value);
    f->why->status = 404;
    return false;
}

static bool on_format(form *f, const char *value) {
    static const char *const names[] = {"json", "text", "srt", "verbose_json", "vtt", "diarized_json"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(value, names[i]) != 0) continue;
        f->out->format = (openai_format)i;
        return true;
    }
    return openai_fail(f->why, "invalid_value", "response_format",
                       "Invalid value for 'response_format': want 'json', 'text', 'srt', 'verbose_json', 'vtt' or "
                       "'diarized_json'.");
}

static bool on_stream(form *f, const char *value) {
    bool yes = strcmp(value, "true") == 0 || strcmp(value, "True") == 0 || strcmp(value, "1") == 0;
    f->out->stream = yes;
    if (yes || strcmp(value, "false") == 0 || strcmp(value, "False") == 0 || strcmp(value, "0") == 0) return true;
    return openai_fail(f->why, "invalid_value", "stream", "Invalid value for 'stream': want true or false.");
}

static bool on_language(form *f, const char *value) {
    if (!value[0] || openai_speaks(value, f->language)) return true;
    return openai_fail(f->why, "unsupported_language", "language",
                       "Language '%.32s' is not supported: the model speaks '%s'.", value, f->language);
}

/* A list of what it may be: one that we speak is enough, and then it is that one. */
static bool on_languages(form *f, const char *value) {
    if (openai_speaks(value, f->language)) {
        f->noted |= NOTE_LANGUAGES << 1;
        return true;
    }
    f->noted |= NOTE_LANGUAGES;
    return true;
}

static bool on_granularity(form *f, const char *value) {
    bool word = strcmp(value, "word") == 0, segment = strcmp(value, "segment") == 0;
    f->words = f->words || word;
    f->segments = f->segments || segment;
    if (word || segment) return true;
    return openai_fail(f->why, "invalid_value", "timestamp_granularities",
                       "Invalid value for 'timestamp_granularities[]': want 'word' or 'segment'.");
}

static bool on_include(form *f, const char *value) {
    if (strcmp(value, "logprobs") != 0)
        return openai_fail(f->why, "invalid_value", "include", "Invalid value for 'include[]': want 'logprobs'.");
    f->out->logprobs = true;
    return true;
}

static bool on_prompt(form *f, const char *value) {
    if (value[0] && first_time(f, NOTE_PROMPT)) openai_note(&f->out->notes, "prompt is not used by this model");
    return true;
}

static bool on_keywords(form *f, const char *value) {
    if (value[0] && first_time(f, NOTE_KEYWORDS)) openai_note(&f->out->notes, "keywords are not used by this model");
    return true;
}

static bool on_known_name(form *f, const char *value) {
    openai_options *o = f->out;
    if (o->n_known == OPENAI_KNOWN_MAX)
        return openai_fail(f->why, "invalid_value", "known_speaker_names", "At most %d known speakers.",
                           OPENAI_KNOWN_MAX);
    if (!value[0] || strlen(value) >= sizeof o->known[0])
        return openai_fail(f->why, "invalid_value", "known_speaker_names",
                           "Invalid value for 'known_speaker_names[]': want 1 to %zu bytes.", sizeof o->known[0] - 1);
    snprintf(o->known[o->n_known++], sizeof o->known[0], "%s", value);
    return true;
}

static bool on_temperature(form *f, const char *value) {
    double t = 0;
    if (!read_number(f, "temperature", value, 0, 1, &t)) return false;
    if (t > 0 && first_time(f, NOTE_TEMPERATURE))
        openai_note(&f->out->notes, "temperature is not used: decoding is always greedy, as with 0");
    return true;
}

/* ---- chunking_strategy ------------------------------------------------------------------------------------------- */

static void want_vad(form *f) {
    if (!f->out->vad_given) steno_vad_options_init(&f->out->vad);
    f->out->vad_given = true;
}

static bool on_chunking_type(form *f, const char *value) {
    want_vad(f);
    if (strcmp(value, "server_vad") == 0) return true;
    return openai_fail(f->why, "invalid_value", "chunking_strategy",
                       "Invalid value for 'chunking_strategy': want 'auto' or an object of type 'server_vad'.");
}

static bool on_threshold(form *f, const char *value) {
    double x = 0;
    if (!read_number(f, "chunking_strategy[threshold]", value, 0, 1, &x)) return false;
    want_vad(f);
    if (x < MIN_THRESHOLD) {
        openai_note(&f->out->notes, "chunking_strategy threshold %g is taken as %g", x, MIN_THRESHOLD);
        x = MIN_THRESHOLD;
    }
    f->out->vad.threshold = (float)x;
    f->out->vad.neg_threshold = (float)(x > 0.3 ? x - 0.15 : x / 2);
    return true;
}

static bool on_prefix(form *f, const char *value) {
    double x = 0;
    if (!read_number(f, "chunking_strategy[prefix_padding_ms]", value, 0, MAX_PAD_MS, &x)) return false;
    want_vad(f);
    f->out->vad.pad_ms = (int)x;
    return true;
}

/* A pause this long ends a segment, be it long or short. */
static bool on_silence(form *f, const char *value) {
    double x = 0;
    if (!read_number(f, "chunking_strategy[silence_duration_ms]", value, 1, MAX_SILENCE_MS, &x)) return false;
    want_vad(f);
    f->out->vad.min_silence_ms = (int)x;
    f->out->vad.join_ms = 0;
    return true;
}

typedef struct field {
    const char *name;
    bool (*take)(form *f, const char *value);
} field;

static const field chunking[] = {{"type", on_chunking_type},
                                 {"threshold", on_threshold},
                                 {"prefix_padding_ms", on_prefix},
                                 {"silence_duration_ms", on_silence}};

static bool on_chunking_member(form *f, const char *key, const json_t *value) {
    char text[32] = "";
    if (json_is_string(value)) snprintf(text, sizeof text, "%s", json_string_value(value));
    if (json_is_number(value)) snprintf(text, sizeof text, "%.9g", json_number_value(value));
    for (size_t i = 0; i < sizeof chunking / sizeof *chunking; i++)
        if (strcmp(key, chunking[i].name) == 0) return chunking[i].take(f, text);
    openai_note(&f->out->notes, "chunking_strategy '%.40s' is not known", key);
    return true;
}

static bool on_chunking(form *f, const char *value) {
    if (strcmp(value, "auto") == 0 || !value[0]) return true;
    json_t *object = json_loads(value, 0, NULL), *member;
    bool good = json_is_object(object) ? true : on_chunking_type(f, "");
    const char *key;
    json_object_foreach(object, key, member) {
        good = good && on_chunking_member(f, key, member);
    }
    json_decref(object);
    return good;
}

/* ---- the whole form ----------------------------------------------------------------------------------------------- */

static const field fields[] = {
    {"model", on_model},
    {"response_format", on_format},
    {"stream", on_stream},
    {"language", on_language},
    {"languages[]", on_languages},
    {"timestamp_granularities[]", on_granularity},
    {"include[]", on_include},
    {"prompt", on_prompt},
    {"keywords[]", on_keywords},
    {"temperature", on_temperature},
    {"chunking_strategy", on_chunking},
    {"chunking_strategy[type]", on_chunking_type},
    {"chunking_strategy[threshold]", on_threshold},
    {"chunking_strategy[prefix_padding_ms]", on_prefix},
    {"chunking_strategy[silence_duration_ms]", on_silence},
    {"known_speaker_names[]", on_known_name},
};

/* A list's name stands with its brackets or, from some clients, without, or with a number in them. */
static bool same_name(const char *given, const char *name) {
    size_t n = strcspn(name, "[");
    if (strcmp(given, name) == 0) return true;
    if (strcmp(name + n, "[]") != 0 || strncmp(given, name, n) != 0) return false;
    if (given[n] == 0) return true;
    size_t digits = given[n] == '[' ? strspn(given + n + 1, "0123456789") : 0;
    return digits > 0 && strcmp(given + n + 1 + digits, "]") == 0;
}

static bool take_field(form *f, const upload_field *given) {
    if (memchr(given->value, 0, given->bytes))
        return openai_fail(f->why, "invalid_value", NULL, "A field of the form has a zero byte in it.");
    bool mine;
    if (redaction_take(&f->out->redact, given->name, given->value, &mine) != STENO_OK)
        return openai_fail(f->why, "invalid_value", given->name, "Invalid value for '%s': %s.", given->name,
                           steno_error_detail());
    if (mine) return true;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (same_name(given->name, fields[i].name)) return fields[i].take(f, given->value);
    if (strcmp(given->name, "file") == 0)
        return openai_fail(f->why, "invalid_value", "file",
                           "'file' is a field without a file name: want a file of the form.");
    openai_note(&f->out->notes, "'%.60s' is not known", given->name);
    return true;
}

static bool check_languages(form *f) {
    bool others = f->noted & NOTE_LANGUAGES, ours = f->noted & (NOTE_LANGUAGES << 1);
    if (others && !ours)
        return openai_fail(f->why, "unsupported_language", "languages",
                           "None of the languages is supported: the model speaks '%s'.", f->language);
    if (others) openai_note(&f->out->notes, "of the languages only '%s' is spoken by this model", f->language);
    return true;
}

/* What depends on more than one field. */
static bool check(form *f) {
    openai_options *o = f->out;
    bool verbose = o->format == OPENAI_FORMAT_VERBOSE_JSON, json = o->format == OPENAI_FORMAT_JSON;
    if (!f->has_model)
        return openai_fail(f->why, "missing_required_parameter", "model", "You must provide a model parameter.");
    if ((f->words || f->segments) && !verbose)
        return openai_fail(f->why, "invalid_value", "timestamp_granularities",
                           "timestamp_granularities[] wants response_format 'verbose_json'.");
    if (o->logprobs && !json)
        return openai_fail(f->why, "invalid_value", "include", "include[] logprobs wants response_format 'json'.");
    if (o->logprobs)
        openai_note(&o->notes, "logprobs are of words and not of tokens: each is the logarithm of the chance that the "
                               "word is right");
    bool diarized = o->format == OPENAI_FORMAT_DIARIZED_JSON;
    if (o->n_known && !diarized) openai_note(&o->notes, "known speakers count with response_format diarized_json only");
    if (o->stream && !json && !diarized && o->format != OPENAI_FORMAT_TEXT) {
        openai_note(&o->notes, "stream is ignored with this response_format");
        o->stream = false;
    }
    o->words = f->words;
    o->segments = f->segments || !f->words;
    return check_languages(f);
}

bool openai_form_read(const upload_field *given, int n, const char *own_model, const char *language,
                      openai_options *out, openai_failure *why) {
    form f = {.out = out, .why = why, .own_model = own_model, .language = language};
    *out = (openai_options){0};
    for (int i = 0; i < n; i++)
        if (!take_field(&f, &given[i])) return false;
    return check(&f);
}
