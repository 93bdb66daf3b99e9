/* shadow_store.h: what came of a model in the shadow, so that it outlives a restart and can be read without the server.
 *
 * Owner      the store thread, or a subcommand's main thread. Times are of the wall clock, in seconds, and passed in. What the texts hold is
 *            not this file's affair.
 */
#ifndef STENO_STORE_SHADOW_STORE_H
#define STENO_STORE_SHADOW_STORE_H

#include "store/db.h"

/* Each replaces what is there. The caller may be inside a transaction. */
STENO_CHECK steno_err shadow_store_put_run(db *d, const char *run, int64_t since_s, int64_t now_s, const char *counts,
                                           const char *summary);
STENO_CHECK steno_err shadow_store_put_minute(db *d, const char *run, int64_t start_s, const char *minute);
STENO_CHECK steno_err shadow_store_put_sample(db *d, const char *run, int place, int64_t at_s, const char *sample);
/* Minutes and samples from before. */
STENO_CHECK steno_err shadow_store_expire(db *d, int64_t before_s);
/* The words of all samples ("a" and "b") become null; their figures stay. */
STENO_CHECK steno_err shadow_store_forget_texts(db *d);

typedef struct shadow_store_run {
    char *run, *counts, *summary; /* owned; NULL: there is none */
    int64_t since_s, updated_s;
} shadow_store_run;

/* `run` NULL: the one that was written last. Without any, *out is empty. */
STENO_CHECK steno_err shadow_store_get_run(db *d, const char *run, shadow_store_run *out);
void shadow_store_run_free(shadow_store_run *r);

typedef void shadow_store_row(void *ctx, int64_t at_s, const char *text);
/* From from_s on, in the order of time. */
STENO_CHECK steno_err shadow_store_minutes(db *d, const char *run, int64_t from_s, shadow_store_row *row, void *ctx);
STENO_CHECK steno_err shadow_store_samples(db *d, const char *run, shadow_store_row *row, void *ctx);

#endif
