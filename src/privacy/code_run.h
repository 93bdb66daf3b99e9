/* code_run.h: letters and figures mixed, written or spelled: "DE89 3704", "d e eight nine", "京A·一二三四五".
 *
 * Owner      any thread; a run is the caller's.
 * Invariants reads forward only, at most CODE_TOKENS_MAX tokens and a few behind.
 */
#ifndef STENO_PRIVACY_CODE_RUN_H
#define STENO_PRIVACY_CODE_RUN_H

#include "privacy/number_run.h"

#define CODE_TOKENS_MAX 80
#define CODE_PARTS_MAX  CODE_TOKENS_MAX
#define CODE_TEXT_MAX   128

typedef struct code_part {
    uint32_t first, end; /* tokens */
    uint16_t at, n;      /* of code_run.text */
    uint8_t border;      /* run_border before it */
    bool apart;          /* as in run_part */
} code_part;

typedef struct code_run {
    char text[CODE_TEXT_MAX]; /* A..Z, 0..9 */
    code_part parts[CODE_PARTS_MAX];
    uint32_t n_parts, n_text;
} code_run;

/* The run that begins at token i. `loose`: any short word may be letters of it, as in a code that proves itself; else only letters that
 * are spelled, capitals, and what stands directly at figures. */
void code_read(reader *r, uint32_t i, bool loose, code_run *run);
/* Whether token i continues a code or a number that begins before it. */
bool code_goes_on(const reader *r, uint32_t i);

#endif
