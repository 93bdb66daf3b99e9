/* lexicon.h: the words that mean something to the rules: one a line, in lexicon_en.c and lexicon_zh.c. token.c makes a table of them.
 *
 * Owner      anybody; constant.
 * To add one a line. Words of letters are lower case and ASCII, at most LEXICON_WORD_MAX bytes; Han words are at most
 *            LEXICON_HAN_MAX characters. A word may stand there several times: it means all of it. Signs stand in token.c.
 */
#ifndef STENO_PRIVACY_LEXICON_H
#define STENO_PRIVACY_LEXICON_H

#include "steno.h"

#define LEXICON_WORD_MAX 20 /* bytes */
#define LEXICON_HAN_MAX  6  /* characters */

typedef struct lexicon_word {
    const char *text;
    uint64_t sense; /* SENSE_* of token.h */
    int64_t value;
} lexicon_word;

extern const lexicon_word lexicon_en[];
extern const size_t lexicon_en_n;
extern const lexicon_word lexicon_zh[];
extern const size_t lexicon_zh_n;

#endif
