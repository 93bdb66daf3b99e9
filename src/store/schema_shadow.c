/* schema_shadow.c: the tables of what came of a model in the shadow. */
#include "store/schema.h"

/* `run` names the two that are compared. `counts` are sums to go on with after a restart; `summary` is what was to be said of them, JSON;
 * texts of samples have been through a gate, `owner` is whose key it was. Times are of the wall clock. */
const char schema_shadow[] = "CREATE TABLE shadow_runs ("
                             " run TEXT PRIMARY KEY, since_s INTEGER NOT NULL, updated_s INTEGER NOT NULL,"
                             " counts TEXT NOT NULL, summary TEXT NOT NULL) WITHOUT ROWID;"
                             "CREATE TABLE shadow_minutes ("
                             " run TEXT NOT NULL, start_s INTEGER NOT NULL, minute TEXT NOT NULL,"
                             " PRIMARY KEY (run, start_s)) WITHOUT ROWID;"
                             "CREATE TABLE shadow_samples ("
                             " run TEXT NOT NULL, place INTEGER NOT NULL, at_s INTEGER NOT NULL, sample TEXT NOT NULL,"
                             " PRIMARY KEY (run, place)) WITHOUT ROWID;";
