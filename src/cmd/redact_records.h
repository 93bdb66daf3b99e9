/* redact_records.h: `steno redact --json`: one JSON object a line, in which some members are texts.
 *
 * Purpose    each member called as one of `fields`, at whatever depth, is redacted as a text of its own; "entities" beside it says what
 *            was found. Where something was hidden, a member "words" beside it goes: it says the same once more.
 * Owner      the main thread.
 */
#ifndef STENO_CMD_REDACT_RECORDS_H
#define STENO_CMD_REDACT_RECORDS_H

#include "base/err.h"
#include "privacy/redact.h"

#define RECORD_FIELDS_MAX 16

typedef struct record_fields {
    const char *name[RECORD_FIELDS_MAX]; /* into `names` */
    size_t n;
    char names[512];
} record_fields;

/* Told of each text: for the counts. */
typedef void record_seen(void *user, const redact_text *t);

typedef struct record_job {
    redactor *redactor;
    redact_mode mode;
    const record_fields *fields;
    bool bytes; /* positions in bytes */
    record_seen *seen;
    void *user;
} record_job;

/* "text,title". STENO_E_INVALID names the list. */
STENO_CHECK steno_err record_fields_parse(const char *list, record_fields *out);

/* One line without its end becomes *out, owned by the caller (free()), compact. *texts: members that were looked through. STENO_E_FORMAT
 * says why, and never what stands there. */
STENO_CHECK steno_err record_redact(const record_job *job, const char *line, size_t n, char **out, size_t *texts);

#endif
