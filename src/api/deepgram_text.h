/* deepgram_text.h: words and texts as Deepgram writes them without punctuation.
 *
 * Owner: the network thread. Pure.
 */
#ifndef STENO_API_DEEPGRAM_TEXT_H
#define STENO_API_DEEPGRAM_TEXT_H

#include "base/err.h"

#include <jansson.h>

/* Lower case, each word without the punctuation round it ("Don't," -> "don't", "$5." -> "$5"); words that are nothing but
 * punctuation are gone. NULL: no memory. */
json_t *deepgram_plain(const char *text, size_t n);

/* As it is; NULL: no memory. */
json_t *deepgram_string(const char *text, size_t n);

/* {word, start, end, confidence, punctuated_word?}; json_null() for a word that is nothing but punctuation. */
json_t *deepgram_word(const char *text, size_t n, double start_s, double end_s, double confidence, bool punctuated);

/* A number with three decimals. */
json_t *deepgram_seconds(double s);

#endif
