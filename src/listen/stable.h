/* stable.h: which part of a live text has settled, and whether a text looks as if it went on.
 *
 * Pure functions. What two hypotheses in a row agree on is settled ("local agreement", Liu et al. 2020): an end of a word is
 * needed in both, and punctuation at the end does not count, because it flips with the word that comes next.
 */
#ifndef STENO_LISTEN_STABLE_H
#define STENO_LISTEN_STABLE_H

#include "listen/transcript.h"

/* How many tokens from the front of now [n_now] are settled, given the hypothesis before [n_before]. */
int stable_tokens(const tokenizer *t, const int32_t *before, int n_before, const int32_t *now, int n_now);

/* How many of the first n tokens are left when `words` words at their end are taken off. */
int stable_hold_back(const tokenizer *t, const int32_t *ids, int n, int words);

/* How many bytes from the front of `text` the first n tokens make: whole characters, no space at the end. */
uint32_t stable_bytes(const tokenizer *t, const int32_t *ids, int n, const transcript *text);

/* Takes punctuation off the end of a text that goes on: the recogniser ends whatever it hears with a full stop. */
void stable_trim_end(transcript *text);

/* True when a speaker who pauses here has probably not finished: the text ends in a comma or the like, or in a word such as
 * "and" or "the". An empty text does not look unfinished. */
bool stable_looks_unfinished(const transcript *text);

#endif
