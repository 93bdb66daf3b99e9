/* schema_watch.c: the table of what the monitors counted. */
#include "store/schema.h"

/* A row a minute and series: `cell` is a line as src/watch/cell.h writes it, counts and sums only. `series` tells series of one minute
 * apart; start_s is of the wall clock. */
const char schema_watch[] = "CREATE TABLE watch_cells ("
                            " start_s INTEGER NOT NULL, series TEXT NOT NULL, cell TEXT NOT NULL,"
                            " PRIMARY KEY (start_s, series)) WITHOUT ROWID;";
