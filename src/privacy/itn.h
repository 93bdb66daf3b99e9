/* itn.h: inverse text normalisation: spoken numbers, dates, times, amounts, percentages as they are written.
 *
 * "twenty three dollars and five cents" -> "$23.05", "may first nineteen ninety" -> "May 1, 1990", "二零二四年三月五号" -> "2024年3月5日",
 * "百分之五十" -> "50%", "one three eight one two" -> "13812". Words that merely look like numbers ("one of them", "一些", "a second") stay.
 *
 * Owner      any thread; pure: text in, edits out; nothing is allocated.
 * Invariants edits are in order and do not overlap; linear in the text.
 */
#ifndef STENO_PRIVACY_ITN_H
#define STENO_PRIVACY_ITN_H

#include "privacy/token.h"

#define ITN_WRITTEN_MAX 48

typedef struct text_edit {
    uint32_t at, n; /* bytes of the text, replaced … */
    uint32_t written_bytes;
    char written[ITN_WRITTEN_MAX]; /* … by this; zero-terminated */
} text_edit;

/* Edits of text [n]; *settled (may be NULL): bytes at the front that no continuation changes, n if whole. At most `room`; returns
 * how many. The text is at most FIND_TEXT_MAX bytes. */
uint32_t itn_find(const char *text, size_t n, bool whole, text_edit *out, uint32_t room, size_t *settled);

#endif
