/* speakers.h: the API of enrolled voices: /v1/speakers. See docs/speakers.md.
 *
 * Owner      the network thread. Recordings are decoded and heard on a thread of its own, rows are the store thread's.
 * Invariants nobody sees another owner's voices; no answer has a print; what was uploaded is in files without names until it was
 *            heard, and then nowhere; at most SPEAKERS_WAITING_MAX recordings wait to be heard.
 */
#ifndef STENO_API_SPEAKERS_H
#define STENO_API_SPEAKERS_H

#include "api/routes.h"
#include "api/voice_book.h"

#define SPEAKERS_WAITING_MAX  8   /* uploads and enrolments under way; more are told to come again */
#define SPEAKERS_FILES_MAX    16  /* of one voice */
#define SPEAKERS_AUDIO_MAX_S  300 /* of one voice, all recordings together */
#define SPEAKERS_FILE_MAX_MB  64
#define SPEAKERS_DECODE_CPU_S 30 /* of a child, for one recording */

typedef struct speakers_config {
    const char *key_file; /* of the voices; copied */
    int voices_max;
} speakers_config;

typedef struct speakers speakers;

/* `table` as voice_book_open() takes it. */
STENO_CHECK steno_err speakers_open(service *v, const speakers_config *config, worker *store, voices_table *table,
                                    speakers **out);
void speakers_configure(speakers *s, const speakers_config *config);
/* Once a second. */
void speakers_tick(speakers *s);
voice_book *speakers_book(const speakers *s); /* NULL is allowed, and gives NULL */
/* Gives up what is being heard: before the engines close. NULL is allowed. */
void speakers_stop(speakers *s);
/* After the store has closed. NULL is allowed. */
void speakers_close(speakers *s);

void speakers_answer_post(call *c);
void speakers_answer_list(call *c);
void speakers_answer_delete(call *c);

#endif
