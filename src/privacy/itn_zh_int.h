/* itn_zh_int.h: Mandarin characters as numbers, for itn_zh.c.
 *
 * Owner      any thread; pure.
 * Invariants those of itn_int.h: a Han token is one character.
 */
#ifndef STENO_PRIVACY_ITN_ZH_INT_H
#define STENO_PRIVACY_ITN_ZH_INT_H

#include "privacy/itn_int.h"

#define ZH_RUN_MAX ITN_ROW_MAX /* characters of one number */
#define ZH_WAN     INT64_C(10000)
#define ZH_YI      INT64_C(100000000)

/* The character at token k, if it is Han and stands right behind the one before; else 0. */
int64_t zh_code_at(reader *r, uint32_t k);
int64_t zh_code_before(const reader *r, uint32_t i, uint32_t back);
/* 0..9, or -1. */
int zh_digit_of(int64_t c);
/* 10 … 100000000, or 0. */
int64_t zh_scale_of(int64_t c);
bool zh_is_liang(int64_t c);
bool zh_is_number_char(int64_t c);

/* Whether `text`, all of it Han, stands at token k, where a blank may be before it. Reads no further than it differs. */
bool zh_stands(reader *r, uint32_t k, const char *text);
/* And where none may. */
bool zh_says(reader *r, uint32_t k, const char *text);
bool zh_says_one(reader *r, uint32_t k, const char *const *words);
/* Whether the character at k, and the one before i, is one of `chars`. */
bool zh_is_one(reader *r, uint32_t k, const char *chars);
bool zh_was_one(const reader *r, uint32_t i, const char *chars);
/* Nothing follows that could belong to it: a sign, an end, a word of letters. */
bool zh_ends(reader *r, uint32_t k);

/* Number characters one after the other: as many as there are. */
typedef struct zh_run {
    uint32_t first, end; /* tokens */
    uint32_t n;
    bool liang, radio; /* 两, 拐 among them */
    int64_t codes[ZH_RUN_MAX];
} zh_run;

void zh_run_read(reader *r, uint32_t i, zh_run *run);
/* Figures one after the other; false: there are others. */
bool zh_run_row(const zh_run *run, char out[ZH_RUN_MAX + 1]);
bool zh_is_yao(const zh_run *run);

typedef struct zh_value {
    int64_t yi, wan, rest; /* parts before 亿, before 万, behind; -1: none */
} zh_value;

int64_t zh_value_of(const zh_value *v);
/* These take all n characters or none. */
bool zh_cardinal(const int64_t *c, uint32_t n, zh_value *out);
bool zh_run_cardinal(const zh_run *run, zh_value *v);
/* 300万, 12亿3000万, but 35000. */
void zh_put_value(itn_answer *a, const zh_value *v);

#endif
