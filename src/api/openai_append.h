/* openai_append.h: one client event of a Realtime session from pieces; the audio in it never stands in memory whole.
 *
 * Owner: the network thread, one a connection. Pure. The value of "audio" at the top of the object is base64 and goes
 * out decoded, piece by piece, as it comes; the rest of the object is kept and parsed when it is whole. Zeroed is ready.
 */
#ifndef STENO_API_OPENAI_APPEND_H
#define STENO_API_OPENAI_APPEND_H

#include "base/err.h"

#include <jansson.h>

#define OPENAI_EVENT_BYTES_MAX 65536 /* of an event without its audio */
#define OPENAI_EVENT_SHORT     128   /* of one that needs no memory of its own */

/* Takes up to OPENAI_AUDIO_PIECE bytes. A failure ends the audio of this event, and is told by openai_event_end(). */
#define OPENAI_AUDIO_PIECE 3072
typedef steno_err openai_audio_sink(void *user, const unsigned char *bytes, size_t n);

typedef struct openai_event {
    unsigned char state;
    bool object, key_due, value_due, in_key, too_long;
    bool has_audio, bad_audio, padded;
    int depth;
    char key[6]; /* the front of a key at the top: enough to tell "audio" from others */
    unsigned char key_n;
    char escape[4];
    unsigned char escape_n;
    unsigned char quad_n;
    uint32_t quad; /* base64 characters that are no byte yet */
    uint64_t audio_bytes;
    steno_err sink_error;
    char *text; /* when `small` is too small */
    uint32_t n, room;
    char small[OPENAI_EVENT_SHORT];
} openai_event;

void openai_event_begin(openai_event *e);
void openai_event_push(openai_event *e, const char *bytes, size_t n, openai_audio_sink *sink, void *user);
/* The event, in which the audio is "" if there was any. STENO_E_FORMAT: no JSON object, or the audio is no base64;
 * STENO_E_LIMIT: too long; or what the sink said. *out is set when there is an object, whatever else is wrong. */
STENO_CHECK steno_err openai_event_end(openai_event *e, json_t **out);
void openai_event_free(openai_event *e);

#endif
