/* events.h: engine events as the JSON of docs/protocol.md.
 *
 * Owner: the network thread. Pure: numbers in, text out. Texts are what stands behind the number of an event:
 * "\"type\":…}", made by jansson; the caller gives them back by events_free(). NULL: no memory.
 */
#ifndef STENO_API_EVENTS_H
#define STENO_API_EVENTS_H

#include "api/params.h"

typedef struct event_text {
    char *json; /* owned, with its opening brace */
    const char *body;
    size_t n;
} event_text;

typedef struct session_totals {
    uint64_t audio_samples; /* of the client's own rate, a channel */
    double audio_s, speech_s;
    uint64_t partials, finals, words;
    int partial_ms;
} session_totals;

typedef struct ready_members {
    const char *session, *model, *language;
    const stream_params *params;
    bool resumed;
    uint64_t audio_samples;
    int resume_window_ms;
} ready_members;

/* Who is called what in events of a stream that tells speakers apart. Zeroed: nobody has a name. */
typedef struct event_speakers {
    speaker_names names;
    char given[STENO_SPEAKERS_MAX + 1][STENO_VOICE_NAME_BYTES]; /* by name_speaker: OTHER, then 0, 1 …; "": none */
} event_speakers;

/* A label gets a name, or loses it. False: nobody can have this label. */
bool events_name_speaker(event_speakers *who, const char *label, const char *name);

event_text events_ready(const ready_members *m);
event_text events_speech(const released_event *e);
/* What of a partial or final is said beside its text. */
typedef struct event_members {
    bool words, entities;
    const event_speakers *speakers; /* NULL: they are not told apart */
} event_members;

event_text events_words(const released_event *e, const event_members *with);
event_text events_revision(const released_event *e, const event_speakers *who);
event_text events_overload(const released_event *e);
event_text events_stats(const session_totals *t, const char *answer); /* "finalized", "configured" or NULL */
event_text events_error(const char *code, const char *message, bool fatal);
event_text events_closed(const session_totals *t, const char *reason);
void events_free(event_text *t);

/* [{"type", "start_char", "end_char", "first_word", "words", "start", "end", "confidence"}]: characters of the text, seconds.
 * NULL: no memory. */
json_t *events_entities(const released_segment *s);

/* A string even if the text is not UTF-8: then what is not ASCII becomes '?'. */
json_t *events_string(const char *text, size_t n);

/* Unicode characters of the first n bytes of UTF-8. */
size_t events_count_chars(const char *text, size_t n);

#endif
