/* deepgram_about.h: what Deepgram says about a request: its metadata, its errors.
 *
 * Owner: the network thread. Pure. Functions that return json_t say NULL when there is no memory.
 */
#ifndef STENO_API_DEEPGRAM_ABOUT_H
#define STENO_API_DEEPGRAM_ABOUT_H

#include "api/deepgram_query.h"

#define DEEPGRAM_UUID_BYTES   37
#define DEEPGRAM_SHA256_BYTES 65 /* in hexadecimal, with its end */

/* A request, or a live stream. */
typedef struct deepgram_about {
    const char *request_id, *model;
    const deepgram_query *query;
    int channels;
} deepgram_about;

/* The same for the same model, always. */
void deepgram_model_uuid(const char *model, char out[DEEPGRAM_UUID_BYTES]);

/* What is said at the end, or of a whole file: request, sum of its bytes, time, length, model, tags, extra, warnings.
 * `created_ms`: of the calendar, UTC. */
json_t *deepgram_metadata(const deepgram_about *a, const char *sha256, int64_t created_ms, double duration_s);

/* What each result of a live stream has. */
json_t *deepgram_result_metadata(const deepgram_about *a);

/* {"err_code", "err_msg", "request_id"}. */
json_t *deepgram_error(int status, const char *message, const char *request_id);

#endif
