/* fuzz_fleet.c: two answers of any bytes, split at a zero, are read as /metrics of one host a minute apart: nothing comes out that no host
 * could have counted, cells are written and read back, and alarms that are fed with them say nothing that is no number.
 */
#include "watch/alarm.h"
#include "watch/fleet.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NOW_S 1767571230

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) abort();                                                                                     \
    } while (0)

static alarm_set *set;

static void check_event(void *context, const alarm_event *e) {
    (void)context, (void)e;
    abort(); /* nobody is judged but this host, of which nothing is heard */
}

static void check_cell(void *context, const monitor_cell *cell) {
    char line[CELL_LINE_BYTES_MAX];
    monitor_cell back;
    size_t *n = context, bytes = cell_print(line, cell);
    ++*n;
    CHECK(strcmp(cell->at.host, "fuzzed:80") == 0 && cell->start_s == NOW_S - 30);
    CHECK(bytes > 0);
    CHECK(isfinite(cell->confidence_sum) && cell->confidence_sum <= (double)cell->texts * 1.00001 + 1e-5);
    CHECK(cell->texts <= cell->utterances && cell->utterances <= 60 * FLEET_RATE_MAX);
    if (cell_read(line, bytes, &back) == STENO_OK) CHECK(cell_same_series(&back.at, &cell->at));
    alarm_feed(set, cell, check_event, NULL);
}

static void look(fleet_host *h, const uint8_t *data, size_t size, int64_t now_s) {
    fleet_text t = {0};
    fleet_look out;
    size_t n = 0;
    if (fleet_text_read(&t, (const char *)data, size) == STENO_OK) {
        CHECK(t.n <= FLEET_SERIES_MAX);
        fleet_host_look(h, &t, now_s, check_cell, &n, &out);
        CHECK(out.cells == n && (out.counted || n == 0));
    } else {
        CHECK(*steno_error_detail());
    }
    fleet_text_free(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fleet_host *h;
    const uint8_t *zero = size ? memchr(data, 0, size) : NULL;
    size_t first = zero ? (size_t)(zero - data) : size;
    CHECK(alarm_open(1, &set) == STENO_OK && alarm_judge(set, "", 4) == STENO_OK);
    CHECK(fleet_host_open("fuzzed:80", &h) == STENO_OK);
    look(h, data, first, NOW_S);
    if (zero) look(h, zero + 1, size - first - 1, NOW_S + 60);
    fleet_host_close(h);
    alarm_close(set);
    return 0;
}
