/* schema_trace.c: which trace a job, and a message to somebody, belongs to. */
#include "store/schema.h"

/* As src/watch/trace_text.h writes it: "PARENT STATE", of W3C Trace Context; '': none. */
const char schema_trace[] = "ALTER TABLE jobs ADD COLUMN trace TEXT NOT NULL DEFAULT '';"
                            "ALTER TABLE deliveries ADD COLUMN trace TEXT NOT NULL DEFAULT '';";
