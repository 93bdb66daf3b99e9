/* params.c: see params.h. */
#include "api/params.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SEQ 9007199254740991u /* what a JSON number holds exactly */

static const struct {
    const char *name;
    pcm_encoding encoding;
} encodings[] = {{"pcm_s16le", PCM_S16LE}, {"pcm_f32le", PCM_F32LE}, {"mulaw", PCM_MULAW}, {"alaw", PCM_ALAW}};

/* A number a client may set, wherever it says so. */
typedef struct number {
    const char *name;
    double lowest, highest;
    int *whole;
    float *real;
} number;

#define MAX_NUMBERS 12

/* Those of queries and `configure` alike come first. */
static int live_numbers(steno_live_options *l, number out[MAX_NUMBERS]) {
    int n = 0;
    out[n++] = (number){"endpoint_ms", 100, 5000, &l->endpoint_ms, NULL};
    out[n++] = (number){"unfinished_ms", 0, 5000, &l->unfinished_ms, NULL};
    out[n++] = (number){"max_utterance_s", 2, 30, NULL, &l->max_utterance_s};
    out[n++] = (number){"partial_ms", 0, 5000, &l->partial_ms, NULL};
    return n;
}

static int query_numbers(stream_params *p, number out[MAX_NUMBERS]) {
    int n = live_numbers(&p->live, out);
    out[n++] = (number){"sample_rate", PCM_MIN_HZ, PCM_MAX_HZ, &p->audio.rate_hz, NULL};
    out[n++] = (number){"channels", 1, PCM_MAX_CHANNELS, &p->audio.channels, NULL};
    out[n++] = (number){"stats_ms", 0, PARAMS_MAX_STATS_MS, &p->stats_ms, NULL};
    out[n++] = (number){"max_speakers", 1, STENO_SPEAKERS_MAX, &p->speakers.max_speakers, NULL};
    out[n++] = (number){"hold_ms", 0, PARAMS_HOLD_MAX_MS, &p->speakers.hold_ms, NULL};
    return n;
}

/* Zero means "none" where less than a smallest useful time is allowed at all. */
static double lowest_but_zero(const number *n) {
    return strcmp(n->name, "partial_ms") == 0 ? 100 : strcmp(n->name, "stats_ms") == 0 ? 500 : n->lowest;
}

static steno_err set_number(const number *n, double value) {
    double least = lowest_but_zero(n);
    bool zero = n->lowest == 0 && value == 0;
    if (!isfinite(value) || (!zero && value < least) || value > n->highest)
        return err_fail(STENO_E_INVALID, "%s: want a number from %g to %g%s", n->name, least, n->highest,
                        least > 0 && n->lowest == 0 ? ", or 0" : "");
    if (n->whole && value != floor(value)) return err_fail(STENO_E_INVALID, "%s: want a whole number", n->name);
    if (n->whole)
        *n->whole = (int)value;
    else
        *n->real = (float)value;
    return STENO_OK;
}

static steno_err check_language(const char *value, const char *language) {
    if (strcmp(value, language) == 0) return STENO_OK;
    return err_fail(STENO_E_UNSUPPORTED, "language: this model speaks '%s'", language);
}

void params_init(stream_params *p, const steno_live_options *live) {
    *p = (stream_params){.audio = {.encoding = PCM_S16LE, .rate_hz = STENO_SAMPLE_RATE_HZ, .channels = 1},
                         .live = *live,
                         .words = true,
                         .stats_ms = 2000};
    steno_speakers_options_init(&p->speakers);
    policy_init(&p->policy);
}

/* ---- queries ---------------------------------------------------------------------------------------------------- */

static bool decimal(const char *text, double *out) {
    if (text[0] < '0' || text[0] > '9' || text[strspn(text, "0123456789.")]) return false;
    char *end;
    *out = strtod(text, &end);
    return *end == 0;
}

static bool is_token(const char *text) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    return strlen(text) == PARAMS_TOKEN_BYTES && strspn(text, letters) == PARAMS_TOKEN_BYTES;
}

static steno_err take_encoding(stream_params *p, const char *value) {
    for (size_t i = 0; i < sizeof encodings / sizeof encodings[0]; i++) {
        if (strcmp(value, encodings[i].name) != 0) continue;
        p->audio.encoding = encodings[i].encoding;
        return STENO_OK;
    }
    return err_fail(STENO_E_INVALID, "encoding: want pcm_s16le, pcm_f32le, mulaw or alaw");
}

static steno_err take_seq(stream_params *p, const char *value) {
    double v;
    if (!decimal(value, &v) || v != floor(v) || v > (double)MAX_SEQ)
        return err_fail(STENO_E_INVALID, "last_seq: want a whole number");
    p->last_seq = (uint64_t)v;
    return STENO_OK;
}

static steno_err take_switch(bool *out, const char *value) {
    *out = strcmp(value, "true") == 0;
    if (*out || strcmp(value, "false") == 0) return STENO_OK;
    return err_fail(STENO_E_INVALID, "words: want true or false");
}

static const char *const contracts[] = {[STENO_SPEAKERS_OFF] = "off",
                                        [STENO_SPEAKERS_REVISE] = "revise",
                                        [STENO_SPEAKERS_DELAYED] = "delayed",
                                        [STENO_SPEAKERS_ENROLLED] = "enrolled"};

bool params_contract(const char *name, steno_speakers_contract *out) {
    for (size_t i = 0; i < sizeof contracts / sizeof contracts[0]; i++) {
        if (strcmp(name, contracts[i]) != 0) continue;
        *out = (steno_speakers_contract)i;
        return true;
    }
    return false;
}

const char *params_contract_name(steno_speakers_contract contract) {
    return contracts[contract];
}

static steno_err take_contract(stream_params *p, const char *value) {
    if (params_contract(value, &p->speakers.contract)) return STENO_OK;
    return err_fail(STENO_E_INVALID, "speakers: want off, revise, delayed or enrolled");
}

static steno_err take_voices(stream_params *p, const char *value) {
    if (strlen(value) >= sizeof p->voices)
        return err_fail(STENO_E_LIMIT, "voices: names of at most %d voices", STENO_SPEAKERS_MAX);
    json_t *text = json_string(value);
    if (!text) return err_fail(STENO_E_INVALID, "voices: not UTF-8");
    json_decref(text);
    memcpy(p->voices, value, strlen(value) + 1);
    return STENO_OK;
}

/* What only shows once all is read. */
static steno_err check_query(const stream_params *p) {
    bool off = p->speakers.contract == STENO_SPEAKERS_OFF;
    if (p->last_seq && !p->resume[0]) return err_fail(STENO_E_INVALID, "last_seq: means nothing without resume");
    if (off && p->voices[0]) return err_fail(STENO_E_INVALID, "voices: means nothing without speakers");
    if (p->speakers.contract == STENO_SPEAKERS_ENROLLED && !p->voices[0])
        return err_fail(STENO_E_INVALID, "voices: speakers=enrolled wants names of enrolled voices, or *");
    return steno_live_options_check(&p->live);
}

static steno_err take_one(stream_params *p, const char *name, const char *value, const char *language) {
    number numbers[MAX_NUMBERS];
    bool mine;
    ERR_TRY(redaction_take(&p->redact, name, value, &mine));
    if (mine) return STENO_OK;
    int n = query_numbers(p, numbers);
    for (int i = 0; i < n; i++) {
        double v;
        if (strcmp(name, numbers[i].name) == 0) return set_number(&numbers[i], decimal(value, &v) ? v : NAN);
    }
    if (strcmp(name, "encoding") == 0) return take_encoding(p, value);
    if (strcmp(name, "words") == 0) return take_switch(&p->words, value);
    if (strcmp(name, "language") == 0) return check_language(value, language);
    if (strcmp(name, "last_seq") == 0) return take_seq(p, value);
    if (strcmp(name, "speakers") == 0) return take_contract(p, value);
    if (strcmp(name, "voices") == 0) return take_voices(p, value);
    if (strcmp(name, "resume") == 0 && is_token(value)) {
        memcpy(p->resume, value, sizeof p->resume);
        return STENO_OK;
    }
    if (strcmp(name, "resume") == 0) return err_fail(STENO_E_INVALID, "resume: not a session token");
    return err_fail(STENO_E_INVALID, "%.40s: no such parameter", name);
}

/* Whether the name before '=' in args[i] stood before. */
static bool repeated(const char *const *args, int i, size_t n) {
    for (int k = 0; k < i; k++) {
        if (strncmp(args[k], args[i], n) == 0 && (args[k][n] == '=' || args[k][n] == 0)) return true;
    }
    return false;
}

steno_err params_from_query(stream_params *p, const char *const *args, int n_args, const char *language) {
    for (int i = 0; i < n_args; i++) {
        char name[48];
        size_t n = strcspn(args[i], "=");
        if (n >= sizeof name) return err_fail(STENO_E_INVALID, "%.40s: no such parameter", args[i]);
        memcpy(name, args[i], n);
        name[n] = 0;
        if (repeated(args, i, n)) return err_fail(STENO_E_INVALID, "%s: given twice", name);
        ERR_TRY(take_one(p, name, args[i][n] ? args[i] + n + 1 : "", language));
    }
    return check_query(p);
}

/* ---- controls --------------------------------------------------------------------------------------------------- */

static steno_err configure_member(control *c, const char *name, const json_t *value, const char *language) {
    number numbers[MAX_NUMBERS];
    bool mine;
    ERR_TRY(redaction_take_json(&c->redact, name, value, &mine));
    if (mine) return STENO_OK;
    int n = live_numbers(&c->live, numbers);
    for (int i = 0; i < n; i++) {
        if (strcmp(name, numbers[i].name) == 0)
            return set_number(&numbers[i], json_is_number(value) ? json_number_value(value) : NAN);
    }
    if (strcmp(name, "words") == 0 && json_is_boolean(value)) {
        c->words = json_is_true(value);
        return STENO_OK;
    }
    if (strcmp(name, "words") == 0) return err_fail(STENO_E_INVALID, "words: want true or false");
    if (strcmp(name, "language") == 0 && json_is_string(value))
        return check_language(json_string_value(value), language);
    if (strcmp(name, "language") == 0) return err_fail(STENO_E_INVALID, "language: want a string");
    if (strcmp(name, "hotwords") == 0) {
        c->hotwords = true;
        return STENO_OK;
    }
    return err_fail(STENO_E_INVALID, "configure: no member '%.40s'", name);
}

static steno_err read_configure(control *c, json_t *object, const char *language) {
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value) {
        if (strcmp(name, "type") != 0) ERR_TRY(configure_member(c, name, value, language));
    }
    return steno_live_options_check(&c->live);
}

static steno_err read_keepalive(control *c, json_t *object) {
    json_t *seq = json_object_get(object, "last_seq");
    if (!seq) return STENO_OK;
    if (!json_is_integer(seq) || json_integer_value(seq) < 0)
        return err_fail(STENO_E_INVALID, "last_seq: want a whole number");
    c->acknowledges = true;
    c->last_seq = (uint64_t)json_integer_value(seq);
    return STENO_OK;
}

static steno_err take_text(json_t *object, const char *member, size_t least, char *out, size_t room) {
    const char *text = json_string_value(json_object_get(object, member));
    size_t n = text ? strlen(text) : 0;
    if (!text || n < least || n >= room)
        return err_fail(STENO_E_INVALID, "%s: want a string of %zu to %zu bytes", member, least, room - 1);
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return err_fail(STENO_E_INVALID, "%s: has control characters in it", member);
    }
    memcpy(out, text, n + 1);
    return STENO_OK;
}

static steno_err read_merge(control *c, json_t *object) {
    ERR_TRY(take_text(object, "from", 1, c->speaker, sizeof c->speaker));
    return take_text(object, "into", 1, c->into, sizeof c->into);
}

static steno_err read_name(control *c, json_t *object) {
    ERR_TRY(take_text(object, "speaker", 1, c->speaker, sizeof c->speaker));
    return take_text(object, "name", 0, c->name, sizeof c->name);
}

static steno_err read_members(control *c, json_t *object, const char *language) {
    switch (c->kind) {
    case CONTROL_CONFIGURE:
        return read_configure(c, object, language);
    case CONTROL_KEEPALIVE:
        return read_keepalive(c, object);
    case CONTROL_MERGE_SPEAKERS:
        return read_merge(c, object);
    case CONTROL_NAME_SPEAKER:
        return read_name(c, object);
    default:
        return STENO_OK;
    }
}

static steno_err read_control(control *c, json_t *object, const char *language) {
    static const char *const names[] = {"configure", "finalize",       "keepalive",
                                        "close",     "merge_speakers", "name_speaker"};
    const char *type = json_string_value(json_object_get(object, "type"));
    if (!type) return err_fail(STENO_E_INVALID, "want an object with a 'type'");
    for (int kind = CONTROL_CONFIGURE; kind <= CONTROL_NAME_SPEAKER; kind++) {
        if (strcmp(type, names[kind]) != 0) continue;
        c->kind = (control_kind)kind;
        return read_members(c, object, language);
    }
    return err_fail(STENO_E_INVALID,
                    "type: want configure, finalize, keepalive, close, merge_speakers or name_speaker");
}

steno_err control_parse(const char *text, size_t n, const stream_params *now, const char *language, control *out) {
    json_error_t why;
    *out = (control){.live = now->live, .words = now->words};
    json_t *object = json_loadb(text, n, JSON_REJECT_DUPLICATES, &why);
    if (!object) return err_fail(STENO_E_FORMAT, "not a JSON object: it goes wrong at byte %d", why.position);
    steno_err e = read_control(out, object, language);
    json_decref(object);
    return e;
}

json_t *params_json(const stream_params *p, const char *language) {
    json_t *o =
        json_pack("{s:s, s:i, s:i, s:i, s:i, s:f, s:i, s:s, s:b, s:i}", "encoding", encodings[p->audio.encoding].name,
                  "sample_rate", p->audio.rate_hz, "channels", p->audio.channels, "endpoint_ms", p->live.endpoint_ms,
                  "unfinished_ms", p->live.unfinished_ms, "max_utterance_s", (double)p->live.max_utterance_s,
                  "partial_ms", p->live.partial_ms, "language", language, "words", p->words, "stats_ms", p->stats_ms);
    json_t *more = json_pack("{s:s, s:i, s:i, s:s}", "speakers", contracts[p->speakers.contract], "max_speakers",
                             p->speakers.max_speakers, "hold_ms", p->speakers.hold_ms, "voices", p->voices);
    if (o && more && json_object_update(o, more) == 0 && redaction_put(o, &p->policy)) {
        json_decref(more);
        return o;
    }
    json_decref(o);
    json_decref(more);
    return NULL;
}
