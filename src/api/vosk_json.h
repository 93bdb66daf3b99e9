/* vosk_json.h: JSON laid out as vosk lays it out.
 *
 * Pure; any thread. Why: programs written for vosk often compare texts instead of reading JSON: `"partial" : ""` with its blanks,
 * `{\n  "text" : "` with its line end, members in alphabetical order, numbers with six digits.
 */
#ifndef STENO_API_VOSK_JSON_H
#define STENO_API_VOSK_JSON_H

#include <jansson.h>

/* Objects, arrays, strings and numbers; by mem_alloc(). NULL: no memory. */
char *vosk_json(const json_t *value, size_t *n);

#endif
