/* wyoming_event.h: what Wyoming events ask for and say.
 *
 * Owner: the network thread. Pure: JSON in, values or a reason out; and the other way round.
 */
#ifndef STENO_API_WYOMING_EVENT_H
#define STENO_API_WYOMING_EVENT_H

#include "audio/pcm.h"

#include <jansson.h>

#define WYOMING_TEXT_BYTES_MAX    65536 /* of one transcript */
#define WYOMING_WARNING_BYTES_MAX 256

/* rate, width, channels of `audio-start` and `audio-chunk`. STENO_E_INVALID names the member and what it may be. */
STENO_CHECK steno_err wyoming_format(const json_t *data, pcm_format *out);

/* What `transcribe` asks for. STENO_E_UNSUPPORTED: a language the model does not speak. What is not done for other reasons is
 * put into the warning, "" if nothing. */
STENO_CHECK steno_err wyoming_transcribe(const json_t *data, const char *model, const char *language,
                                         char warning[WYOMING_WARNING_BYTES_MAX]);

/* The data of events; NULL: no memory. */
json_t *wyoming_info(const char *model, const char *language);
json_t *wyoming_error(const char *code, const char *text);
json_t *wyoming_pong(const json_t *ping);

/* ---- a transcript that grows ------------------------------------------------------------------------------------- */

/* Zeroed is empty. */
typedef struct wyoming_text {
    char *text; /* NULL: empty */
    size_t n, room;
} wyoming_text;

/* Adds a final's text; *chunk is what it added, with the blank before it, so that chunks joined are the whole. STENO_E_LIMIT:
 * longer than WYOMING_TEXT_BYTES_MAX. */
STENO_CHECK steno_err wyoming_text_add(wyoming_text *t, const char *text, const char **chunk);
void wyoming_text_free(wyoming_text *t);
json_t *wyoming_transcript(const wyoming_text *t, const char *language, const char *warning);

#endif
