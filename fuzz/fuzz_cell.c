/* fuzz_cell.c: any bytes, read line by line as cells, are refused with a reason or written and read back the same; fed to alarms,
 * nothing but finite figures comes out.
 */
#include "watch/alarm.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) abort();                                                                                     \
    } while (0)

static void check_event(void *context, const alarm_event *e) {
    (void)context;
    char json[ALARM_JSON_BYTES], text[ALARM_TEXT_BYTES];
    CHECK(isfinite(e->value) && isfinite(e->norm) && isfinite(e->tolerated));
    CHECK(alarm_print_json(json, e) > 0 && alarm_print(text, e) > 0);
}

static void check_line(alarm_set *set, const char *line, size_t n) {
    monitor_cell cell, back;
    char text[CELL_LINE_BYTES_MAX];
    if (cell_read(line, n, &cell) != STENO_OK) {
        CHECK(*steno_error_detail());
        return;
    }
    size_t length = cell_print(text, &cell);
    CHECK(length > 0 && cell_read(text, length, &back) == STENO_OK);
    CHECK(back.utterances == cell.utterances && strcmp(back.at.host, cell.at.host) == 0);
    /* The line again and again, an hour later each time: two days. */
    for (int i = 0; i < 48; i++, cell.start_s += 3600) alarm_feed(set, &cell, check_event, NULL);
    alarm_each(set, check_event, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    alarm_set *set;
    CHECK(alarm_open(4, &set) == STENO_OK);
    const char *at = (const char *)data, *end = at + size;
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        check_line(set, at, (size_t)((stop ? stop : end) - at));
        at = stop ? stop + 1 : end;
    }
    alarm_close(set);
    return 0;
}
