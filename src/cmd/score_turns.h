/* score_turns.h: `steno score der` and `steno score switch`: speakers in RTTM files, compared.
 *
 * Owner: the main thread. What is counted: src/speakers/der.h, src/speakers/switch_rate.h, docs/scoring.md.
 */
#ifndef STENO_CMD_SCORE_TURNS_H
#define STENO_CMD_SCORE_TURNS_H

#include <stdbool.h>

#define SCORE_COLLAR_MAX_S 10.0

typedef struct score_turns {
    const char *ref_path, *hyp_path, *uem_path; /* uem_path: NULL or a file */
    double collar_s;
    bool no_overlap, json;
} score_turns;

/* Each prints and returns the exit status: 1 when a file could not be used or the reference holds nothing to score. */
int score_der(const score_turns *job);
int score_switch(const score_turns *job);

#endif
