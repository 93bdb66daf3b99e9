/* book.h: which labels the words of a stream's messages were given, and which messages have to be said anew.
 *
 * Purpose    a message (a final) is entered with the times of its words and gets the labels that the timeline has for them;
 *            when the timeline changes, book_find() looks at the messages that it overlaps and finds those whose labels are
 *            different now. What a label may do afterwards is the stream's contract:
 *              REVISE    it may change until the end. A few words at the edge of a speaker's stretch, which a block's length
 *                        moves to and fro, are no reason to say a message again.
 *              DELAYED   a word is unknown until its label is sure, or hold_ms of audio have passed since its end, and then
 *                        fixed; hold_ms 0: it is fixed as it is entered, to the best guess.
 *              ENROLLED  fixed at its first label; unknown for good when there was none for BOOK_GIVE_UP_MS.
 *            A message of these two says who it is of only once all its words are fixed.
 * Owner      the stream's home shard; fixed-size memory; pure: no clock, no log, no allocation after book_open().
 * Invariants 1. DELAYED, ENROLLED: a label that was said and is not UNKNOWN is never said differently.
 *            2. Work is bounded by the words of the messages that overlap a change; a caller may spread it over calls.
 *            3. A full book forgets its oldest messages, fixed as they are.
 */
#ifndef STENO_SPEAKERS_BOOK_H
#define STENO_SPEAKERS_BOOK_H

#include "speakers/timeline.h"

#define BOOK_WORDS         131072 /* as many as a timeline has blocks: nine hours of quick talk */
#define BOOK_MESSAGES      16384
#define BOOK_MESSAGE_WORDS 256
#define BOOK_SURE_MARGIN   0.5f /* DELAYED: from this margin on a label is fixed at once */
#define BOOK_GIVE_UP_MS    4000

typedef struct book book;

/* What is said of a message besides its words' labels. */
typedef struct book_label {
    uint32_t id, rev;
    uint32_t n_words;
    int speaker;  /* of most of its words, by time */
    float margin; /* 0..1 */
    bool fixed;   /* nothing of it changes any more */
} book_label;

typedef struct book_contract {
    steno_speakers_contract contract;
    int hold_ms;
    bool at_end; /* a recording's: nothing is known before book_finish() */
} book_contract;

STENO_CHECK steno_err book_open(book **out);
void book_free(book *b); /* NULL is allowed */
void book_reset(book *b, book_contract contract);

/* Enters a message that is handed out now as revision `rev`, n <= BOOK_MESSAGE_WORDS words in the order of time; labels are
 * written to words[].speaker and *out. Messages come in the order of time. */
void book_add(book *b, const timeline *line, uint32_t id, uint32_t rev, steno_word *words, uint32_t n, book_label *out);
/* Labels of a text that is still open: nothing is entered. Of contracts that fix labels they stay unknown. */
void book_partial(book *b, const timeline *line, steno_word *words, uint32_t n, book_label *out);

/* Blocks [first, end) have changed, or time has passed (first == end). */
void book_touch(book *b, int64_t first, int64_t end);
/* No more audio: what is not fixed will be. */
void book_finish(book *b);

typedef enum book_found {
    BOOK_NOTHING, /* every message is as it was said */
    BOOK_MESSAGE, /* one is not: book_say() */
    BOOK_TIRED    /* *work is used up; there is more to look at */
} book_found;

/* The next message to say; looks at no more than *work words, which it counts down. */
book_found book_find(book *b, const timeline *line, int *work);
/* After BOOK_MESSAGE: what to say of it, with a rev of its own; it is as said from now on. */
void book_say(book *b, book_label *out, steno_word *words);

#endif
