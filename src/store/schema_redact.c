/* schema_redact.c: what of personal data is masked: of a key's requests, of a job. */
#include "store/schema.h"

/* Modes and kinds are names, as src/privacy calls them; '': nothing is said. */
const char schema_redact[] = "ALTER TABLE api_keys ADD COLUMN redact TEXT NOT NULL DEFAULT '';"
                             "ALTER TABLE api_keys ADD COLUMN redact_types TEXT NOT NULL DEFAULT '';"
                             "ALTER TABLE jobs ADD COLUMN redact TEXT NOT NULL DEFAULT '';"
                             "ALTER TABLE jobs ADD COLUMN redact_types TEXT NOT NULL DEFAULT '';"
                             "ALTER TABLE jobs ADD COLUMN redact_hold_ms INTEGER NOT NULL DEFAULT 0;"
                             "ALTER TABLE jobs ADD COLUMN itn INTEGER NOT NULL DEFAULT 0;";
