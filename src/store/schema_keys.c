/* schema_keys.c: the tables of API keys and of what they used. */
#include "store/schema.h"

/* Times end in _s and are of the wall clock; 0: never. A limit of 0: none. */
const char schema_keys[] =
    "CREATE TABLE api_keys ("
    " id TEXT PRIMARY KEY,"
    " hash BLOB NOT NULL," /* SHA-256 of the key's text, which is nowhere */
    " name TEXT NOT NULL,"
    " streams INTEGER NOT NULL, requests_per_minute INTEGER NOT NULL, audio_minutes_per_day INTEGER NOT NULL,"
    " origins TEXT NOT NULL," /* blanks between them */
    " created_s INTEGER NOT NULL, expires_s INTEGER NOT NULL, revoked_s INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE api_key_use ("
    " id TEXT NOT NULL, day INTEGER NOT NULL," /* of UTC, since 1970 */
    " audio_ms INTEGER NOT NULL, requests INTEGER NOT NULL, used_s INTEGER NOT NULL,"
    " PRIMARY KEY (id, day)) WITHOUT ROWID;"
    "CREATE INDEX api_key_use_by_day ON api_key_use (day);"
    /* Other processes look at this one number to see whether keys have changed. */
    "CREATE TABLE api_key_change (n INTEGER NOT NULL);"
    "INSERT INTO api_key_change VALUES (0);";
