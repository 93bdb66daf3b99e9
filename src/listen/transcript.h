/* transcript.h: tokens with probabilities and times -> a segment with words. Pure functions, no policy about models.
 *
 * Also the guards: transcript_loop() finds the model's known failure, a tail that repeats.
 *
 * Text      valid UTF-8, single spaces, no space at either end. Bytes that are no character become one U+FFFD a run;
 *           control and invisible formatting characters are dropped. More than TRANSCRIPT_TEXT_BYTES - 1 bytes or
 *           TRANSCRIPT_MAX_TOKENS tokens are cut off at a character.
 * Words     run from space to space, and Chinese and Japanese characters are words of their own. Punctuation belongs to
 *           the word it touches; closing punctuation after a space (" .") joins the word before it; other punctuation
 *           that stands alone (" - ") is in the text but in no word, and so is what follows the 256th word. A word
 * never holds a space. Numbers   punctuation says nothing about when a word was said or whether it is right, so a
 * word's times and confidence come from the tokens that hold something else.
 */
#ifndef STENO_LISTEN_TRANSCRIPT_H
#define STENO_LISTEN_TRANSCRIPT_H

#include "nn/tokenizer.h"
#include "steno.h"

#define TRANSCRIPT_MAX_TOKENS 256
#define TRANSCRIPT_TEXT_BYTES 4096
#define TRANSCRIPT_MIN_WORD_S 0.02 /* no word is shorter, unless all together would not fit */

typedef struct transcript_token {
    int32_t id;
    float logprob;         /* natural log of the token's probability */
    double start_s, end_s; /* in the recording */
} transcript_token;

/* Storage for one segment: fixed size, no pointers into it survive a copy except through transcript_view(). */
typedef struct transcript {
    double start_s, end_s;
    float confidence;
    bool looped; /* set by the caller, false after transcript_build() */
    uint32_t text_bytes, n_words;
    char text[TRANSCRIPT_TEXT_BYTES];
    steno_word words[TRANSCRIPT_MAX_TOKENS];
} transcript;

/* A word's confidence is the product of its tokens' probabilities, and of the token's before it to the power 0.3, all to
 * the power 0.4: the chance that the word is right (docs/confidence.md). The segment's is its words' mean.
 * Word times are made monotonic, at least TRANSCRIPT_MIN_WORD_S long and clipped to [span_start_s, span_end_s]; the
 * segment lasts from its first word to its last. Without anything but punctuation out->text_bytes and out->n_words are
 * 0. */
void transcript_build(const tokenizer *t, const transcript_token *tokens, int n, double span_start_s, double span_end_s,
                      transcript *out);

/* A segment view of `t` with pointers into it. */
steno_segment transcript_view(const transcript *t, uint32_t id);

/* Han, Hiragana and Katakana: scripts written without spaces, whose characters are words of their own. */
bool transcript_is_cjk(int32_t character);

/* False for spaces, punctuation and what cannot be seen: what nobody says. */
bool transcript_is_spoken(int32_t character);

/* If ids[0..n) ends in a loop (a phrase of 1..16 tokens repeated: at least 6 times for one token, 4 for 2-3, 3 for
 * longer ones, which makes at least 12 tokens), returns how many tokens to keep: the text with one copy of the phrase;
 * otherwise n. The last copy may have been cut off half-way. */
int transcript_loop(const int32_t *ids, int n);

#endif
