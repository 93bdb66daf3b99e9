/* live_event.h: one thing that happened on a live stream, whether an engine in this process or a server said it.
 *
 * Owner: the main thread. An event read from JSON points into that JSON until live_event_free(); one made from an engine's
 * event points into it.
 */
#ifndef STENO_CMD_LIVE_EVENT_H
#define STENO_CMD_LIVE_EVENT_H

#include "base/err.h"
#include "privacy/released.h"
#include "output/speakers.h"

typedef enum live_kind {
    LIVE_OTHER, /* a type this program does not know: ignored, as the protocol may grow */
    LIVE_READY,
    LIVE_SPEECH,
    LIVE_PARTIAL,
    LIVE_FINAL,
    LIVE_OVERLOAD,
    LIVE_STATS,
    LIVE_SPEAKERS, /* who speaks a message that came before */
    LIVE_ERROR,
    LIVE_CLOSED
} live_kind;

typedef struct live_event {
    live_kind kind;
    uint64_t message; /* the utterance: its number, or a hash of its name */
    uint64_t rev;
    double start_s, end_s;
    double audio_end_s;      /* audio heard when this was decided; negative: not said */
    double first_word_end_s; /* FINAL with words; negative: not said */
    const char *text;        /* PARTIAL, FINAL: never NULL */
    size_t stable_bytes;     /* of text */
    steno_end_reason reason; /* FINAL */
    const char *speaker;     /* PARTIAL, FINAL, SPEAKERS: the name or label of who speaks most of it; NULL: not known */
    bool has_speaker;        /* speakers are told apart */
    bool several;            /* other people speak words of it too */
    bool overloaded;         /* OVERLOAD */
    bool finalized;          /* STATS */
    bool fatal;              /* ERROR */
    uint64_t audio_samples;  /* READY, STATS, CLOSED */
    const char *code, *what; /* ERROR: never NULL */
    void *json;              /* owned, or NULL */
    char label[SPEAKER_LABEL_BYTES]; /* room for the speaker's */
} live_event;

/* Reads one message of the wire. STENO_E_FORMAT when it is not an object with a type. */
STENO_CHECK steno_err live_event_parse(const char *bytes, size_t n, live_event *out);
void live_event_free(live_event *e);

/* The bytes of the first `characters` Unicode characters of `text`, or all of them. */
size_t live_prefix_bytes(const char *text, uint64_t characters);

/* What an engine said. LIVE_OTHER for what the wire has no word for. `names` NULL: speakers are not told apart. */
void live_event_from_engine(const released_event *from, const speaker_names *names, live_event *out);

#endif
