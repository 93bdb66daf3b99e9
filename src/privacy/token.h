/* token.h: text as the rules read it: words, runs of digits, Han characters, signs; and what each may mean in a spoken number, an
 * address, a date.
 *
 * Owner      any thread; the lexicon is immutable once token_lexicon() has returned.
 * Invariants tokens cover the text in order without overlapping; blanks lie between them; a byte that is not UTF-8 is a sign of
 *            one byte; work is linear in the text.
 */
#ifndef STENO_PRIVACY_TOKEN_H
#define STENO_PRIVACY_TOKEN_H

#include "steno.h"

#define TOKEN_BREAK_CHAR '\x1e' /* stands between two utterances of one speaker */

typedef enum token_kind {
    TOKEN_END,    /* nothing follows */
    TOKEN_WORD,   /* letters of an alphabet with apostrophes inside; case does not matter to senses */
    TOKEN_DIGITS, /* ASCII or full-width digits */
    TOKEN_HAN,    /* one Han character, or a few that mean something together: see sense */
    TOKEN_SIGN,   /* one character that is none of these */
    TOKEN_BREAK   /* another utterance begins */
} token_kind;

/* What a token may mean; several at once. `value` goes with those marked so. English and Mandarin alike. */
#define SENSE_DIGIT                                                                                                    \
    (UINT64_C(1) << 0) /* value 0..9: one, oh, 幺, 两 (also written digits of one figure: no, these are DIGITS) */
#define SENSE_TEEN       (UINT64_C(1) << 1)  /* value 10..19 */
#define SENSE_TENS       (UINT64_C(1) << 2)  /* value 20..90 */
#define SENSE_SCALE      (UINT64_C(1) << 3)  /* value 10^n: hundred, thousand, 十 百 千 万 亿 */
#define SENSE_REPEAT     (UINT64_C(1) << 4)  /* value 2, 3: double, triple */
#define SENSE_ORDINAL    (UINT64_C(1) << 5)  /* value: first, twentieth, 3rd's "rd" is no token of its own */
#define SENSE_MONTH      (UINT64_C(1) << 6)  /* value 1..12 */
#define SENSE_FILLER     (UINT64_C(1) << 7)  /* um, uh, er, 呃, 嗯, 那个 */
#define SENSE_CORRECTION (UINT64_C(1) << 8)  /* no, sorry, wait, 不对, 不是: what came before is said again */
#define SENSE_AT         (UINT64_C(1) << 9)  /* at, @, 艾特 */
#define SENSE_DOT        (UINT64_C(1) << 10) /* dot, point, 点 */
#define SENSE_DASH       (UINT64_C(1) << 11) /* dash, hyphen, minus, 杠, 横杠 */
#define SENSE_UNDERSCORE (UINT64_C(1) << 12)
#define SENSE_PLUS       (UINT64_C(1) << 13)
#define SENSE_SLASH      (UINT64_C(1) << 14)
#define SENSE_AND        (UINT64_C(1) << 15) /* and, in "one hundred and five"; "ampersand" is not one */
#define SENSE_LETTER     (UINT64_C(1) << 16) /* a letter said alone; value 'a'..'z' */
#define SENSE_CURRENCY   (UINT64_C(1) << 17) /* dollars, $, 元, 块 */
#define SENSE_STREET     (UINT64_C(1) << 18) /* street, avenue, 路, 街, 弄, 号 … */
#define SENSE_DOMAIN     (UINT64_C(1) << 19) /* com, org, cn …: ends a domain name */
#define SENSE_COMMON     (UINT64_C(1) << 20) /* a function word: no name begins with it */
#define SENSE_JOIN                                                                                                     \
    (UINT64_C(1) << 21) /* then, followed, by, 然后: may stand among dictated digits without ending them */
#define SENSE_EXTENSION (UINT64_C(1) << 22) /* extension, ext, x, 转 */
#define SENSE_PROVINCE  (UINT64_C(1) << 23) /* 京 沪 粤 …: begins a Chinese plate */
#define SENSE_OPEN      (UINT64_C(1) << 24) /* ( and its full-width sister: may begin a telephone number */
#define SENSE_MAIL      (UINT64_C(1) << 25) /* email, 邮箱: an address of that kind is near */
#define SENSE_PLACE     (UINT64_C(1) << 26) /* value PLACE_…: what a Mandarin word may do in an address */
#define SENSE_ARTICLE   (UINT64_C(1) << 27) /* the, in "the first of May" */
/* Words near a number that say what it is. */
#define SENSE_KEYS         (UINT64_C(0xffffffff) << 32)
#define SENSE_KEY_PHONE    (UINT64_C(1) << 32)
#define SENSE_KEY_ID       (UINT64_C(1) << 33)
#define SENSE_KEY_CARD     (UINT64_C(1) << 34)
#define SENSE_KEY_ACCOUNT  (UINT64_C(1) << 35)
#define SENSE_KEY_SSN      (UINT64_C(1) << 36)
#define SENSE_KEY_PASSPORT (UINT64_C(1) << 37)
#define SENSE_KEY_PLATE    (UINT64_C(1) << 38)
#define SENSE_KEY_BIRTH    (UINT64_C(1) << 39)
#define SENSE_KEY_IBAN     (UINT64_C(1) << 40)
#define SENSE_KEY_IP       (UINT64_C(1) << 41)
#define SENSE_KEY_ADDRESS  (UINT64_C(1) << 42)
#define SENSE_KEY_OTHER    (UINT64_C(1) << 43) /* order, invoice, tracking, 订单: says that a number is none of these */

/* The value of SENSE_PLACE. */
#define PLACE_STOP   1u  /* no name of a place holds it */
#define PLACE_LEAD   2u  /* behind it an address may follow */
#define PLACE_REGION 4u  /* ends the name of a region, */
#define PLACE_STREET 8u  /* of a street, */
#define PLACE_ESTATE 16u /* of an estate or a building */
#define PLACE_UNIT   32u /* stands behind the number of a house, a stair, a room */
#define PLACE_PAIR   64u /* does so with the right character before it: see address_zh.c */

typedef struct token {
    uint32_t at, n; /* bytes of the text */
    uint64_t sense;
    int64_t value; /* of DIGITS the number, -1 from 19 figures on; of a SIGN its code point; else see the senses */
    uint8_t kind;
    bool spaced; /* a blank stands before it */
} token;

/* Makes the lexicon, once for all; cheap afterwards. STENO_E_NOMEM. */
STENO_CHECK steno_err token_lexicon(void);

/* Tokens of text [n] from byte *at on, at most `room` of them; *at moves behind what was read. Returns how many; 0: nothing is
 * left. The last one is not TOKEN_END. */
uint32_t token_read(const char *text, size_t n, size_t *at, token *out, uint32_t room);

/* How many of tokens [n_tokens], all those of text [n], stay as they are whatever follows: the last word may grow, "3" and "r" may
 * become "3rd", a few Han characters a word. */
uint32_t token_closed(const char *text, size_t n, const token *tokens, uint32_t n_tokens);

/* Bytes of text [n] without the beginning of a character at the end that is not all there. */
size_t token_whole_characters(const char *text, size_t n);

/* The figures 0..9 of a DIGITS token into out[room] (not zero-terminated); returns how many there are. */
uint32_t token_figures(const char *text, const token *t, char *out, uint32_t room);

/* Whether a token is this word, whatever its case: `word` is lower case. */
bool token_is(const char *text, const token *t, const char *word);

#endif
