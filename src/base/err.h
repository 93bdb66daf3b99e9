/* err.h: how a failure is reported inside steno.
 *
 * A failing function returns `err_fail(code, "sentence naming %s and the reason", …)`. The sentence is kept for the
 * calling thread only; code that carries a failure to another thread copies the text into its message.
 */
#ifndef STENO_BASE_ERR_H
#define STENO_BASE_ERR_H

#include "steno.h"

#define ERR_DETAIL_BYTES 512

/* Records the sentence for this thread (truncated to ERR_DETAIL_BYTES - 1) and returns `code`. Any thread. */
steno_err err_fail(steno_err code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Leaves early with the callee's error. */
#define ERR_TRY(expr)                                                                                                  \
    do {                                                                                                               \
        steno_err err_try_ = (expr);                                                                                   \
        if (err_try_ != STENO_OK) return err_try_;                                                                     \
    } while (0)

#endif
