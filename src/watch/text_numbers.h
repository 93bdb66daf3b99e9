/* text_numbers.h: what can be said of a text in numbers: nothing of the words themselves is kept.
 *
 * Purpose    the monitors' door: drafts go in, counts come out. Repeated words and a text that compresses well tell of a decoder in a
 *            loop, a partial that took back words of flicker.
 * Owner      one thread; a text_meter is its scratch.
 * Invariants texts of any bytes are taken; what is longer than TEXT_NUMBERS_MAX is measured as far as that.
 */
#ifndef STENO_WATCH_TEXT_NUMBERS_H
#define STENO_WATCH_TEXT_NUMBERS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TEXT_NUMBERS_MAX  8192
#define TEXT_WORDS_MAX    1024
#define TEXT_PERIOD_MAX   16 /* words of a phrase whose repetition is seen */
#define TEXT_COMPRESS_MIN 16 /* bytes; a shorter text says nothing by compressing */

typedef struct text_meter text_meter;
/* STENO_E_NOMEM. text_meter_close() takes NULL. */
STENO_CHECK steno_err text_meter_open(text_meter **out);
void text_meter_close(text_meter *m);

typedef struct text_numbers {
    uint32_t characters; /* code points but spaces */
    uint32_t words;      /* between spaces; Chinese and Japanese characters are words */
    uint32_t repeated;   /* words of a phrase of 1 to TEXT_PERIOD_MAX words that say again what stands before it */
    double compression;  /* bytes by bytes compressed; 1 for a text too short to tell */
} text_numbers;

void text_measure(text_meter *m, const char *text, size_t n, text_numbers *out);

/* What was shown of an utterance, as a number and a hash. Zeroed: nothing. */
typedef struct text_trace {
    uint32_t words;
    uint64_t hash;
} text_trace;

/* True when the text does not begin with all words that were shown before (case and punctuation do not count); it is what is
 * shown from now on. */
bool text_took_back(text_trace *shown, const char *text, size_t n);

#endif
