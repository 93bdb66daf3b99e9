/* tokenizer.h: token ids -> UTF-8 text for byte-pair vocabularies with byte fallback (Llama, used by Moonshine).
 *
 * The file is text, a piece a line: base64(piece bytes) SPACE id, ids counting up from 0. A leading space inside a
 * piece starts a word.
 * Immutable once open; any thread.
 */
#ifndef STENO_NN_TOKENIZER_H
#define STENO_NN_TOKENIZER_H

#include "base/err.h"

typedef struct tokenizer tokenizer;

STENO_CHECK steno_err tokenizer_open(const char *path, tokenizer **out);
STENO_CHECK steno_err tokenizer_open_memory(const char *name, const char *bytes, size_t n, tokenizer **out);
void tokenizer_close(tokenizer *t);

size_t tokenizer_size(const tokenizer *t);

/* The bytes of one piece, possibly a part of a UTF-8 character; empty for special and unknown ids. *bytes is not
 * zero-terminated and owned by the tokenizer. */
size_t tokenizer_piece(const tokenizer *t, int32_t id, const char **bytes);

/* True when the piece begins a new word (its first byte is a space). */
bool tokenizer_starts_word(const tokenizer *t, int32_t id);

/* Joins pieces into `out` (zero-terminated, at most cap - 1 bytes, never cutting a character), drops one leading space,
 * replaces invalid UTF-8 and NUL by U+FFFD. Returns the length. */
size_t tokenizer_decode(const tokenizer *t, const int32_t *ids, size_t n, char *out, size_t cap);

#endif
