/* openai_realtime.c: Realtime transcription sessions: the connection, and what clients send. See openai_realtime_int.h. */
#include "api/openai_realtime_int.h"

#include "api/service_int.h"

#include <stdio.h>
#include <string.h>

#define BETA_HEADER_BYTES  64
#define PROTOCOLS_BYTES    512
#define CLOSE_NO_SUCH      4000 /* as OpenAI closes sessions that cannot be */
#define CLOSE_TRY_LATER    1013
#define MESSAGE_BYTES_MAX  20975616 /* OpenAI's 15 MiB of audio in base64, and what stands round it */
#define IDLE_S             900      /* between two turns of somebody who holds a key down to talk */
#define CLIENT_EVENT_BYTES 128      /* of an event_id that is said back */

/* ---- saying ----------------------------------------------------------------------------------------------------- */

openai_host openai_host_of(const wire *w) {
    return (openai_host){wire_model(w), wire_language(w)};
}

void openai_say(wire *w, openai_live *l, json_t *event) {
    char id[40];
    snprintf(id, sizeof id, "event_%s%06x", l->tag, ++l->events);
    if (event) json_object_set_new(event, "event_id", json_string(id));
    wire_say(w, OUTBOX_KEEP, 0, event);
}

void openai_say_error(wire *w, openai_live *l, const openai_failure *why, const char *client_event) {
    json_t *error = openai_error(why);
    if (error) json_object_set_new(error, "event_id", client_event ? openai_string(client_event) : json_null());
    openai_say(w, l, json_pack("{s:s, s:o}", "type", "error", "error", error));
}

static void say_session(wire *w, openai_live *l, const char *type, json_t *warnings) {
    char id[32];
    openai_host host = openai_host_of(w);
    snprintf(id, sizeof id, "sess_%s", l->tag);
    json_t *o =
        json_pack("{s:s, s:o}", "type", type, "session", openai_session_json(&l->session, &host, wire_policy(w), id));
    if (o && warnings) json_object_set(o, "steno_warnings", warnings);
    json_decref(warnings);
    openai_say(w, l, o);
}

/* ---- the connection --------------------------------------------------------------------------------------------- */

static void fatal(openai_live *l, const char *code, const char *param, const char *text) {
    if (l->fatal_code) return;
    l->fatal_code = code;
    l->fatal_param = param;
    l->fatal_text = text;
}

static void read_model(wire *w, openai_live *l, const char *name) {
    if (openai_model_of(name, wire_model(w), true) != OPENAI_MODEL_UNKNOWN && strlen(name) < sizeof l->session.model)
        snprintf(l->session.model, sizeof l->session.model, "%s", name);
    else
        fatal(l, "model_not_found", "model",
              "This model is not served here: want a transcription model, as listed by GET /v1/models, or "
              "intent=transcription.");
}

static void read_query(wire *w, openai_live *l, const call *c) {
    const char *intent = call_arg(c, "intent"), *model = call_arg(c, "model");
    openai_notes notes = {0};
    if (call_arg(c, "call_id")) fatal(l, "not_supported", "call_id", "There are no calls here.");
    if (intent && strcmp(intent, "transcription") != 0)
        fatal(l, "invalid_value", "intent", "Only intent=transcription is served here.");
    if (model) read_model(w, l, model);
    l->by_intent = intent != NULL;
    if (!intent && !model) fatal(l, "missing_model", "model", "You must provide intent=transcription or a model.");
    for (int i = 0; i < c->request->n_args; i++) {
        const char *arg = c->request->args[i];
        int n = (int)strcspn(arg, "=");
        bool known = (n == 6 && strncmp(arg, "intent", 6) == 0) || (n == 5 && strncmp(arg, "model", 5) == 0) ||
                     (n == 7 && strncmp(arg, "call_id", 7) == 0);
        if (!known) openai_note(&notes, "'%.*s' is not known", n < 60 ? n : 60, arg);
    }
    l->warnings = openai_notes_json(&notes);
}

static bool has_token(const char *list, const char *token) {
    size_t n = strlen(token);
    for (const char *at = list; (at = strstr(at, token)); at += n) {
        bool begins = at == list || at[-1] == ' ' || at[-1] == ',';
        if (begins && (at[n] == 0 || at[n] == ',' || at[n] == ' ')) return true;
    }
    return false;
}

/* Browsers cannot set headers: they offer sub-protocols. */
static bool is_beta(const call *c) {
    char beta[BETA_HEADER_BYTES] = "", protocols[PROTOCOLS_BYTES] = "";
    net_header(c->request, "openai-beta", beta, sizeof beta);
    net_header(c->request, "sec-websocket-protocol", protocols, sizeof protocols);
    return strstr(beta, "realtime=v1") || has_token(protocols, "openai-beta.realtime-v1");
}

static void make_tag(openai_live *l, const wire *w) {
    size_t n = 0;
    for (const char *p = wire_id(w); *p && n + 1 < sizeof l->tag; p++)
        if (*p != '-' && *p != '.') l->tag[n++] = *p;
    l->tag[n] = 0;
}

static bool open_voice(wire *w, openai_live *l, openai_notes *notes) {
    steno_live_options live;
    openai_session_live(&l->session, wire_defaults(w), &live, notes);
    wire_redact(w, &l->session.redact);
    return wire_open(w, 1, &l->session.audio, &live) == STENO_OK;
}

static bool begin(wire *w, void *state, call *c) {
    openai_live *l = state;
    openai_notes none = {0};
    openai_host host = openai_host_of(w);
    openai_session_init(&l->session, &host, is_beta(c));
    make_tag(l, w);
    read_query(w, l, c);
    c->reply->message_bytes_max = MESSAGE_BYTES_MAX;
    if (l->fatal_code || open_voice(w, l, &none)) return true;
    openai_refuse(
        c->reply, c,
        &(call_refusal){.status = 503, .code = "overloaded", .message = steno_error_detail(), .retry_after_s = 2});
    return false;
}

/* The beta's sessions that are asked for by intent have their own name for it; its client knows the other one only. */
static void opened(wire *w, void *state) {
    openai_live *l = state;
    if (!l->fatal_code) {
        say_session(w, l, l->session.flat && l->by_intent ? "transcription_session.created" : "session.created",
                    l->warnings);
        l->warnings = NULL;
        return;
    }
    openai_failure why;
    openai_fail(&why, l->fatal_code, l->fatal_param, "%s", l->fatal_text);
    openai_say_error(w, l, &why, NULL);
    wire_close(w, CLOSE_NO_SUCH, "invalid_request_error");
}

static void end(wire *w, void *state) {
    openai_live *l = state;
    (void)w;
    openai_turns_free(l);
    openai_event_free(&l->event);
    json_decref(l->warnings);
}

/* ---- client events ---------------------------------------------------------------------------------------------- */

static bool same_audio(const pcm_format *a, const pcm_format *b) {
    return a->encoding == b->encoding && a->rate_hz == b->rate_hz && a->channels == b->channels;
}

static bool same_live(const openai_session *a, const openai_session *b) {
    return a->turns == b->turns && a->threshold == b->threshold && a->prefix_padding_ms == b->prefix_padding_ms &&
           a->silence_duration_ms == b->silence_duration_ms && strcmp(a->eagerness, b->eagerness) == 0;
}

/* The stream follows the session. */
static bool apply(wire *w, openai_live *l, const openai_session *was, openai_notes *notes, openai_failure *why) {
    steno_live_options live;
    if (!same_audio(&was->audio, &l->session.audio)) {
        if (wire_audio_s(w, 0) > 0)
            return openai_fail(why, "invalid_value", "audio.input.format",
                               "The audio format cannot change once audio has been sent.");
        if (open_voice(w, l, notes)) return true;
        openai_failure_of(why, STENO_E_AGAIN, "");
        return false;
    }
    openai_session_live(&l->session, wire_defaults(w), &live, notes);
    if (was->turns == OPENAI_TURNS_NONE && l->session.turns != OPENAI_TURNS_NONE) openai_turns_close_current(w, l);
    if (!same_live(was, &l->session)) wire_configure(w, &live);
    wire_redact(w, &l->session.redact);
    return true;
}

static void on_update(wire *w, openai_live *l, const json_t *event, const char *id, bool beta) {
    openai_failure why;
    openai_notes notes = {0};
    openai_host host = openai_host_of(w);
    openai_session was = l->session;
    const json_t *given = json_object_get(event, "session");
    if (beta) l->session.flat = true;
    if (openai_session_update(&l->session, given, &host, &notes, &why) && apply(w, l, &was, &notes, &why)) {
        say_session(w, l, beta ? "transcription_session.updated" : "session.updated", openai_notes_json(&notes));
        return;
    }
    l->session = was;
    openai_say_error(w, l, &why, id);
    if (why.status == 503) wire_close(w, CLOSE_TRY_LATER, "no room for this stream now"); /* the old one is given up */
}

static void on_session_update(wire *w, openai_live *l, const json_t *event, const char *id) {
    on_update(w, l, event, id, false);
}

static void on_transcription_update(wire *w, openai_live *l, const json_t *event, const char *id) {
    on_update(w, l, event, id, true);
}

static void on_append(wire *w, openai_live *l, const json_t *event, const char *id) {
    openai_failure why;
    if (json_is_string(json_object_get(event, "audio"))) return; /* it was heard as it came */
    openai_fail(&why, "missing_required_parameter", "audio", "Missing required parameter: 'audio'.");
    openai_say_error(w, l, &why, id);
}

static void on_commit(wire *w, openai_live *l, const json_t *event, const char *id) {
    (void)event;
    openai_turns_commit(w, l, id);
}

static void on_clear(wire *w, openai_live *l, const json_t *event, const char *id) {
    (void)event, (void)id;
    openai_turns_clear(w, l);
}

/* What there is in conversations only. */
static void on_conversation(wire *w, openai_live *l, const json_t *event, const char *id) {
    openai_failure why;
    openai_fail(&why, "not_supported", "type", "'%.60s' is not supported in transcription sessions.",
                json_string_value(json_object_get(event, "type")));
    openai_say_error(w, l, &why, id);
}

static const struct {
    const char *type;
    void (*take)(wire *w, openai_live *l, const json_t *event, const char *id);
} client_events[] = {
    {"input_audio_buffer.append", on_append},
    {"input_audio_buffer.commit", on_commit},
    {"input_audio_buffer.clear", on_clear},
    {"session.update", on_session_update},
    {"transcription_session.update", on_transcription_update},
    {"response.create", on_conversation},
    {"response.cancel", on_conversation},
    {"conversation.item.create", on_conversation},
    {"conversation.item.delete", on_conversation},
    {"conversation.item.retrieve", on_conversation},
    {"conversation.item.truncate", on_conversation},
    {"output_audio_buffer.clear", on_conversation},
};

static void on_event(wire *w, openai_live *l, const json_t *event, const char *id) {
    openai_failure why;
    const char *type = json_string_value(json_object_get(event, "type"));
    for (size_t i = 0; type && i < sizeof client_events / sizeof *client_events; i++) {
        if (strcmp(type, client_events[i].type) != 0) continue;
        client_events[i].take(w, l, event, id);
        return;
    }
    if (type)
        openai_fail(&why, "invalid_value", "type", "Invalid value: '%.60s'.", type);
    else
        openai_fail(&why, "missing_required_parameter", "type", "Missing required parameter: 'type'.");
    openai_say_error(w, l, &why, id);
}

/* ---- what comes in ---------------------------------------------------------------------------------------------- */

static steno_err hear(void *user, const unsigned char *bytes, size_t n) {
    return wire_audio(user, 0, bytes, n);
}

/* The server has no room for this stream: it says so, and hangs up. */
static void refuse_audio(wire *w, openai_live *l, steno_err e, const char *id) {
    openai_failure why;
    openai_failure_of(&why, e == STENO_E_LIMIT ? STENO_E_AGAIN : e, "");
    openai_say_error(w, l, &why, id);
    wire_close(w, why.status == 503 ? CLOSE_TRY_LATER : 1011, "no room for this stream now");
}

static void take_whole(wire *w, openai_live *l) {
    json_t *event = NULL;
    openai_failure why;
    steno_err e = openai_event_end(&l->event, &event);
    const char *given = json_string_value(json_object_get(event, "event_id"));
    char id[CLIENT_EVENT_BYTES];
    snprintf(id, sizeof id, "%s", given ? given : "");
    const char *client = given ? id : NULL;
    if (e == STENO_OK) {
        on_event(w, l, event, client);
    } else if (e == STENO_E_FORMAT) {
        openai_fail(&why, event ? "invalid_value" : "invalid_json", event ? "audio" : NULL, "%s.",
                    event ? "Invalid value for 'audio': want base64" : "The event is not a JSON object");
        openai_say_error(w, l, &why, client);
    } else if (!event) {
        openai_fail(&why, "event_too_large", NULL, "%s", steno_error_detail());
        openai_say_error(w, l, &why, NULL);
    } else {
        refuse_audio(w, l, e, client);
    }
    json_decref(event);
    openai_event_free(&l->event);
}

static void text_piece(wire *w, void *state, const char *bytes, size_t n, bool first, bool last) {
    openai_live *l = state;
    if (first) openai_event_begin(&l->event);
    openai_event_push(&l->event, bytes, n, hear, w);
    if (last) take_whole(w, l);
}

static void binary(wire *w, void *state, const unsigned char *bytes, size_t n, bool first, bool last) {
    openai_failure why;
    (void)bytes, (void)n, (void)first;
    if (!last) return;
    openai_fail(&why, "invalid_json", NULL, "Events are JSON in text messages, audio too.");
    openai_say_error(w, state, &why, NULL);
}

static void event(wire *w, void *state, int channel, const released_event *e) {
    (void)channel;
    openai_turns_event(w, state, e);
}

static const dialect realtime = {.name = "openai",
                                 .idle_s = IDLE_S,
                                 .state_bytes = sizeof(openai_live),
                                 .begin = begin,
                                 .opened = opened,
                                 .text_piece = text_piece,
                                 .binary = binary,
                                 .event = event,
                                 .end = end};

const net_conn_handler *openai_upgrade(call *c, void **user) {
    return wire_upgrade(c, &realtime, user);
}
