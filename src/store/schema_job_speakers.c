/* schema_job_speakers.c: jobs that tell speakers apart. */
#include "store/schema.h"

const char schema_job_speakers[] =
    "ALTER TABLE jobs ADD COLUMN diarize INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE jobs ADD COLUMN min_speakers INTEGER NOT NULL DEFAULT 0;" /* 0: counted */
    "ALTER TABLE jobs ADD COLUMN max_speakers INTEGER NOT NULL DEFAULT 0;" /* 0: as usual */
    "ALTER TABLE jobs ADD COLUMN voices TEXT;"; /* names of enrolled ones, with commas between them; NULL: none */
