/* number_run.h: digits that are said or written one after the other, with what stands between them.
 *
 * Purpose    "one three eight, uh double five twenty-one", "(212) 555-0198 x12", "幺三八两个六一百二十三": one row of figures, with a
 *            map to the tokens, so that a rule sees figures and finds tokens.
 * Owner      any thread; a run is the caller's.
 * Invariants reads forward only, at most RUN_TOKENS_MAX tokens and the RUN_GAP_MAX behind them.
 */
#ifndef STENO_PRIVACY_NUMBER_RUN_H
#define STENO_PRIVACY_NUMBER_RUN_H

#include "privacy/rule.h"

#define RUN_TOKENS_MAX  80 /* with the gap and what is read ahead less than RULE_AHEAD_MAX */
#define RUN_GAP_MAX     6  /* tokens between two figures of one number */
#define RUN_PARTS_MAX   RUN_TOKENS_MAX
#define RUN_FIGURES_MAX 32 /* of one written token: longer ones are no number of anybody's, and end a run */
#define RUN_TEXT_MAX    (RUN_PARTS_MAX * RUN_FIGURES_MAX)

/* What stands before a part, from tight to loose. */
typedef enum run_border {
    BORDER_JOINED, /* nothing: spoken figures, one after the other */
    BORDER_SIGN,   /* - . / ( ), also spoken */
    BORDER_BLANK,  /* of written figures */
    BORDER_PAUSE,  /* a comma, the end of a sentence or an utterance, um, then */
    BORDER_CORRECTION
} run_border;

/* One token or a few that say one or several figures: "5", "5678", "double five", "twenty one", "一百二十". */
typedef struct run_part {
    uint32_t first, end; /* tokens */
    uint16_t at, n;      /* of run.text */
    uint8_t border;      /* run_border */
    char sign;           /* of BORDER_SIGN: - . / (; of BORDER_PAUSE: | where an utterance ended */
    bool spoken;
    bool apart; /* "fifty one": 51, but may be meant as 50 and 1 */
} run_part;

typedef struct number_run {
    char text[RUN_TEXT_MAX]; /* 0..9; '+' before a country's code; 'X' a letter x, 'E' "extension" */
    run_part parts[RUN_PARTS_MAX];
    uint32_t n_parts, n_text;
    uint32_t first, end; /* tokens: with ( before, without what follows the last figure */
    bool cut;            /* it goes on, but is looked at no further */
} number_run;

/* What one part says. */
typedef struct run_saying {
    uint32_t end; /* token behind it; 0: nothing is said */
    uint32_t n;
    char text[RUN_FIGURES_MAX];
    bool spoken, apart;
} run_saying;

/* The figures that token i and those behind it say as one part; letters may stand directly at them ("DE89", "京A12345"). */
void run_say_in_code(reader *r, uint32_t i, run_saying *s);

/* The run that begins at token i; false: none does. */
bool run_read(reader *r, uint32_t i, number_run *run);

#endif
