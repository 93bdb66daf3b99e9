/* openai_session.c: see openai_session.h. */
#include "api/openai_session.h"

#include <stdio.h>
#include <string.h>

#define PCM_HZ        24000
#define G711_HZ       8000
#define LEAD_MAX_MS   1000
#define PAUSE_MIN_MS  100
#define PAUSE_MAX_MS  5000
#define THRESHOLD_MIN 0.02

typedef struct update {
    openai_session *s;
    const openai_host *host;
    openai_notes *notes;
    openai_failure *why;
} update;

typedef struct member {
    const char *name;
    bool (*take)(update *u, const json_t *value); /* NULL: it has no effect here, which is noted */
} member;

void openai_session_init(openai_session *s, const openai_host *host, bool flat) {
    *s = (openai_session){.flat = flat,
                          .audio = {PCM_S16LE, PCM_HZ, 1},
                          .turns = OPENAI_TURNS_SERVER_VAD,
                          .threshold = 0.5,
                          .prefix_padding_ms = 300,
                          .silence_duration_ms = 500,
                          .eagerness = "auto"};
    snprintf(s->model, sizeof s->model, "moonshine-%s", host->model);
}

/* ---- values ----------------------------------------------------------------------------------------------------- */

static bool wrong(update *u, const char *param, const char *want) {
    return openai_fail(u->why, "invalid_value", param, "Invalid value for '%s': want %s.", param, want);
}

static bool number_in(update *u, const json_t *value, const char *param, double low, double high, double *out) {
    double x = json_number_value(value);
    char want[64];
    if (json_is_number(value) && x >= low && x <= high) {
        *out = x;
        return true;
    }
    snprintf(want, sizeof want, "a number from %g to %g", low, high);
    return wrong(u, param, want);
}

/* Members without a function are noted; so are those that nobody knows. */
static bool each_member(update *u, const json_t *object, const char *param, const member *known) {
    const char *key;
    json_t *value;
    if (!json_is_object(object)) return wrong(u, param, "an object");
    json_object_foreach((json_t *)object, key, value) {
        const member *m = known;
        while (m->name && strcmp(m->name, key) != 0) m++;
        if (!m->take) {
            openai_note(u->notes, m->name ? "%s.%.40s has no effect here" : "%s.%.40s is not known", param, key);
            continue;
        }
        if (!m->take(u, value)) return false;
    }
    return true;
}

static bool accept(update *u, const json_t *value) {
    (void)u, (void)value;
    return true;
}

/* ---- turn detection --------------------------------------------------------------------------------------------- */

static bool on_turn_type(update *u, const json_t *value) {
    const char *type = json_string_value(value);
    bool semantic = type && strcmp(type, "semantic_vad") == 0;
    if (!semantic && (!type || strcmp(type, "server_vad") != 0))
        return wrong(u, "turn_detection.type", "'server_vad' or 'semantic_vad'");
    u->s->turns = semantic ? OPENAI_TURNS_SEMANTIC_VAD : OPENAI_TURNS_SERVER_VAD;
    if (semantic)
        openai_note(u->notes, "semantic_vad is approximated: turns end at pauses, longer ones where the text looks "
                              "unfinished");
    return true;
}

static bool on_threshold(update *u, const json_t *value) {
    return number_in(u, value, "turn_detection.threshold", 0, 1, &u->s->threshold);
}

static bool on_prefix(update *u, const json_t *value) {
    double x = 0;
    if (!number_in(u, value, "turn_detection.prefix_padding_ms", 0, 60000, &x)) return false;
    u->s->prefix_padding_ms = (int)x;
    return true;
}

static bool on_silence(update *u, const json_t *value) {
    double x = 0;
    if (!number_in(u, value, "turn_detection.silence_duration_ms", 0, 60000, &x)) return false;
    u->s->silence_duration_ms = (int)x;
    return true;
}

static bool on_eagerness(update *u, const json_t *value) {
    static const char *const names[] = {"auto", "low", "medium", "high"};
    const char *name = json_string_value(value);
    for (size_t i = 0; name && i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i]) != 0) continue;
        u->s->eagerness = names[i];
        return true;
    }
    return wrong(u, "turn_detection.eagerness", "'low', 'medium', 'high' or 'auto'");
}

/* Responses are not made here, and so are neither created nor interrupted: as asked for, as it were. */
static const member turn_members[] = {{"type", on_turn_type},
                                      {"threshold", on_threshold},
                                      {"prefix_padding_ms", on_prefix},
                                      {"silence_duration_ms", on_silence},
                                      {"eagerness", on_eagerness},
                                      {"create_response", accept},
                                      {"interrupt_response", accept},
                                      {"idle_timeout_ms", NULL},
                                      {0}};

/* What is not given is as it is at first. */
static bool on_turns(update *u, const json_t *value) {
    openai_session fresh;
    openai_session_init(&fresh, u->host, false);
    u->s->turns = OPENAI_TURNS_NONE;
    if (json_is_null(value)) return true;
    u->s->turns = fresh.turns;
    u->s->threshold = fresh.threshold;
    u->s->prefix_padding_ms = fresh.prefix_padding_ms;
    u->s->silence_duration_ms = fresh.silence_duration_ms;
    u->s->eagerness = fresh.eagerness;
    return each_member(u, value, "turn_detection", turn_members);
}

/* ---- transcription ---------------------------------------------------------------------------------------------- */

static bool on_model(update *u, const json_t *value) {
    const char *name = json_string_value(value);
    bool known = name && strlen(name) < sizeof u->s->model &&
                 openai_model_of(name, u->host->model, true) != OPENAI_MODEL_UNKNOWN;
    if (!known)
        return openai_fail(u->why, "model_not_found", "transcription.model",
                           "The model '%.60s' does not exist or you do not have access to it.", name ? name : "");
    snprintf(u->s->model, sizeof u->s->model, "%s", name);
    return true;
}

static bool on_language(update *u, const json_t *value) {
    const char *tag = json_string_value(value);
    u->s->has_language = tag && tag[0];
    if (json_is_null(value) || (tag && (!tag[0] || openai_speaks(tag, u->host->language)))) return true;
    return openai_fail(u->why, "unsupported_language", "transcription.language",
                       "Language '%.32s' is not supported: the model speaks '%s'.", tag ? tag : "", u->host->language);
}

static bool on_languages(update *u, const json_t *value) {
    size_t i;
    json_t *tag;
    bool any = json_array_size(value) == 0;
    json_array_foreach((json_t *)value, i, tag) {
        any = any || (json_is_string(tag) && openai_speaks(json_string_value(tag), u->host->language));
    }
    if (json_array_size(value) > 1)
        openai_note(u->notes, "of the languages only '%s' is spoken by this model", u->host->language);
    if (any) return true;
    return openai_fail(u->why, "unsupported_language", "transcription.languages",
                       "None of the languages is supported: the model speaks '%s'.", u->host->language);
}

static bool on_prompt(update *u, const json_t *value) {
    const char *text = json_string_value(value);
    if (!json_is_null(value) && !text) return wrong(u, "transcription.prompt", "a string");
    if (text && text[0]) openai_note(u->notes, "transcription.prompt has no effect here");
    return true;
}

static bool on_transcription(update *u, const json_t *value) {
    static const member members[] = {{"model", on_model},
                                     {"language", on_language},
                                     {"languages", on_languages},
                                     {"prompt", on_prompt},
                                     {"keywords", NULL},
                                     {"delay", NULL},
                                     {0}};
    if (!json_is_null(value)) return each_member(u, value, "transcription", members);
    openai_note(u->notes, "a transcription session cannot be without transcription");
    return true;
}

/* ---- audio ------------------------------------------------------------------------------------------------------ */

static bool set_format(update *u, const char *name) {
    static const struct {
        const char *name, *flat;
        pcm_format format;
    } formats[] = {{"audio/pcm", "pcm16", {PCM_S16LE, PCM_HZ, 1}},
                   {"audio/pcmu", "g711_ulaw", {PCM_MULAW, G711_HZ, 1}},
                   {"audio/pcma", "g711_alaw", {PCM_ALAW, G711_HZ, 1}}};
    for (size_t i = 0; name && i < sizeof formats / sizeof *formats; i++) {
        if (strcmp(name, formats[i].name) != 0 && strcmp(name, formats[i].flat) != 0) continue;
        u->s->audio = formats[i].format;
        return true;
    }
    return wrong(u, "audio.input.format", "'audio/pcm' (pcm16), 'audio/pcmu' (g711_ulaw) or 'audio/pcma' (g711_alaw)");
}

/* Any rate that we can resample is taken, not 24 kHz only. */
static bool on_format(update *u, const json_t *value) {
    const json_t *rate = json_object_get(value, "rate");
    double hz = PCM_HZ;
    if (!set_format(u, json_is_string(value) ? json_string_value(value)
                                             : json_string_value(json_object_get(value, "type"))))
        return false;
    if (!rate || json_is_null(rate) || u->s->audio.encoding != PCM_S16LE) return true;
    if (!number_in(u, rate, "audio.input.format.rate", PCM_MIN_HZ, PCM_MAX_HZ, &hz)) return false;
    u->s->audio.rate_hz = (int)hz;
    return true;
}

static bool on_noise(update *u, const json_t *value) {
    const char *type = json_string_value(json_object_get(value, "type"));
    bool near = type && strcmp(type, "near_field") == 0, far = type && strcmp(type, "far_field") == 0;
    u->s->noise_reduction = near ? "near_field" : far ? "far_field" : NULL;
    if (json_is_null(value)) return true;
    if (!near && !far) return wrong(u, "noise_reduction.type", "'near_field' or 'far_field'");
    openai_note(u->notes, "noise_reduction has no effect: the model is used to noise");
    return true;
}

static bool on_input(update *u, const json_t *value) {
    static const member members[] = {{"format", on_format},
                                     {"transcription", on_transcription},
                                     {"noise_reduction", on_noise},
                                     {"turn_detection", on_turns},
                                     {0}};
    return each_member(u, value, "session.audio.input", members);
}

static bool on_audio(update *u, const json_t *value) {
    static const member members[] = {{"input", on_input}, {"output", NULL}, {0}};
    return each_member(u, value, "session.audio", members);
}

/* ---- the session ------------------------------------------------------------------------------------------------ */

static bool on_type(update *u, const json_t *value) {
    const char *type = json_string_value(value);
    if (type && strcmp(type, "transcription") == 0) return true;
    return openai_fail(u->why, "invalid_value", "session.type",
                       "Only sessions of type 'transcription' are served here.");
}

static bool on_include(update *u, const json_t *value) {
    size_t i;
    json_t *what;
    u->s->logprobs = false;
    if (!json_is_null(value) && !json_is_array(value)) return wrong(u, "session.include", "an array");
    json_array_foreach((json_t *)value, i, what) {
        const char *name = json_string_value(what);
        if (!name || strcmp(name, "item.input_audio_transcription.logprobs") != 0)
            return wrong(u, "session.include", "'item.input_audio_transcription.logprobs'");
        u->s->logprobs = true;
    }
    if (u->s->logprobs) openai_note(u->notes, "logprobs are of words and come with the completed event only");
    return true;
}

static bool take_redaction(update *u, const char *name, const json_t *value) {
    bool mine;
    if (redaction_take_json(&u->s->redact, name, value, &mine) == STENO_OK) return true;
    return openai_fail(u->why, "invalid_value", name, "Invalid value for 'session.%s': %s.", name,
                       steno_error_detail());
}

static bool on_redact(update *u, const json_t *value) {
    return take_redaction(u, "redact", value);
}

static bool on_redact_types(update *u, const json_t *value) {
    return take_redaction(u, "redact_types", value);
}

static bool on_redact_hold(update *u, const json_t *value) {
    return take_redaction(u, "redact_hold_ms", value);
}

static bool on_itn(update *u, const json_t *value) {
    return take_redaction(u, "itn", value);
}

bool openai_session_update(openai_session *s, const json_t *given, const openai_host *host, openai_notes *notes,
                           openai_failure *why) {
    static const member members[] = {{"type", on_type},
                                     {"audio", on_audio},
                                     {"include", on_include},
                                     {"input_audio_format", on_format},
                                     {"input_audio_transcription", on_transcription},
                                     {"input_audio_noise_reduction", on_noise},
                                     {"turn_detection", on_turns},
                                     {"id", accept},
                                     {"object", accept},
                                     {"expires_at", accept},
                                     {"redact", on_redact},
                                     {"redact_types", on_redact_types},
                                     {"redact_hold_ms", on_redact_hold},
                                     {"itn", on_itn},
                                     {0}};
    openai_session next = *s;
    update u = {.s = &next, .host = host, .notes = notes, .why = why};
    if (!each_member(&u, given, "session", members)) return false;
    *s = next;
    return true;
}

/* ---- said to the client ------------------------------------------------------------------------------------------- */

static json_t *turns_json(const openai_session *s) {
    switch (s->turns) {
    case OPENAI_TURNS_NONE:
        return json_null();
    case OPENAI_TURNS_SEMANTIC_VAD:
        return json_pack("{s:s, s:s}", "type", "semantic_vad", "eagerness", s->eagerness);
    default:
        return json_pack("{s:s, s:f, s:i, s:i}", "type", "server_vad", "threshold", s->threshold, "prefix_padding_ms",
                         s->prefix_padding_ms, "silence_duration_ms", s->silence_duration_ms);
    }
}

static json_t *transcription_json(const openai_session *s, const openai_host *host) {
    return json_pack("{s:s, s:s?, s:s}", "model", s->model, "language", s->has_language ? host->language : NULL,
                     "prompt", "");
}

static json_t *format_json(const openai_session *s) {
    if (s->audio.encoding == PCM_S16LE)
        return s->flat ? json_string("pcm16") : json_pack("{s:s, s:i}", "type", "audio/pcm", "rate", s->audio.rate_hz);
    bool mu = s->audio.encoding == PCM_MULAW;
    if (s->flat) return json_string(mu ? "g711_ulaw" : "g711_alaw");
    return json_pack("{s:s}", "type", mu ? "audio/pcmu" : "audio/pcma");
}

static json_t *noise_json(const openai_session *s) {
    return s->noise_reduction ? json_pack("{s:s}", "type", s->noise_reduction) : json_null();
}

static json_t *include_json(const openai_session *s) {
    return s->logprobs ? json_pack("[s]", "item.input_audio_transcription.logprobs") : json_null();
}

static json_t *session_members(const openai_session *s, const openai_host *host, const char *id) {
    static const char kind[] = "realtime.transcription_session";
    if (s->flat)
        return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "id", id, "object", kind, "input_audio_format",
                         format_json(s), "input_audio_transcription", transcription_json(s, host),
                         "input_audio_noise_reduction", noise_json(s), "turn_detection", turns_json(s), "include",
                         include_json(s));
    return json_pack("{s:s, s:s, s:s, s:{s:{s:o, s:o, s:o, s:o}}, s:o}", "type", "transcription", "id", id, "object",
                     kind, "audio", "input", "format", format_json(s), "transcription", transcription_json(s, host),
                     "noise_reduction", noise_json(s), "turn_detection", turns_json(s), "include", include_json(s));
}

/* What OpenAI's sessions do not have is said only where there is something to say. */
json_t *openai_session_json(const openai_session *s, const openai_host *host, const gate_policy *policy,
                            const char *id) {
    json_t *o = session_members(s, host, id);
    if (!o || (policy->mode == REDACT_OFF && !policy->itn) || redaction_put(o, policy)) return o;
    json_decref(o);
    return NULL;
}

/* ---- as options of a stream --------------------------------------------------------------------------------------- */

static int within(openai_notes *notes, const char *name, int value, int low, int high) {
    int best = value < low ? low : value > high ? high : value;
    if (best != value) openai_note(notes, "%s %d is taken as %d", name, value, best);
    return best;
}

static void as_server_vad(const openai_session *s, steno_live_options *out, openai_notes *notes) {
    double threshold = s->threshold < THRESHOLD_MIN ? THRESHOLD_MIN : s->threshold;
    if (threshold > s->threshold) openai_note(notes, "threshold %g is taken as %g", s->threshold, threshold);
    out->threshold = (float)threshold;
    out->neg_threshold = (float)(threshold > 0.3 ? threshold - 0.15 : threshold / 2);
    out->lead_ms = within(notes, "prefix_padding_ms", s->prefix_padding_ms, 0, LEAD_MAX_MS);
    out->endpoint_ms = within(notes, "silence_duration_ms", s->silence_duration_ms, PAUSE_MIN_MS, PAUSE_MAX_MS);
    out->unfinished_ms = 0; /* the client said how long a pause is to be */
}

/* As the time a turn may take at most: low 8 s, medium and auto 4 s, high 2 s there. */
static void as_semantic_vad(const openai_session *s, steno_live_options *out) {
    bool low = strcmp(s->eagerness, "low") == 0, high = strcmp(s->eagerness, "high") == 0;
    out->endpoint_ms = low ? 1000 : high ? 300 : 500;
    out->unfinished_ms = low ? 3000 : high ? 700 : 1500;
}

void openai_session_live(const openai_session *s, const steno_live_options *defaults, steno_live_options *out,
                         openai_notes *notes) {
    *out = *defaults;
    if (s->turns == OPENAI_TURNS_SERVER_VAD) as_server_vad(s, out, notes);
    if (s->turns == OPENAI_TURNS_SEMANTIC_VAD) as_semantic_vad(s, out);
}
