/* itn.h: inverse text normalisation: spoken numbers, dates, times, amounts, percentages as they are written.
 *
 * "twenty three dollars and five cents" -> "$23.05", "may first nineteen ninety" -> "May 1, 1990", "二零二四年三月五号" -> "2024年3月5号",
 * "百分之五十" -> "50%", "one three eight one two" -> "13812". Words that merely look like numbers ("one of them", "一些", "a second") stay.
 *
 *            docs/itn.md says what is written how, and how what could mean two things is decided.
 * Owner      any thread; pure: text in, edits out; nothing is allocated (some 30 KB of the caller's stack). token_lexicon() has returned.
 * Invariants edits are in order and do not overlap, and begin and end with words or characters; linear in the text. For every cut:
 *            the edits of the front, and of the whole before `settled`, are the same.
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
 * how many: where there are more, *settled is where the first that did not fit begins, and a call from there on says the rest. The
 * text is at most FIND_TEXT_MAX bytes. Text behind what is settled may be asked about alone, but words before it help ("at six forty
 * five", 第, 周): leave the sentence whole where it is at hand. */
uint32_t itn_find(const char *text, size_t n, bool whole, text_edit *out, uint32_t room, size_t *settled);

#endif
