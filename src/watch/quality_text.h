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

#endif
