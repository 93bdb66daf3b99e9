/* openai_int.h: what the files of OpenAI's dialect share: errors, warnings, names of models, bodies. Pure but for replies.
 *
 * Owner: the network thread.
 */
#ifndef STENO_API_OPENAI_INT_H
#define STENO_API_OPENAI_INT_H

#include "api/openai.h"
#include "api/recording.h"
#include "api/redaction.h"
#include "api/upload.h"

#define OPENAI_MESSAGE_BYTES 320
#define OPENAI_NOTES_BYTES   768 /* of all warnings of one request; what does not fit is counted */
#define OPENAI_PATH_MAX      64

/* ---- openai.c: errors, warnings, models ------------------------------------------------------------------------ */

typedef struct openai_failure {
    int status;
    const char *type;  /* "invalid_request_error", "server_error" … */
    const char *code;  /* a word for programs; NULL: null */
    const char *param; /* whose fault; NULL: null */
    char message[OPENAI_MESSAGE_BYTES];
} openai_failure;

/* Fills it in as an invalid_request_error with status 400, and returns false. */
bool openai_fail(openai_failure *f, const char *code, const char *param, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* {"message", "type", "param", "code"} */
json_t *openai_error(const openai_failure *f);
void openai_reply_failure(net_reply *reply, const openai_failure *f);
void openai_failure_of_refusal(openai_failure *f, const call_refusal *why);
/* What an error of ours is to a client of OpenAI's: its input, its limits, or our own fault. */
void openai_failure_of(openai_failure *f, steno_err e, const char *detail);

/* What was asked for and is not done, one sentence each. Zeroed is empty. ASCII: it goes into a header. */
typedef struct openai_notes {
    char text[OPENAI_NOTES_BYTES]; /* joined by "; " */
    size_t n;
    int count, left_out;
} openai_notes;
void openai_note(openai_notes *notes, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* As JSON strings; NULL: none. */
json_t *openai_notes_json(const openai_notes *notes);

typedef enum openai_model_kind {
    OPENAI_MODEL_UNKNOWN,
    OPENAI_MODEL_WHISPER, /* usage in seconds; Realtime: one delta with the whole text */
    OPENAI_MODEL_GPT,     /* usage in tokens */
    OPENAI_MODEL_OWN      /* "steno", "moonshine-tiny", "tiny": usage in seconds */
} openai_model_kind;
/* `own`: the name of the model that is loaded, "tiny". `realtime`: names that OpenAI knows in Realtime sessions only
 * count too. */
openai_model_kind openai_model_of(const char *name, const char *own, bool realtime);
/* Whether a language tag ("en", "en-US", "english") is the model's own language. */
bool openai_speaks(const char *tag, const char *language);
/* Its name in English, as verbose_json says it; unknown: the tag itself. */
const char *openai_language_name(const char *language);

/* ---- openai_form.c: what a transcription is asked for ------------------------------------------------------------ */

typedef enum openai_format {
    OPENAI_FORMAT_JSON,
    OPENAI_FORMAT_TEXT,
    OPENAI_FORMAT_SRT,
    OPENAI_FORMAT_VERBOSE_JSON,
    OPENAI_FORMAT_VTT,
    OPENAI_FORMAT_DIARIZED_JSON
} openai_format;

#define OPENAI_KNOWN_MAX 4 /* speakers whose names and voices come with a request */

typedef struct openai_options {
    openai_format format;
    openai_model_kind model;
    bool stream;
    bool words, segments; /* of verbose_json */
    bool logprobs;
    steno_vad_options vad; /* only with vad_given */
    bool vad_given;
    int n_known; /* diarized_json: whose names were given, in their order */
    char known[OPENAI_KNOWN_MAX][STENO_VOICE_NAME_BYTES];
    redact_wish redact;
    openai_notes notes;
} openai_options;

/* Fields whose values are large: they come as files do. */
extern const char *const openai_spooled_fields[];

/* False: `why` says what is wrong with which parameter. */
bool openai_form_read(const upload_field *fields, int n, const char *own_model, const char *language,
                      openai_options *out, openai_failure *why);

/* ---- openai_body.c: transcripts as OpenAI's bodies and events ------------------------------------------------------- */

typedef struct openai_usage {
    double audio_s, speech_s;
    uint64_t tokens; /* decoded */
} openai_usage;

/* The segments' texts joined by spaces, freed by mem_free(); NULL: no memory. */
char *openai_text(const document *d, size_t *bytes);
/* A whole body, freed by mem_free(), and its content type; NULL: no memory. */
char *openai_body(const document *d, const openai_options *o, const openai_usage *u, const char *language,
                  size_t *bytes, const char **type);
/* One server-sent event, "data: …\n\n", freed by mem_free(); NULL: no memory. The object is stolen. */
char *openai_sse(json_t *event, size_t *bytes);
json_t *openai_delta_event(const released_segment *s, bool first, bool logprobs);
json_t *openai_done_event(const document *d, const openai_options *o, const openai_usage *u);
/* One of each stretch of one speaker in a segment, appended to `list`: {"type": "transcript.text.segment", "id", "start", "end",
 * "speaker", "text"}; their ids count on. False: no memory. */
bool openai_add_diarized(json_t *list, const released_segment *s, const openai_options *o);
/* Of all segments; NULL: no memory. */
json_t *openai_diarized(const document *d, const openai_options *o);
/* One entry a word: see docs/dialects/openai.md about what these are. `spaced`: the first has a space before it. */
json_t *openai_logprobs(const released_segment *s, bool spaced);
json_t *openai_duration_usage(double audio_s);
/* A string even if the text is not UTF-8. */
json_t *openai_string(const char *text);

#endif
