/* deepgram_query.c: see deepgram_query.h.
 *
 * One table says of every documented parameter where it counts and what becomes of it.
 */
#include "api/deepgram_query.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NAME_BYTES    48
#define MAX_PER_QUERY 64 /* warnings, tags and extras; a query has fewer parameters */

typedef struct query_reader {
    deepgram_query *q;
    deepgram_kind kind;
    const char *model, *language;
    bool rate_given;
} query_reader;

/* ---- warnings --------------------------------------------------------------------------------------------------- */

static bool warned_of(const deepgram_query *q, const char *parameter) {
    size_t i;
    json_t *w;
    json_array_foreach(q->warnings, i, w) {
        if (strcmp(json_string_value(json_object_get(w, "parameter")), parameter) == 0) return true;
    }
    return false;
}

/* Once a parameter: what is repeated is as unsupported as before. */
static steno_err warn(deepgram_query *q, const char *parameter, const char *type, const char *message) {
    if (warned_of(q, parameter) || json_array_size(q->warnings) >= MAX_PER_QUERY) return STENO_OK;
    json_t *w = json_pack("{s:s, s:s, s:s}", "parameter", parameter, "type", type, "message", message);
    if (!w || json_array_append_new(q->warnings, w) != 0) return err_fail(STENO_E_NOMEM, "no memory for a warning");
    return STENO_OK;
}

bool deepgram_query_warning(const deepgram_query *q, char out[DEEPGRAM_WARNING_BYTES]) {
    size_t i, at = 0;
    json_t *w;
    json_array_foreach(q->warnings, i, w) {
        int n = snprintf(out + at, DEEPGRAM_WARNING_BYTES - at, "%s%s: %s", i ? "; " : "",
                         json_string_value(json_object_get(w, "parameter")),
                         json_string_value(json_object_get(w, "message")));
        if (n < 0 || (size_t)n >= DEEPGRAM_WARNING_BYTES - at) {
            at = DEEPGRAM_WARNING_BYTES - 1;
            memcpy(out + at - 3, "...", 3);
            break;
        }
        at += (size_t)n;
    }
    out[at] = 0;
    return at > 0;
}

/* ---- values ----------------------------------------------------------------------------------------------------- */

static steno_err take_bool(const char *name, const char *value, bool *out) {
    *out = strcasecmp(value, "true") == 0;
    if (*out || strcasecmp(value, "false") == 0) return STENO_OK;
    return err_fail(STENO_E_INVALID, "%s: want true or false", name);
}

static bool decimal(const char *text, double *out) {
    if (text[0] < '0' || text[0] > '9' || text[strspn(text, "0123456789.")]) return false;
    char *end;
    *out = strtod(text, &end);
    return *end == 0;
}

static steno_err take_whole(const char *name, const char *value, int lowest, int highest, int *out) {
    double v;
    if (!decimal(value, &v) || v != floor(v) || v < lowest || v > highest)
        return err_fail(STENO_E_INVALID, "%s: want a whole number from %d to %d", name, lowest, highest);
    *out = (int)v;
    return STENO_OK;
}

static steno_err add_text(json_t *list, const char *name, const char *value) {
    json_t *text = json_string(value);
    if (!text) return err_fail(STENO_E_INVALID, "%s: not UTF-8", name);
    if (json_array_size(list) < MAX_PER_QUERY && json_array_append_new(list, text) == 0) return STENO_OK;
    return err_fail(STENO_E_LIMIT, "%s: too many", name);
}

/* ---- what each parameter does ----------------------------------------------------------------------------------- */

static steno_err take_model(query_reader *r, const char *name, const char *value) {
    char text[160];
    if (strcmp(value, r->model) == 0) return STENO_OK;
    snprintf(text, sizeof text, "there is no such model here: %s serves", r->model);
    return warn(r->q, name, "unsupported_model", text);
}

static steno_err take_version(query_reader *r, const char *name, const char *value) {
    if (strcmp(value, "latest") == 0) return STENO_OK;
    return warn(r->q, name, "unsupported_model", "there is one version of the model");
}

/* "en" and its regions; "multi" has it among others. */
static steno_err take_language(query_reader *r, const char *name, const char *value) {
    size_t n = strlen(r->language);
    char text[96];
    if (strncasecmp(value, r->language, n) == 0 && (value[n] == 0 || value[n] == '-')) return STENO_OK;
    if (strcmp(value, "multi") == 0) {
        snprintf(text, sizeof text, "this model speaks '%s' only", r->language);
        return warn(r->q, name, "unsupported_language", text);
    }
    return err_fail(STENO_E_UNSUPPORTED, "No such model/language/tier combination found: this model speaks '%s'",
                    r->language);
}

static steno_err take_detect_language(query_reader *r, const char *name, const char *value) {
    char text[96];
    if (strcasecmp(value, "false") == 0) return STENO_OK;
    snprintf(text, sizeof text, "the language is not detected: it is taken to be '%s'", r->language);
    return warn(r->q, name, "unsupported_language", text);
}

static const struct {
    const char *name;
    pcm_encoding encoding;
} raw_encodings[] = {{"linear16", PCM_S16LE}, {"linear32", PCM_F32LE}, {"mulaw", PCM_MULAW}, {"alaw", PCM_ALAW}};

/* Names of Deepgram's that mean a container or codec. A file says itself what it is; a stream cannot be told. */
static bool is_codec(const char *value) {
    static const char *const names[] = {"flac", "amr-nb", "amr-wb", "opus", "ogg-opus", "speex", "g729"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(value, names[i]) == 0) return true;
    }
    return false;
}

static steno_err take_encoding(query_reader *r, const char *name, const char *value) {
    for (size_t i = 0; i < sizeof raw_encodings / sizeof raw_encodings[0]; i++) {
        if (strcmp(value, raw_encodings[i].name) != 0) continue;
        r->q->audio.encoding = raw_encodings[i].encoding;
        r->q->raw = true;
        return STENO_OK;
    }
    if (!is_codec(value)) return err_fail(STENO_E_INVALID, "%s: want linear16, linear32, mulaw or alaw", name);
    if (r->kind == DEEPGRAM_FILE) return STENO_OK;
    return err_fail(STENO_E_UNSUPPORTED, "%s: %s is not decoded live; want linear16, linear32, mulaw or alaw", name,
                    value);
}

static steno_err take_sample_rate(query_reader *r, const char *name, const char *value) {
    r->rate_given = true;
    return take_whole(name, value, PCM_MIN_HZ, PCM_MAX_HZ, &r->q->audio.rate_hz);
}

static steno_err take_channels(query_reader *r, const char *name, const char *value) {
    return take_whole(name, value, 1, DEEPGRAM_CHANNELS_MAX, &r->q->audio.channels);
}

static steno_err take_endpointing(query_reader *r, const char *name, const char *value) {
    deepgram_query *q = r->q;
    q->endpointing = strcasecmp(value, "false") != 0;
    if (!q->endpointing || strcasecmp(value, "true") == 0) return STENO_OK;
    ERR_TRY(take_whole(name, value, 0, 600000, &q->endpoint_ms));
    int wanted_ms = q->endpoint_ms;
    if (q->endpoint_ms < DEEPGRAM_ENDPOINT_MIN_MS) q->endpoint_ms = DEEPGRAM_ENDPOINT_MIN_MS;
    if (q->endpoint_ms > DEEPGRAM_ENDPOINT_MAX_MS) q->endpoint_ms = DEEPGRAM_ENDPOINT_MAX_MS;
    char text[64];
    snprintf(text, sizeof text, "%d ms is taken", q->endpoint_ms);
    return q->endpoint_ms == wanted_ms ? STENO_OK : warn(q, name, "adjusted", text);
}

static steno_err take_utterance_end(query_reader *r, const char *name, const char *value) {
    return take_whole(name, value, DEEPGRAM_UTTERANCE_END_MIN_MS, DEEPGRAM_UTTERANCE_END_MAX_MS,
                      &r->q->utterance_end_ms);
}

static steno_err take_utt_split(query_reader *r, const char *name, const char *value) {
    double v;
    if (!decimal(value, &v) || v <= 0 || v > DEEPGRAM_UTT_SPLIT_MAX_S)
        return err_fail(STENO_E_INVALID, "%s: want seconds, %d at most", name, DEEPGRAM_UTT_SPLIT_MAX_S);
    r->q->utt_split_s = v;
    return STENO_OK;
}

static steno_err take_callback(query_reader *r, const char *name, const char *value) {
    if (r->kind == DEEPGRAM_LIVE)
        return err_fail(STENO_E_UNSUPPORTED, "%s: results of a live stream go to its own connection only", name);
    if (strncmp(value, "https://", 8) != 0 && strncmp(value, "http://", 7) != 0)
        return err_fail(STENO_E_INVALID, "%s: want an address that begins with https:// or http://", name);
    if (strlen(value) >= sizeof r->q->callback) return err_fail(STENO_E_LIMIT, "%s: too long", name);
    memcpy(r->q->callback, value, strlen(value) + 1);
    return STENO_OK;
}

static steno_err take_callback_method(query_reader *r, const char *name, const char *value) {
    r->q->callback_put = strcasecmp(value, "put") == 0;
    if (r->q->callback_put || strcasecmp(value, "post") == 0) return STENO_OK;
    return err_fail(STENO_E_INVALID, "%s: want post or put", name);
}

static steno_err take_tag(query_reader *r, const char *name, const char *value) {
    return add_text(r->q->tags, name, value);
}

static steno_err take_extra(query_reader *r, const char *name, const char *value) {
    char key[256];
    size_t n = strcspn(value, ":");
    if (!value[n] || n == 0 || n >= sizeof key) return err_fail(STENO_E_INVALID, "%s: want name:value", name);
    memcpy(key, value, n);
    key[n] = 0;
    json_t *text = json_string(value + n + 1);
    if (!text) return err_fail(STENO_E_INVALID, "%s: not UTF-8", name);
    if (json_object_size(r->q->extra) < MAX_PER_QUERY && json_object_set_new(r->q->extra, key, text) == 0)
        return STENO_OK;
    return err_fail(STENO_E_INVALID, "%s: not UTF-8, or too many", name);
}

static steno_err take_alternatives(query_reader *r, const char *name, const char *value) {
    int n = 0;
    ERR_TRY(take_whole(name, value, 1, 100, &n));
    return n == 1 ? STENO_OK : warn(r->q, name, "unsupported_parameter", "one alternative is given");
}

#define DIGITS                                                                                                         \
    (ENTITY_BIT(ENTITY_ID) | ENTITY_BIT(ENTITY_PHONE) | ENTITY_BIT(ENTITY_CARD) | ENTITY_BIT(ENTITY_IBAN) |            \
     ENTITY_BIT(ENTITY_SSN) | ENTITY_BIT(ENTITY_PASSPORT) | ENTITY_BIT(ENTITY_PLATE) | ENTITY_BIT(ENTITY_IP) |         \
     ENTITY_BIT(ENTITY_ACCOUNT) | ENTITY_BIT(ENTITY_NUMBER))
#define WHERE (ENTITY_BIT(ENTITY_PLACE) | ENTITY_BIT(ENTITY_ADDRESS))

/* Deepgram's groups and kinds, as those of ours that cover them. What none of ours covers is not here. */
static const struct redacted {
    const char *name;
    entity_set set;
} redacted[] = {
    {"true", DIGITS | ENTITY_BIT(ENTITY_DATE) | ENTITY_BIT(ENTITY_BIRTH_DATE)},
    {"numbers", DIGITS | ENTITY_BIT(ENTITY_DATE) | ENTITY_BIT(ENTITY_BIRTH_DATE)},
    {"aggressive_numbers",
     DIGITS | ENTITY_BIT(ENTITY_DATE) | ENTITY_BIT(ENTITY_BIRTH_DATE) | ENTITY_BIT(ENTITY_AMOUNT)},
    {"pci", ENTITY_BIT(ENTITY_CARD) | ENTITY_BIT(ENTITY_NUMBER)}, /* the three figures on the back, too */
    {"ssn", ENTITY_BIT(ENTITY_SSN) | ENTITY_BIT(ENTITY_ID)},
    {"account_number", ENTITY_BIT(ENTITY_ACCOUNT)},
    {"bank_account", ENTITY_BIT(ENTITY_ACCOUNT) | ENTITY_BIT(ENTITY_IBAN)},
    {"credit_card", ENTITY_BIT(ENTITY_CARD)},
    {"credit_card_expiration", ENTITY_BIT(ENTITY_DATE) | ENTITY_BIT(ENTITY_NUMBER)},
    {"cvv", ENTITY_BIT(ENTITY_NUMBER)},
    {"date", ENTITY_BIT(ENTITY_DATE) | ENTITY_BIT(ENTITY_BIRTH_DATE)},
    {"dob", ENTITY_BIT(ENTITY_BIRTH_DATE)},
    {"email_address", ENTITY_BIT(ENTITY_EMAIL)},
    {"ip_address", ENTITY_BIT(ENTITY_IP)},
    {"location", WHERE},
    {"location_address", ENTITY_BIT(ENTITY_ADDRESS)},
    {"location_address_street", ENTITY_BIT(ENTITY_ADDRESS)},
    {"location_city", ENTITY_BIT(ENTITY_PLACE)},
    {"location_country", ENTITY_BIT(ENTITY_PLACE)},
    {"location_state", ENTITY_BIT(ENTITY_PLACE)},
    {"location_zip", ENTITY_BIT(ENTITY_ADDRESS) | ENTITY_BIT(ENTITY_NUMBER)},
    {"money", ENTITY_BIT(ENTITY_AMOUNT)},
    {"name", ENTITY_BIT(ENTITY_PERSON)},
    {"name_family", ENTITY_BIT(ENTITY_PERSON)},
    {"name_given", ENTITY_BIT(ENTITY_PERSON)},
    {"name_medical_professional", ENTITY_BIT(ENTITY_PERSON)},
    {"numerical_pii", DIGITS},
    {"organization", ENTITY_BIT(ENTITY_ORGANISATION)},
    {"organization_medical_facility", ENTITY_BIT(ENTITY_ORGANISATION)},
    {"passport_number", ENTITY_BIT(ENTITY_PASSPORT)},
    {"phone_number", ENTITY_BIT(ENTITY_PHONE)},
    {"routing_number", ENTITY_BIT(ENTITY_ACCOUNT) | ENTITY_BIT(ENTITY_NUMBER)},
    {"url", ENTITY_BIT(ENTITY_URL)},
    {"vehicle_id", ENTITY_BIT(ENTITY_PLATE)},
};

/* 0: nothing here finds it. Names of our own do as well. */
static entity_set redacted_set(const char *word, size_t n) {
    entity_set own;
    if (n == 3 && strncasecmp(word, "pii", n) == 0) return entity_default_set | WHERE | DIGITS;
    for (size_t i = 0; i < sizeof redacted / sizeof *redacted; i++)
        if (strlen(redacted[i].name) == n && strncasecmp(redacted[i].name, word, n) == 0) return redacted[i].set;
    return entity_parse_set(word, n, &own) == STENO_OK ? own : 0;
}

/* Given once for each, or with commas between them. Not a warning where nothing is found: whoever asks for this relies on it. */
static steno_err take_redact(query_reader *r, const char *name, const char *value) {
    redact_wish *w = &r->q->redact;
    if (strcasecmp(value, "false") == 0) return STENO_OK;
    for (size_t n; *value; value += n + (value[n] == ',')) {
        n = strcspn(value, ",");
        entity_set set = redacted_set(value, n);
        if (!set)
            return err_fail(STENO_E_UNSUPPORTED, "%s: %.*s is not found here, so nothing is transcribed either", name,
                            (int)(n < 40 ? n : 40), value);
        w->types |= set;
        w->has_types = w->has_mode = w->count = true;
        w->mode = REDACT_MASK;
    }
    return w->has_mode ? STENO_OK : err_fail(STENO_E_INVALID, "%s: want what is to be redacted", name);
}

static void want_itn(query_reader *r, bool on) {
    if (on) r->q->redact.has_itn = r->q->redact.itn = true;
}

static steno_err take_numerals(query_reader *r, const char *name, const char *value) {
    bool on;
    ERR_TRY(take_bool(name, value, &on));
    want_itn(r, on);
    return STENO_OK;
}

static steno_err take_dictation(query_reader *r, const char *name, const char *value) {
    ERR_TRY(take_numerals(r, name, value));
    return strcasecmp(value, "true") == 0 ? warn(r->q, name, "unsupported_parameter", "spoken commands stay words")
                                          : STENO_OK;
}

static steno_err take_smart_format(query_reader *r, const char *name, const char *value) {
    bool on;
    ERR_TRY(take_bool(name, value, &on));
    r->q->punctuate |= on;
    want_itn(r, on);
    if (r->kind == DEEPGRAM_FILE) r->q->paragraphs |= on;
    return STENO_OK;
}

static steno_err take_paragraphs(query_reader *r, const char *name, const char *value) {
    bool on;
    ERR_TRY(take_bool(name, value, &on));
    r->q->paragraphs |= on;
    r->q->punctuate |= on; /* a sentence ends at its full stop */
    return STENO_OK;
}

static steno_err take_punctuate(query_reader *r, const char *name, const char *value) {
    bool on;
    ERR_TRY(take_bool(name, value, &on));
    r->q->punctuate |= on;
    return STENO_OK;
}

/* There is one way to tell speakers apart, whichever is named. */
static steno_err take_diarize_version(query_reader *r, const char *name, const char *value) {
    if (strcasecmp(value, "latest") == 0 || strcasecmp(value, "false") == 0) return STENO_OK;
    return warn(r->q, name, "adjusted", "there is one, and it is taken");
}

/* Naming one asks for it. */
static steno_err take_diarize_model(query_reader *r, const char *name, const char *value) {
    if (strcasecmp(value, "false") == 0) return STENO_OK;
    r->q->diarize = true;
    return take_diarize_version(r, name, value);
}

/* ---- the table -------------------------------------------------------------------------------------------------- */

typedef struct parameter {
    const char *name;
    int kinds; /* where it counts */
    steno_err (*take)(query_reader *r, const char *name, const char *value);
    size_t flag;       /* without take(): a switch at this offset of deepgram_query … */
    const char *lacks; /* … or, why it is only warned of */
} parameter;

#define BOTH (DEEPGRAM_LIVE | DEEPGRAM_FILE)
#define SWITCH(name, kinds, member)                                                                                    \
    { name, kinds, NULL, offsetof(deepgram_query, member), NULL }
#define TAKEN(name, kinds, take)                                                                                       \
    { name, kinds, take, 0, NULL }
#define LACKS(name, kinds, why)                                                                                        \
    { name, kinds, NULL, 0, why }
#define NO_BOOST    "terms are not boosted"
#define NO_ANALYSIS "texts are not analysed"

static const parameter parameters[] = {
    TAKEN("alternatives", BOTH, take_alternatives),
    TAKEN("callback", BOTH, take_callback),
    TAKEN("callback_method", BOTH, take_callback_method),
    TAKEN("channels", BOTH, take_channels),
    LACKS("custom_intent", DEEPGRAM_FILE, NO_ANALYSIS),
    LACKS("custom_intent_mode", DEEPGRAM_FILE, NO_ANALYSIS),
    LACKS("custom_topic", DEEPGRAM_FILE, NO_ANALYSIS),
    LACKS("custom_topic_mode", DEEPGRAM_FILE, NO_ANALYSIS),
    LACKS("detect_entities", BOTH, NO_ANALYSIS),
    TAKEN("detect_language", BOTH, take_detect_language),
    SWITCH("diarize", BOTH, diarize),
    TAKEN("diarize_model", BOTH, take_diarize_model),
    TAKEN("diarize_version", BOTH, take_diarize_version),
    TAKEN("dictation", BOTH, take_dictation),
    TAKEN("encoding", BOTH, take_encoding),
    TAKEN("endpointing", DEEPGRAM_LIVE, take_endpointing),
    TAKEN("extra", BOTH, take_extra),
    LACKS("filler_words", BOTH, "the model leaves most of them out"),
    LACKS("intents", DEEPGRAM_FILE, NO_ANALYSIS),
    SWITCH("interim_results", DEEPGRAM_LIVE, interim_results),
    LACKS("keyterm", BOTH, NO_BOOST),
    LACKS("keywords", BOTH, NO_BOOST),
    TAKEN("language", BOTH, take_language),
    LACKS("measurements", BOTH, "measures stay as they are spoken"),
    {"mip_opt_out", BOTH, NULL, 0, NULL}, /* nobody learns from what is said here */
    TAKEN("model", BOTH, take_model),
    SWITCH("multichannel", BOTH, multichannel),
    LACKS("ner", BOTH, NO_ANALYSIS),
    {"no_delay", DEEPGRAM_LIVE, NULL, 0, NULL}, /* nothing is delayed */
    TAKEN("numerals", BOTH, take_numerals),
    TAKEN("paragraphs", DEEPGRAM_FILE, take_paragraphs),
    LACKS("profanity_filter", BOTH, "no words are left out"),
    TAKEN("punctuate", BOTH, take_punctuate),
    TAKEN("redact", BOTH, take_redact),
    LACKS("replace", BOTH, "no words are replaced"),
    TAKEN("sample_rate", BOTH, take_sample_rate),
    LACKS("search", BOTH, "nothing is searched for"),
    LACKS("sentiment", DEEPGRAM_FILE, NO_ANALYSIS),
    TAKEN("smart_format", BOTH, take_smart_format),
    LACKS("summarize", DEEPGRAM_FILE, NO_ANALYSIS),
    TAKEN("tag", BOTH, take_tag),
    LACKS("tier", BOTH, "there is one model"),
    LACKS("topics", DEEPGRAM_FILE, NO_ANALYSIS),
    TAKEN("utt_split", DEEPGRAM_FILE, take_utt_split),
    TAKEN("utterance_end_ms", DEEPGRAM_LIVE, take_utterance_end),
    SWITCH("utterances", DEEPGRAM_FILE, utterances),
    SWITCH("vad_events", DEEPGRAM_LIVE, vad_events),
    TAKEN("version", BOTH, take_version),
};

static const parameter *find(const char *name) {
    for (size_t i = 0; i < sizeof parameters / sizeof parameters[0]; i++) {
        if (strcmp(name, parameters[i].name) == 0) return &parameters[i];
    }
    return NULL;
}

/* A name that can be said in a header. */
static bool is_name(const char *name) {
    return name[0] && !name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")];
}

static steno_err take_one(query_reader *r, const char *name, const char *value) {
    const parameter *p = find(name);
    if (!p) return warn(r->q, is_name(name) ? name : "?", "unknown_parameter", "no such parameter");
    if (!(p->kinds & (int)r->kind))
        return warn(r->q, name, "unsupported_parameter",
                    r->kind == DEEPGRAM_LIVE ? "not for live streams" : "for live streams only");
    if (p->take) return p->take(r, name, value);
    if (p->flag) return take_bool(name, value, (bool *)((char *)r->q + p->flag));
    if (!p->lacks || strcasecmp(value, "false") == 0) return STENO_OK;
    return warn(r->q, name, "unsupported_parameter", p->lacks);
}

/* ---- the whole -------------------------------------------------------------------------------------------------- */

static steno_err check_live(deepgram_query *q) {
    if (!q->utterance_end_ms) return STENO_OK;
    /* Else the end of an utterance would be told in its middle. */
    if (q->endpoint_ms <= q->utterance_end_ms) return STENO_OK;
    q->endpoint_ms = q->utterance_end_ms;
    return warn(q, "endpointing", "adjusted", "no longer than utterance_end_ms");
}

static steno_err check(query_reader *r) {
    deepgram_query *q = r->q;
    if (q->raw && !r->rate_given) return err_fail(STENO_E_INVALID, "sample_rate: wanted with this encoding");
    if (q->raw && !q->audio.channels) q->audio.channels = 1;
    if (r->kind == DEEPGRAM_LIVE && !q->multichannel && q->audio.channels > PCM_MAX_CHANNELS)
        return err_fail(STENO_E_UNSUPPORTED, "channels: more than %d are for multichannel=true", PCM_MAX_CHANNELS);
    if (!q->raw && r->rate_given)
        ERR_TRY(warn(q, "sample_rate", "unsupported_parameter", "counts with an encoding only"));
    if (!q->raw && q->audio.channels)
        ERR_TRY(warn(q, "channels", "unsupported_parameter", "counts with an encoding only"));
    return r->kind == DEEPGRAM_LIVE ? check_live(q) : STENO_OK;
}

static steno_err start(deepgram_query *q) {
    *q = (deepgram_query){.endpointing = true,
                          .utt_split_s = DEEPGRAM_UTT_SPLIT_S,
                          .warnings = json_array(),
                          .tags = json_array(),
                          .extra = json_object()};
    if (q->warnings && q->tags && q->extra) return STENO_OK;
    return err_fail(STENO_E_NOMEM, "no memory for a query");
}

steno_err deepgram_query_parse(const char *const *args, int n_args, deepgram_kind kind, const char *model,
                               const char *language, deepgram_query *out) {
    query_reader r = {.q = out, .kind = kind, .model = model, .language = language};
    ERR_TRY(start(out));
    for (int i = 0; i < n_args; i++) {
        char name[NAME_BYTES] = "";
        size_t n = strcspn(args[i], "=");
        if (n < sizeof name) memcpy(name, args[i], n); /* one that is longer is unknown */
        ERR_TRY(take_one(&r, name, args[i][n] ? args[i] + n + 1 : ""));
    }
    return check(&r);
}

steno_err deepgram_query_no_speakers(deepgram_query *q) {
    q->diarize = false;
    return warn(q, "diarize", "unsupported_parameter", "speakers are not told apart");
}

void deepgram_query_free(deepgram_query *q) {
    json_decref(q->warnings);
    json_decref(q->tags);
    json_decref(q->extra);
    *q = (deepgram_query){0};
}

void deepgram_query_live(const deepgram_query *q, const steno_live_options *server, steno_live_options *out) {
    *out = *server;
    if (!q->interim_results) out->partial_ms = 0;
    if (q->endpoint_ms) {
        out->endpoint_ms = q->endpoint_ms;
        out->unfinished_ms = 0; /* who names a time means it */
    } else if (q->utterance_end_ms && q->utterance_end_ms < out->endpoint_ms) {
        out->endpoint_ms = q->utterance_end_ms;
    }
}
