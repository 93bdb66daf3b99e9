/* quality_text.h: what the monitors counted since the start, as families of /metrics: the names other hosts' fleet comparison, the
 * Prometheus rules and the dashboards go by.
 *
 * Owner: the thread of the monitor; pure. Labels: model, language, and key where the series has one. The host's own series is left out:
 * engine and process families say that.
 */
#ifndef STENO_WATCH_QUALITY_TEXT_H
#define STENO_WATCH_QUALITY_TEXT_H

#include "watch/expo.h"
#include "watch/monitor.h"

void quality_write(expo *e, const monitor *m);
/* The same of cells [n], each of a series of its own. */
void quality_write_cells(expo *e, const monitor_cell *const *cells, size_t n);

/* ---- read back: what another host wrote --------------------------------------------------------------------------- */

/* The field a family is of, or a bucket (`bound`: the value of its label `le`), 0 to 63; -1: none of them. */
int quality_field(const char *name, size_t n);
int quality_bucket(const char *name, size_t n, double bound);
/* Adds to a field; value from 0 to 2^53. Buckets hold sums up to their bound until all are there and quality_take_apart() makes
 * bins of them; false: one is smaller than the one below it. */
void quality_add(monitor_cell *cell, int field, double value);
bool quality_take_apart(monitor_cell *cell);

#endif
