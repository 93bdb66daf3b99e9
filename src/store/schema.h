/* schema.h: the tables, as numbered steps. Owner: none; constant.
 *
 * A feature adds a file schema_NAME.c with one text, a declaration here and a line at the END of the list in schema.c.
 * Steps are never changed once they were released: a later step alters what an earlier one made. The number of steps
 * done is the database's user_version.
 */
#ifndef STENO_STORE_SCHEMA_H
#define STENO_STORE_SCHEMA_H

extern const char schema_job_speakers[];
extern const char schema_jobs[];
extern const char schema_keys[];
extern const char schema_redact[];
extern const char schema_trace[];
extern const char schema_shadow[];
extern const char schema_voices[];
extern const char schema_watch[];

extern const char *const schema_steps[]; /* ends with NULL */

#endif
