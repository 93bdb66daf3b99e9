/* said.h: numbers as they are said or written, for rules that want one: an octet, a house, a day, a year, an amount.
 *
 * Owner      any thread; pure: reads forward through reader_at() and no further than it must.
 * Invariants bounded: at most SAID_FIGURES_MAX figures, at most SAID_FILLERS_MAX fillers in a row.
 */
#ifndef STENO_PRIVACY_SAID_H
#define STENO_PRIVACY_SAID_H

#include "privacy/rule.h"

#define SAID_FIGURES_MAX 24
#define SAID_FILLERS_MAX 3

#define SAID_SENSES (SENSE_DIGIT | SENSE_TEEN | SENSE_TENS | SENSE_SCALE | SENSE_REPEAT)

/* One number, or several said one after the other without a word between: "one ninety two" is 1 and 92, and the figures 192. */
typedef struct said {
    char figures[SAID_FIGURES_MAX + 1]; /* zero-terminated */
    uint32_t n;
    uint32_t pieces; /* numbers in it: of "one ninety two" two */
    int64_t value;   /* of the last piece, or -1 */
    uint32_t end;    /* the token behind it */
    bool written;    /* some of it in figures */
} said;

/* One number: "19", "nineteen", "ninety two", "two thousand and one", "double five", 二零零一, 一百九十二. False: none begins at i. */
bool said_piece(reader *r, uint32_t i, said *out);
/* All numbers from i on, fillers between allowed; stops at SAID_FIGURES_MAX. False: none. */
bool said_number(reader *r, uint32_t i, said *out);
/* A number of up to two figures with nothing else before it: a day, a month. -1: none begins at i. */
int said_small(reader *r, uint32_t i, uint32_t *end);
/* A year of four figures, 1900 to 2099 (in figures from 1800 on), and no more: "nineteen ninety", "two thousand and one", "1990", 一九九零. -1: none. */
int said_year(reader *r, uint32_t i, uint32_t *end);
/* Behind fillers (um, 呃) at i; i where there are none or too many. */
uint32_t said_skip_fillers(reader *r, uint32_t i);

/* Whether a token begins where the one before it ends. */
bool said_adjacent(const token *t);
/* Whether it may begin a number: no reading ahead. */
bool said_begins(const token *t);
/* A token's text without case, ASCII, in a sorted list. */
bool said_in(const char *text, const token *t, const char *const *sorted, size_t n);

#endif
