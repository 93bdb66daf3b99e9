/* deepgram_words.h: the words of a recorded file, written as JSON while they come.
 *
 * Owner      the network thread, one a recording. Pure.
 * Purpose    an hour of speech has ten thousand words: what has to be written of each is written when its segment comes, so
 *            that the answer at the end is only put together, and the network does not wait for it.
 * Invariants texts are kept as they stand in JSON, escaped, without quotes: a text of many words is theirs with blanks between.
 */
#ifndef STENO_API_DEEPGRAM_WORDS_H
#define STENO_API_DEEPGRAM_WORDS_H

#include "base/err.h"
#include "privacy/released.h"

#define DEEPGRAM_WORDS_BYTES_MAX ((size_t)64 << 20) /* of a channel */

/* Bytes that grow. After a failure (out of memory) nothing more is put in, and `failed` says so. */
typedef struct deepgram_text {
    char *bytes; /* owned */
    size_t n, room;
    bool failed;
} deepgram_text;

void deepgram_put(deepgram_text *t, const char *bytes, size_t n);
void deepgram_put_text(deepgram_text *t, const char *text);
void deepgram_put_seconds(deepgram_text *t, double s); /* three decimals; what is negative or no number is 0 */
/* As it stands in JSON, without its quotes. */
void deepgram_put_escaped(deepgram_text *t, const char *text, size_t n);
void deepgram_text_free(deepgram_text *t);

/* Where something stands in a channel's texts. */
typedef struct deepgram_piece {
    uint32_t at, n;
} deepgram_piece;

typedef struct deepgram_spoken {
    double start_s, end_s;
    float confidence;
    bool ends_sentence;
    int8_t speaker; /* STENO_SPEAKER_UNKNOWN until it is labelled */
    float margin;
    deepgram_piece text, plain, json; /* plain and json are empty for what is nothing but punctuation */
} deepgram_spoken;

/* Which words came together. */
typedef struct deepgram_heard {
    uint32_t id, n;
    size_t first;
} deepgram_heard;

/* A channel. Zeroed is empty. */
typedef struct deepgram_track {
    deepgram_spoken *words; /* [n] owned */
    size_t n, room;
    deepgram_heard *heard; /* [n_heard] owned, by id */
    size_t n_heard, heard_room;
    deepgram_text texts;
} deepgram_track;

/* STENO_E_LIMIT: no more is kept; what was there stays. */
STENO_CHECK steno_err deepgram_track_add(deepgram_track *t, const released_segment *s, bool punctuated);
/* Who speaks the words of a segment that was added: its id, n_words and their speakers. */
void deepgram_track_label(deepgram_track *t, const released_segment *labels);
void deepgram_track_free(deepgram_track *t);

#endif
