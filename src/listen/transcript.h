/* transcript.h: tokens with probabilities and times -> a segment with words. Pure functions, no policy about models.
 *
 * Also the guards: transcript_loop() finds the model's known failure, a tail that repeats.
 */
#ifndef STENO_LISTEN_TRANSCRIPT_H
#define STENO_LISTEN_TRANSCRIPT_H

#include "nn/tokenizer.h"
#include "steno.h"

#define TRANSCRIPT_MAX_TOKENS 256
#define TRANSCRIPT_TEXT_BYTES 4096

typedef struct transcript_token {
    int32_t id;
    float logprob;        /* natural log of the token's probability */
    double start_s, end_s; /* in the recording */
} transcript_token;

/* Storage for one segment: fixed size, no pointers into it survive a copy except through transcript_view(). */
typedef struct transcript {
    double start_s, end_s;
    float confidence;
    bool looped;
    uint32_t text_bytes, n_words;
    char text[TRANSCRIPT_TEXT_BYTES];
    steno_word words[TRANSCRIPT_MAX_TOKENS];
} transcript;

/* Words are pieces up to the next piece that starts with a space; punctuation stays on its word; text has single spaces,
 * no leading space, valid UTF-8. A word's confidence is exp(mean logprob of its tokens); the segment's likewise over all
 * tokens. Word times are made monotonic and clipped to [span_start_s, span_end_s]. Chinese characters are words of their
 * own. With no visible text out->text_bytes is 0. */
void transcript_build(const tokenizer *t, const transcript_token *tokens, int n, double span_start_s, double span_end_s,
                      transcript *out);

/* A segment view of `t` with pointers into it. */
steno_segment transcript_view(const transcript *t, uint32_t id);

/* If ids[0..n) ends in a loop (a phrase of 1..16 tokens repeated: at least 6 times for one token, 4 for 2-3, 3 for longer ones of at
 * least 12 tokens in all), returns how many tokens to keep: the text with one copy of the phrase; otherwise n. */
int transcript_loop(const int32_t *ids, int n);

#endif
