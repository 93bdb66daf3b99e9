/* schema_jobs.c: the tables of recordings that wait, what became of them, and what others are told about it. */
#include "store/schema.h"

/* Times end in _ms and are of the wall clock: for people and for retention; nothing is scheduled by them alone. */
const char schema_jobs[] =
    "CREATE TABLE jobs ("
    " seq INTEGER PRIMARY KEY AUTOINCREMENT," /* the order in which they were accepted */
    " id TEXT NOT NULL UNIQUE,"
    " owner TEXT NOT NULL,"                 /* whose key: nobody else sees it */
    " state INTEGER NOT NULL,"              /* jobs.h: job_state */
    " attempts INTEGER NOT NULL DEFAULT 0," /* how often it was started */
    " created_ms INTEGER NOT NULL, started_ms INTEGER, ended_ms INTEGER,"
    " spool TEXT,"                                          /* file of the audio in DIR/spool; NULL: removed */
    " bytes INTEGER NOT NULL,"                              /* of the audio */
    " file_name TEXT NOT NULL, content_type TEXT NOT NULL," /* as the client says */
    " language TEXT NOT NULL, words INTEGER NOT NULL, split INTEGER NOT NULL,"
    " metadata TEXT," /* JSON, given back as it is */
    " webhook_url TEXT, webhook_secret TEXT,"
    " idempotency TEXT, fingerprint TEXT," /* the client's key, and a hash of what came with it */
    " part INTEGER NOT NULL DEFAULT 0,"    /* which file of a request with several */
    " audio_s REAL NOT NULL DEFAULT 0, wall_s REAL NOT NULL DEFAULT 0,"
    " error_code TEXT, error_text TEXT);"
    "CREATE INDEX jobs_by_owner ON jobs (owner, seq);"
    "CREATE INDEX jobs_by_state ON jobs (state, owner, seq);"
    "CREATE INDEX jobs_by_end ON jobs (ended_ms) WHERE ended_ms IS NOT NULL;"
    "CREATE UNIQUE INDEX jobs_by_idempotency ON jobs (owner, idempotency, part) WHERE idempotency IS NOT NULL;"
    "CREATE INDEX jobs_by_spool ON jobs (spool, bytes) WHERE spool IS NOT NULL;"
    "CREATE TABLE job_turns (owner TEXT PRIMARY KEY, turn INTEGER NOT NULL);" /* who was served when */
    /* Beside the jobs, so that lists need not read over them. */
    "CREATE TABLE results ("
    " seq INTEGER PRIMARY KEY REFERENCES jobs (seq) ON DELETE CASCADE,"
    " document BLOB NOT NULL);"
    "CREATE TABLE deliveries ("
    " id TEXT PRIMARY KEY," /* what the receiver knows it by, the same in every attempt */
    " owner TEXT NOT NULL,"
    " job TEXT," /* NULL: not of a job */
    " url TEXT NOT NULL, secret TEXT,"
    " kind INTEGER NOT NULL," /* deliveries.h: delivery_kind */
    " content_type TEXT NOT NULL, body BLOB NOT NULL,"
    " state INTEGER NOT NULL," /* deliveries.h: delivery_state */
    " attempts INTEGER NOT NULL DEFAULT 0,"
    " created_ms INTEGER NOT NULL, next_ms INTEGER NOT NULL, ended_ms INTEGER,"
    " status INTEGER NOT NULL DEFAULT 0, error_text TEXT);" /* of the last attempt */
    "CREATE INDEX deliveries_by_state ON deliveries (state, next_ms);"
    "CREATE INDEX deliveries_by_job ON deliveries (job);";
