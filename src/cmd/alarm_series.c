/* alarm_series.c: see alarm_series.h.
 *
 * Owner: the main thread. The format is that of the Numenta Anomaly Benchmark's files, among others.
 */
#include "cmd/alarm_series.h"
#include "watch/series.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LINE_BYTES_MAX 256
#define SECONDS_MAX    4e11

static bool read_number(const char *text, double *out) {
    char *end;
    *out = strtod(text, &end);
    end += strspn(end, " \t\r\n");
    return end != text && *end == '\0' && isfinite(*out);
}

static bool read_time(const char *text, int64_t *out) {
    static const char *const forms[] = {"%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"};
    double seconds;
    if (strspn(text, "0123456789-:.TZ ") != strlen(text)) return false; /* it is printed as it stands */
    if (read_number(text, &seconds)) {
        *out = (int64_t)seconds;
        return fabs(seconds) < SECONDS_MAX;
    }
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        struct tm parts = {0};
        const char *end = strptime(text, forms[i], &parts);
        if (!end) continue;
        if (*end == '.') end += 1 + strspn(end + 1, "0123456789"); /* fractions of a second do not matter */
        if (end[*end == 'Z'] != '\0') continue;
        *out = timegm(&parts);
        return true;
    }
    return false;
}

static bool read_line(char *line, int64_t *at_s, double *value) {
    char *comma = strchr(line, ',');
    if (!comma) return false;
    *comma = '\0';
    return read_time(line, at_s) && read_number(comma + 1, value);
}

static void put(const char *time, double value, double surprise, bool json) {
    if (json)
        printf("{\"time\":\"%s\",\"value\":%.9g,\"surprise\":%.4g}\n", time, value, surprise);
    else
        printf("%s,%.9g,%.4g\n", time, value, surprise);
}

steno_err alarm_series_run(FILE *in, double least, bool json) {
    char line[LINE_BYTES_MAX];
    series_watch w = {0};
    for (uint64_t number = 1; fgets(line, sizeof line, in); number++) {
        int64_t at_s;
        double value;
        size_t n = strlen(line);
        if (n == sizeof line - 1 && line[n - 1] != '\n')
            return err_fail(STENO_E_LIMIT, "line %" PRIu64 " is longer than %d bytes", number, LINE_BYTES_MAX - 2);
        if (!read_line(line, &at_s, &value)) {
            if (number == 1) continue;
            return err_fail(STENO_E_FORMAT, "line %" PRIu64 ": want TIME,VALUE", number);
        }
        double surprise = series_step(&w, value, at_s);
        if (surprise >= least) put(line, value, surprise, json);
    }
    if (ferror(in)) return err_fail(STENO_E_IO, "%s", strerror(errno));
    return STENO_OK;
}
