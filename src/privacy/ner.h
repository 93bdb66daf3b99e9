/* ner.h: names of people, places and organisations, by a small tagger that reads left to right.
 *
 * Purpose    an averaged structured perceptron over words (English) and dictionaries, surnames, titles and suffixes (Chinese). Each
 *            tag depends on the words up to NER_AHEAD behind it and on the tags before it, and on nothing else, so what was
 *            decided stays decided when the text goes on. Recognisers' casing is unreliable: the tagger is trained on true, lower,
 *            title and upper case alike.
 * Owner      weights are immutable and part of the program; any thread.
 * Source     M. Collins, "Discriminative training methods for hidden Markov models", EMNLP 2002; L. Ratinov, D. Roth, "Design
 *            challenges and misconceptions in named entity recognition", CoNLL 2009 (greedy left-to-right decoding).
 */
#ifndef STENO_PRIVACY_NER_H
#define STENO_PRIVACY_NER_H

#include "privacy/rule.h"

#define NER_AHEAD 2 /* words a tag looks ahead */

/* A name that begins at token i, if one does: a rule like the others, asked in order (it remembers nothing: what it needs of the tags
 * before i it works out again from at most NER_BEHIND tokens before, which are the same whatever follows). */
rule_ask rule_name;

#endif
