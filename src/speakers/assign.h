/* assign.h: the best one-to-one assignment of rows to columns.
 *
 * Purpose  mapping of speakers when diarization is scored.
 * Source   the Hungarian algorithm with potentials (Kuhn 1955; Jonker and Volgenant 1987), O(rows^2 * columns).
 * Owner    pure; any thread.
 */
#ifndef STENO_SPEAKERS_ASSIGN_H
#define STENO_SPEAKERS_ASSIGN_H

#include "base/err.h"

/* Maximises the sum of gain[row, column] over pairs; gain [rows, columns] >= 0, finite. column[i] [rows] is the column of row
 * i, or -1: rows without one exist when there are fewer columns, and pairs that gain nothing are not made. STENO_E_NOMEM. */
STENO_CHECK steno_err assign_best(const double *gain, int rows, int columns, int *column);

#endif
