/* live_event.c: see live_event.h. docs/protocol.md says what the members mean. */
#include "cmd/live_event.h"

#include <jansson.h>
#include <string.h>

static const char *const reasons[] = {[STENO_END_NONE] = "",
                                      [STENO_END_ENDPOINT] = "endpoint",
                                      [STENO_END_MAX] = "max_utterance",
                                      [STENO_END_FINALIZED] = "finalize",
                                      [STENO_END_STREAM] = "close"};
#define N_REASONS (sizeof reasons / sizeof reasons[0])

/* ---- characters ------------------------------------------------------------------------------------------------- */

static bool begins_character(char c) {
    return ((unsigned char)c & 0xc0) != 0x80;
}

size_t live_prefix_bytes(const char *text, uint64_t characters) {
    size_t at = 0;
    uint64_t seen = 0;
    for (; text[at]; at++) {
        if (begins_character(text[at]) && seen++ == characters) break;
    }
    return at;
}

/* ---- from the wire ---------------------------------------------------------------------------------------------- */

static live_kind kind_of(const char *type) {
    static const struct {
        const char *type;
        live_kind kind;
    } kinds[] = {{"partial", LIVE_PARTIAL}, {"final", LIVE_FINAL},       {"speech_started", LIVE_SPEECH},
                 {"stats", LIVE_STATS},     {"revision", LIVE_SPEAKERS}, {"overload", LIVE_OVERLOAD},
                 {"ready", LIVE_READY},     {"error", LIVE_ERROR},       {"closed", LIVE_CLOSED}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(type, kinds[i].type) == 0) return kinds[i].kind;
    }
    return LIVE_OTHER;
}

static const char *string_of(const json_t *o, const char *key) {
    const char *text = json_string_value(json_object_get(o, key));
    return text ? text : "";
}

static uint64_t count_of(const json_t *o, const char *key) {
    json_int_t value = json_integer_value(json_object_get(o, key));
    return value > 0 ? (uint64_t)value : 0;
}

static double seconds_of(const json_t *o, const char *key, double otherwise) {
    const json_t *value = json_object_get(o, key);
    return json_is_number(value) ? json_number_value(value) : otherwise;
}

static uint64_t message_of(const json_t *o) {
    const json_t *id = json_object_get(o, "message_id");
    if (json_is_integer(id)) return count_of(o, "message_id");
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (const char *c = string_of(o, "message_id"); *c; c++) hash = (hash ^ (unsigned char)*c) * 1099511628211u;
    return hash;
}

static steno_end_reason reason_of(const char *name) {
    for (size_t i = 1; i < N_REASONS; i++) {
        if (strcmp(name, reasons[i]) == 0) return (steno_end_reason)i;
    }
    return STENO_END_NONE;
}

static void take_words(const json_t *o, live_event *out) {
    out->text = string_of(o, "text");
    out->stable_bytes = live_prefix_bytes(out->text, count_of(o, "stable_chars"));
    out->end_s = seconds_of(o, "end", out->start_s);
    out->audio_end_s = seconds_of(o, "audio_end", -1);
    out->reason = reason_of(string_of(o, "reason"));
    out->first_word_end_s = seconds_of(json_array_get(json_object_get(o, "words"), 0), "end", -1);
}

static void take_speaker(const json_t *o, live_event *out) {
    const char *name = json_string_value(json_object_get(o, "speaker_name"));
    out->has_speaker = json_object_get(o, "speaker") != NULL;
    out->speaker = name ? name : json_string_value(json_object_get(o, "speaker"));
    size_t i;
    json_t *one;
    bool revision = out->kind == LIVE_SPEAKERS;
    json_array_foreach(json_object_get(o, revision ? "spans" : "words"), i, one) {
        const char *label = json_string_value(json_object_get(one, "speaker"));
        const char *most = json_string_value(json_object_get(o, "speaker"));
        out->several |= label && most && strcmp(label, most) != 0;
    }
}

steno_err live_event_parse(const char *bytes, size_t n, live_event *out) {
    json_error_t error;
    *out = (live_event){.text = "", .code = "", .what = "", .audio_end_s = -1, .first_word_end_s = -1};
    json_t *o = json_loadb(bytes, n, 0, &error);
    const char *type = json_string_value(json_object_get(o, "type"));
    if (!type) {
        json_decref(o);
        return err_fail(STENO_E_FORMAT, "the server sent a message that is no event: %s", o ? "no type" : error.text);
    }
    out->json = o;
    out->kind = kind_of(type);
    out->message = message_of(o);
    out->rev = count_of(o, "rev");
    out->start_s = seconds_of(o, "start", 0);
    out->audio_samples = count_of(o, "audio_samples");
    out->overloaded = json_is_true(json_object_get(o, "overloaded"));
    out->finalized = json_is_true(json_object_get(o, "finalized"));
    out->fatal = json_is_true(json_object_get(o, "fatal"));
    if (out->kind == LIVE_PARTIAL || out->kind == LIVE_FINAL) take_words(o, out);
    if (out->kind == LIVE_PARTIAL || out->kind == LIVE_FINAL || out->kind == LIVE_SPEAKERS) take_speaker(o, out);
    if (out->kind == LIVE_ERROR) {
        out->code = string_of(o, "code");
        out->what = string_of(o, "message");
    }
    return STENO_OK;
}

void live_event_free(live_event *e) {
    json_decref(e->json);
    e->json = NULL;
}

/* ---- from an engine --------------------------------------------------------------------------------------------- */

static live_kind kind_from_engine(const released_event *from) {
    switch (from->kind) {
    case STENO_EVENT_SEGMENT:
        return LIVE_FINAL;
    case STENO_EVENT_PARTIAL:
        return LIVE_PARTIAL;
    case STENO_EVENT_SPEECH:
        return LIVE_SPEECH;
    case STENO_EVENT_SPEAKERS:
        return LIVE_SPEAKERS;
    case STENO_EVENT_OVERLOAD:
        return LIVE_OVERLOAD;
    case STENO_EVENT_ERROR:
        return LIVE_ERROR;
    case STENO_EVENT_DONE:
        return LIVE_CLOSED;
    default:
        return LIVE_OTHER;
    }
}

void live_event_from_engine(const released_event *from, const speaker_names *names, live_event *out) {
    const released_segment *s = &from->segment;
    *out = (live_event){.kind = kind_from_engine(from),
                        .message = s->id,
                        .rev = s->rev,
                        .start_s = s->start_s,
                        .end_s = s->end_s,
                        .audio_end_s = from->heard_s,
                        .first_word_end_s = -1,
                        .text = s->text ? s->text : "",
                        .stable_bytes = s->stable_bytes,
                        .reason = s->end,
                        .overloaded = from->overloaded,
                        .fatal = true,
                        .code = steno_err_name(from->error),
                        .what = from->detail};
    if (s->n_words > 0) out->first_word_end_s = s->words[0].end_s;
    out->has_speaker = names != NULL;
    if (!names) return;
    out->speaker = speaker_label(names, s->speaker, out->label);
    for (uint32_t i = 0; i < s->n_words; i++)
        out->several |= s->words[i].speaker != s->speaker && s->words[i].speaker != STENO_SPEAKER_UNKNOWN;
}
