/* session.h: what every subcommand that recognises needs: the options of model, engine and voice activity, and the
 * media host, model and engine opened in the right order.
 *
 * Owner: the main thread. Invariant: the media host starts while the process has one thread.
 */
#ifndef STENO_CMD_SESSION_H
#define STENO_CMD_SESSION_H

#include "cmd/feeder.h"

#include <getopt.h>

typedef struct session_options {
    steno_model_options model;
    steno_engine_config engine;
    steno_vad_options vad;
    bool neg_threshold_given;
    media_channels channels;
    steno_speakers_options speakers; /* of recordings; OFF unless a subcommand turns it on */
    gate_policy policy;              /* of what is said */
    const char *redact_rules;        /* NULL: none of the operator's */
} session_options;

/* Codes of the shared long options; a subcommand's own start at SESSION_OPTION_LAST. */
enum session_option {
    SESSION_MODEL = 256,
    SESSION_PRECISION,
    SESSION_MODELS_DIR,
    SESSION_THREADS,
    SESSION_MAX_BATCH,
    SESSION_CHANNELS,
    SESSION_VAD,
    SESSION_VAD_THRESHOLD,
    SESSION_VAD_NEG_THRESHOLD,
    SESSION_VAD_MIN_SPEECH_MS,
    SESSION_VAD_MIN_SILENCE_MS,
    SESSION_VAD_JOIN_MS,
    SESSION_VAD_PAD_MS,
    SESSION_MAX_SEGMENT_S,
    SESSION_REDACT,
    SESSION_REDACT_TYPES,
    SESSION_REDACT_RULES,
    SESSION_ITN,
    SESSION_OPTION_LAST
};

#define SESSION_LONG_OPTIONS                                                                                           \
    {"model", required_argument, NULL, SESSION_MODEL}, {"precision", required_argument, NULL, SESSION_PRECISION},      \
        {"models-dir", required_argument, NULL, SESSION_MODELS_DIR},                                                   \
        {"threads", required_argument, NULL, SESSION_THREADS},                                                         \
        {"max-batch", required_argument, NULL, SESSION_MAX_BATCH},                                                     \
        {"channels", required_argument, NULL, SESSION_CHANNELS}, {"vad", required_argument, NULL, SESSION_VAD},        \
        {"vad-threshold", required_argument, NULL, SESSION_VAD_THRESHOLD},                                             \
        {"vad-neg-threshold", required_argument, NULL, SESSION_VAD_NEG_THRESHOLD},                                     \
        {"vad-min-speech-ms", required_argument, NULL, SESSION_VAD_MIN_SPEECH_MS},                                     \
        {"vad-min-silence-ms", required_argument, NULL, SESSION_VAD_MIN_SILENCE_MS},                                   \
        {"vad-join-ms", required_argument, NULL, SESSION_VAD_JOIN_MS},                                                 \
        {"vad-pad-ms", required_argument, NULL, SESSION_VAD_PAD_MS}, {                                                 \
        "max-segment-s", required_argument, NULL, SESSION_MAX_SEGMENT_S                                                \
    }

/* For those that show words. */
#define SESSION_PRIVACY_OPTIONS                                                                                        \
    {"redact", required_argument, NULL, SESSION_REDACT},                                                               \
        {"redact-types", required_argument, NULL, SESSION_REDACT_TYPES},                                               \
        {"redact-rules", required_argument, NULL, SESSION_REDACT_RULES}, {                                             \
        "itn", no_argument, NULL, SESSION_ITN                                                                          \
    }

/* Their part of --help, to stdout. */
void session_help(void);
void session_privacy_help(void);

void session_options_init(session_options *o);

/* Takes one shared option. Returns 0, or 2 after a complaint; -1: not one of the shared options. */
int session_option(session_options *o, const char *command, int code, const char *value);

/* What only shows once all options are read. Returns 0, or 2 after a complaint. */
int session_options_check(session_options *o, const char *command);

/* What finds personal data; NULL where nobody wants it found. */
STENO_CHECK steno_err session_open_privacy(const session_options *o, privacy **out);

typedef struct session {
    privacy *privacy;
    media_host *host;
    steno_model *model;
    steno_engine *engine;
    feeder_config feed; /* all but the paths, the order and stop_fd */
} session;

/* On failure everything is closed again. */
STENO_CHECK steno_err session_open(session *s, const session_options *o);
void session_close(session *s);

#endif
