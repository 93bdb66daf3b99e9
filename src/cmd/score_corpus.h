/* score_corpus.h: two files of utterances, paired: line by line, by id, or as one text each.
 *
 * Owner: the caller; everything points into the files' bytes.
 */
#ifndef STENO_CMD_SCORE_CORPUS_H
#define STENO_CMD_SCORE_CORPUS_H

#include "score/score_text.h"

#define SCORE_MAX_FILE_BYTES ((size_t)256 << 20)

typedef enum score_pairing {
    SCORE_BY_LINE, /* the n-th line with the n-th */
    SCORE_BY_ID,   /* "id<TAB or space>text", in any order; blank lines are skipped */
    SCORE_WHOLE    /* all lines of a file are one utterance */
} score_pairing;

typedef struct score_line {
    const char *id, *text; /* not zero-terminated; id is NULL without ids */
    size_t id_bytes, text_bytes;
    size_t number; /* from 1, in the file */
} score_line;

typedef struct score_file {
    const char *name;
    char *bytes; /* owned */
    size_t n_bytes;
    score_line *line; /* owned, [n] */
    size_t n;
} score_file;

/* "-" is standard input. A byte-order mark and carriage returns at line ends are dropped. STENO_E_FORMAT when an id
 * stands there twice. */
STENO_CHECK steno_err score_file_read(const char *path, score_pairing pairing, score_file *out);
void score_file_free(score_file *f);

typedef struct score_pairs {
    const score_line **hyp;   /* owned, [ref lines]: the hypothesis of each reference line, NULL when it is missing */
    const score_line **extra; /* owned: hypothesis lines whose id the reference does not have */
    size_t n_missing, n_extra;
} score_pairs;

/* Line by line, files must have the same number of lines, but a hypothesis file without any line leaves everything
 * missing (STENO_E_INVALID otherwise). */
STENO_CHECK steno_err score_pair(const score_file *ref, const score_file *hyp, score_pairing pairing, score_pairs *out);
void score_pairs_free(score_pairs *p);

#endif
