/* itn_int.h: what the files of inverse text normalisation share.
 *
 * Purpose    itn.c walks over the text and asks itn_en.c at words and itn_zh.c at Han characters whether a number begins there;
 *            itn_number.c reads English number words.
 * Owner      any thread.
 * Invariants grammars read forward through reader_at() (rule.h), at most ITN_AHEAD_MAX tokens; an answer that touched the end of a text
 *            that goes on is not taken. Back they look at most ITN_BACK tokens. Here a Han token is always one character and its
 *            value the code point, so that which words the lexicon holds makes no difference.
 */
#ifndef STENO_PRIVACY_ITN_INT_H
#define STENO_PRIVACY_ITN_INT_H

#include "privacy/itn.h"
#include "privacy/rule.h"

#define ITN_AHEAD_MAX 200 /* tokens: a date or an amount with its longest numbers */
#define ITN_BACK      8
#define ITN_RUN_MAX   80 /* words of one English number */
#define ITN_ROW_MAX   40 /* figures of one row; more are another number */

/* What begins at the token asked at: tokens [first, end) are replaced by `written`, if end > first; the next one asked at is `next`. */
typedef struct itn_answer {
    uint32_t first, end, next;
    uint32_t n;
    bool full; /* did not fit: nothing is replaced */
    char written[ITN_WRITTEN_MAX];
} itn_answer;

void itn_put(itn_answer *a, const char *text, size_t n);
void itn_put_text(itn_answer *a, const char *text);
void itn_put_int(itn_answer *a, int64_t value);

void itn_en(reader *r, uint32_t i, itn_answer *a);
void itn_zh(reader *r, uint32_t i, itn_answer *a);

/* ---- English number words (itn_number.c) ------------------------------------------------------------------------- */

typedef enum itn_kind {
    ITN_DIGIT,  /* 0..9 */
    ITN_TEEN,   /* 10..19 */
    ITN_TENS,   /* 20..90 */
    ITN_SCALE,  /* hundred … */
    ITN_REPEAT, /* double, before a digit */
    ITN_AND,
    ITN_POINT,
    ITN_HYPHEN /* where none belongs */
} itn_kind;

typedef struct itn_word {
    uint8_t kind;
    bool oh; /* a zero that is said "oh" */
    int64_t value;
} itn_word;

/* Number words one after the other: as many as there are. */
typedef struct itn_run {
    uint32_t first, end; /* tokens */
    uint32_t n;
    bool article; /* begins with "a" instead of "one" */
    itn_word words[ITN_RUN_MAX];
} itn_run;

typedef struct itn_value {
    int64_t whole;
    int64_t scale; /* 1, or the million that stays a word */
    char fraction[ITN_ROW_MAX + 1];
} itn_value;

bool itn_is_number(const reader *r, const token *t);
/* false: no number begins at token i. */
bool itn_run_read(reader *r, uint32_t i, itn_run *run);
/* These take all n words or none. */
bool itn_cardinal(const itn_word *w, uint32_t n, itn_value *out);
bool itn_row(const itn_word *w, uint32_t n, char out[ITN_ROW_MAX + 1]);
/* `loose`: could as well be two numbers ("fifteen twenty"). */
bool itn_year(const itn_word *w, uint32_t n, int64_t *year, bool *loose);
bool itn_below_100(const itn_word *w, uint32_t n, uint32_t *k, int64_t *value);
/* Hour and minute, "three thirty", "two oh five"; *minute is -1 where only an hour is said. */
bool itn_clock(const itn_word *w, uint32_t n, int64_t *hour, int64_t *minute);
void itn_put_value(itn_answer *a, const itn_value *v);

bool itn_one_of(const reader *r, const token *t, const char *const *words);
/* The word before token i; NULL: none, or another sentence. */
const token *itn_before(const reader *r, uint32_t i);

#endif
