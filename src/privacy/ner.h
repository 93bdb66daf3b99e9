/* ner.h: names of people, places and organisations, by a small tagger that reads left to right.
 *
 * Purpose    an averaged structured perceptron over words (English) and dictionaries, surnames, titles and suffixes (Chinese). Each
 *            tag depends on the words up to NER_AHEAD behind it and on the tags before it, and on nothing else, so what was
 *            decided stays decided when the text goes on. Recognisers' casing is unreliable: the tagger is trained on true, lower,
 *            title and upper case alike.
 * Owner      weights are immutable and part of the program; any thread. A struct names is one finder's: the tags of one text.
 * Source     M. Collins, "Discriminative training methods for hidden Markov models", EMNLP 2002; L. Ratinov, D. Roth, "Design
 *            challenges and misconceptions in named entity recognition", CoNLL 2009 (greedy left-to-right decoding).
 */
#ifndef STENO_PRIVACY_NER_H
#define STENO_PRIVACY_NER_H

#include "privacy/rule.h"

#define NER_AHEAD 2 /* words a tag looks ahead */

/* Tags of one text, found from left to right: a tag needs those before it, so they are kept while a text is looked through. */
typedef struct names names;
STENO_CHECK steno_err names_open(names **out);
void names_free(names *m); /* NULL is allowed */
/* Before each new reader. */
void names_reset(names *m);

/* A name that begins at token i, if one does: a rule like the others, asked in order. r->names holds what it remembers; without it
 * nothing is found. */
rule_ask rule_name;

#endif
