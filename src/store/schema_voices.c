/* schema_voices.c: the tables of enrolled voices. */
#include "store/schema.h"

/* Times end in _s and are of the wall clock, for people. Names and consents are in the clear: they are what people look for;
 * what a voice is like is in `print` alone, sealed (voice_key.h) together with the row's id, owner, name and model. */
const char schema_voices[] =
    "CREATE TABLE voices ("
    " id TEXT PRIMARY KEY,"
    " owner TEXT NOT NULL," /* whose key: nobody else sees it; '': made without one */
    " name TEXT NOT NULL,"
    " print BLOB NOT NULL, key_id BLOB NOT NULL,"
    " model TEXT NOT NULL," /* that made the print: another one's are of no use to it */
    " speech_s REAL NOT NULL, snr_db REAL NOT NULL, clipped REAL NOT NULL, unity REAL NOT NULL,"
    " consent TEXT NOT NULL CHECK (consent <> ''), consent_by TEXT NOT NULL, consent_s INTEGER NOT NULL,"
    " created_s INTEGER NOT NULL,"
    " UNIQUE (owner, name));"
    /* Other processes look at this one number to see whether voices have changed. */
    "CREATE TABLE voice_change (n INTEGER NOT NULL);"
    "INSERT INTO voice_change VALUES (0);";
