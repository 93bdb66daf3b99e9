/* schema.c: see schema.h. */
#include "store/schema.h"

#include <stddef.h>

const char *const schema_steps[] = {
    schema_jobs,         /* 1 */
    schema_keys,         /* 2 */
    schema_voices,       /* 3 */
    schema_job_speakers, /* 4 */
    schema_redact,       /* 5 */
    schema_watch,        /* 6 */
    schema_trace,        /* 7 */
    schema_shadow,       /* 8 */
    NULL,
};
